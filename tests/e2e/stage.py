"""The reference lanes in a namespace and on a node of a test's own, whose scheduler and kubelet the test plays.

Pods are made and removed by real controllers; where they go, how they fare and when they are gone is said here.
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from e2e.cluster import Cluster
from e2e.waiting import eventually

Object = dict[str, Any]
FIXTURES: Final = Path(__file__).parents[1] / "fixtures" / "k8s"
FAST: Final = "qwen36-35b-gguf-fast"
DEEP: Final = "qwen36-27b-deep"
LABELS: Final = {"platform.example.com/gpu-llm": "true"}
GPU: Final = "nvidia.com/gpu"
NO_GPU: Final = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: not eligible."
REJECTED: Final = {
    "phase": "Failed",
    "reason": "UnexpectedAdmissionError",
    "message": "Pod was rejected: Allocate failed due to no healthy devices present; cannot allocate unhealthy devices "
    "nvidia.com/gpu, which is unexpected",
}
_SECONDS: Final = 15.0  # for a controller to act, on a machine that has much else to do


class Stage:
    """One node, six lanes and who acts on them."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.node = f"node-{namespace}"
        self.spare = f"spare-{namespace}"  # a second node; it joins only where a test says so
        lanes = [one for one in load("lanes") if one["kind"] == "Deployment"]
        self._lanes = {one["metadata"]["name"]: one | _metadata(one, namespace=namespace) for one in lanes}

    def set_up(self) -> None:
        """Make the node and the lanes; the fast one serves."""
        self.join(self.node)
        self.cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}])
        self.cluster.apply(self._lanes.values())
        self.serve(FAST)

    def clear(self) -> None:
        """Remove the node, and whatever would still ask for its card."""
        for lane in self._lanes.values():
            self.cluster.delete(lane)
        eventually(self._sweep, expected=0, within=_SECONDS, what=f"pods left in {self.namespace}")
        for node in (one for one in self.cluster.objects("/api/v1/nodes") if one["metadata"]["name"] in self._nodes):
            self.cluster.delete(node)

    def join(self, node: str) -> None:
        """Let a node with one card join the cluster."""
        self.cluster.apply(load("reference-node", {"gpu-worker-0": node}))

    def scale(self, lane: str, replicas: int) -> None:
        """Order replicas, as `kubectl scale` does."""
        self.change(lane, {"replicas": replicas})

    def change(self, lane: str, spec: Mapping[str, Any]) -> None:
        """Order another specification of the lane, of which only these fields differ."""
        changed = copy.deepcopy(self._lanes[lane])
        changed["spec"] |= spec
        self._lanes[lane] = changed
        self.cluster.apply([changed])

    def roll(self, lane: str, image: str) -> None:
        """Order another image."""
        template = copy.deepcopy(self._lanes[lane]["spec"]["template"])
        template["spec"]["containers"][0]["image"] = image
        self.change(lane, {"template": template})

    def serve(self, lane: str, *, on: str = "") -> Object:
        """Let the lane's new pod run and be ready, as soon as its controller has made it."""
        pod = self.placed(lane, on=on)
        self.report(pod, running(pod))
        return pod

    def placed(self, lane: str, *, on: str = "") -> Object:
        """Give the lane's new pod a node."""
        pod = self.waiting(lane)
        self.cluster.bind(pod, on or self.node)
        return pod

    def unschedulable(self, lane: str, message: str = NO_GPU) -> Object:
        """Say that no node takes the lane's new pod."""
        pod = self.waiting(lane)
        self.report(pod, {"phase": "Pending", "conditions": [unscheduled(pod, message)]})
        return pod

    def waiting(self, lane: str) -> Object:
        """Return the one pod of the lane that has no node and is to stay."""
        eventually(lambda: len(self._waiting(lane)), expected=1, within=_SECONDS, what=f"new pods of {lane}")
        return self._waiting(lane)[0]

    def report(self, pod: Object, status: Mapping[str, Any]) -> None:
        """Write how a pod fares, as its kubelet does."""
        self.cluster.patch_status(pod, status)

    def lose(self, lane: str) -> None:
        """Let the pods of a lane vanish that nobody told to go."""
        for pod in self.pods(lane):
            self.cluster.delete(pod)

    def end(self, lane: str) -> None:
        """Let the pods be gone that were told to go."""
        eventually(lambda: bool(self._leaving(lane)), expected=True, within=_SECONDS, what=f"pods of {lane} that go")
        for pod in self._leaving(lane):
            self.cluster.delete(pod)

    def pods(self, lane: str) -> list[Object]:
        """Return the pods of a lane."""
        return [one for one in self._pods() if one["metadata"].get("labels", {}).get("app") == lane]

    def offer(self, gpus: int) -> None:
        """Let the kubelet offer so many GPUs; the node has one."""
        (node,) = (one for one in load("reference-node", {"gpu-worker-0": self.node}) if one["kind"] == "Node")
        self.cluster.patch_status(
            node, node["status"] | {"allocatable": node["status"]["allocatable"] | {GPU: str(gpus)}}
        )

    def go_silent(self) -> None:
        """Let the node be lost: what the node controller writes when its kubelet is heard no more."""
        (node,) = (one for one in load("reference-node", {"gpu-worker-0": self.node}) if one["kind"] == "Node")
        lost = [one | {"status": "Unknown", "reason": "NodeStatusUnknown"} for one in node["status"]["conditions"]]
        self.cluster.patch_status(node, node["status"] | {"conditions": lost})
        for pod in self.pods(FAST):
            self.report(pod, running(pod, is_ready=False))

    def come_back(self) -> None:
        """Let the kubelet of the node be heard again."""
        self.offer(1)
        for pod in self.pods(FAST):
            self.report(pod, running(pod))

    @property
    def _nodes(self) -> tuple[str, str]:
        return (self.node, self.spare)

    def _pods(self) -> list[Object]:
        return self.cluster.objects(f"/api/v1/namespaces/{self.namespace}/pods")

    def _waiting(self, lane: str) -> list[Object]:
        return [one for one in self.pods(lane) if "nodeName" not in one["spec"] and not _is_leaving(one)]

    def _leaving(self, lane: str) -> list[Object]:
        return [one for one in self.pods(lane) if _is_leaving(one)]

    def _sweep(self) -> int:
        left = self._pods()
        for pod in left:
            self.cluster.delete(pod)
        return len(left)


def load(name: str, names: Mapping[str, str] = MappingProxyType({})) -> list[Object]:
    """Return the objects of a fixture, some of its names replaced."""
    text = (FIXTURES / f"{name}.yaml").read_text()
    for old, new in names.items():
        text = text.replace(f'"{old}"\n', f'"{new}"\n')
    return [one for one in yaml.safe_load_all(text) if one is not None]


def running(pod: Object, *, is_ready: bool = True, **container: Any) -> Object:  # noqa: ANN401  # parts of a JSON object
    """Return the status of a pod that runs; `container` are the parts of its container's status that differ."""
    name = pod["spec"]["containers"][0]["name"]
    at = pod["metadata"]["creationTimestamp"]
    image = pod["spec"]["containers"][0]["image"]
    facts = {"name": name, "image": image, "imageID": "", "ready": is_ready, "started": is_ready, "restartCount": 0}
    word = "True" if is_ready else "False"
    conditions = [condition(pod, name, word) for name in ("Ready", "ContainersReady")]
    conditions += [condition(pod, name, "True") for name in ("Initialized", "PodReadyToStartContainers")]
    state = {"state": {"running": {"startedAt": at}}}
    return {"phase": "Running", "conditions": conditions, "containerStatuses": [facts | state | container]}


def crashing(pod: dict[str, Any], ended: dict[str, Any]) -> dict[str, Any]:
    """Return the status of a pod whose server ended so and waits for its next try."""
    at = pod["metadata"]["creationTimestamp"]
    last = {"terminated": {**ended, "startedAt": at, "finishedAt": at}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    return running(pod, is_ready=False, state=waiting, lastState=last, restartCount=6)


def stateful_lane(stage: Stage, name: str) -> Object:
    """Return a StatefulSet that is a lane."""
    pod = bare_pod(stage, name, labels={**LABELS, "app": name})
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"namespace": stage.namespace, "name": name},
        "spec": {
            "replicas": 1,
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]},
        },
    }


def denying(namespace: str, app: str) -> list[Object]:
    """Return a policy that lets no pod of this application into the namespace, and what puts it into force."""
    group, name = "admissionregistration.k8s.io/v1", f"deny-{namespace}"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    rule = {"expression": f"object.metadata.?labels.app.orValue('') != '{app}'", "message": "not this one"}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    policy = {"matchConstraints": {"resourceRules": [pods]}, "validations": [rule]}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": here}
    return [
        {"apiVersion": group, "kind": f"ValidatingAdmissionPolicy{part}", "metadata": {"name": name}, "spec": spec}
        for part, spec in {"": policy, "Binding": binding}.items()
    ]


def condition(pod: Object, name: str, status: str, **more: str) -> Object:
    """Return one condition of a pod, as old as the pod."""
    return {"type": name, "status": status, "lastTransitionTime": pod["metadata"]["creationTimestamp"], **more}


def unscheduled(pod: Object, message: str) -> Object:
    """Return the condition by which a scheduler says that a pod fits nowhere."""
    return condition(pod, "PodScheduled", "False", reason="Unschedulable", message=message)


def bare_pod(stage: Stage, name: str, *, labels: Mapping[str, str], spec: Iterable[tuple[str, Any]] = ()) -> Object:
    """Return a pod without a controller that asks for the card."""
    resources = {"requests": {GPU: "1"}, "limits": {GPU: "1"}}
    container = {"name": "main", "image": "registry.example.com/ai/other:1", "resources": resources}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": stage.namespace, "name": name, "labels": dict(labels)},
        "spec": {"automountServiceAccountToken": False, "containers": [container], **dict(spec)},
    }


def _metadata(one: Object, **changed: str) -> Object:
    return {"metadata": one["metadata"] | changed}


def _is_leaving(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]
