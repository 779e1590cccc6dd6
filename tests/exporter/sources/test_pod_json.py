import json
from typing import Any

import pytest

from exporter.cluster import Container, Pod, Termination
from exporter.sources.pod_json import Keys, decode_pod, read_pod
from exporter.sources.pod_spec_json import requests_of
from fakes.k8s_fixtures import objects, raw

EIGHT = 1763625600.0 + 365 * 86400  # 2026-11-20T08:00:00Z
LLM = "platform.example.com/gpu-llm"


def pod_of(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **metadata: object) -> Pod:
    thing = {"metadata": {"name": "p", "namespace": "n", **metadata}, "spec": spec or {}, "status": status or {}}
    return read_pod(json.dumps(thing).encode())


@pytest.mark.parametrize(
    ("name", "phase", "reason", "restarts", "is_ready"),
    [
        pytest.param("pod-running-ready", "Running", "", 0, True, id="a lane that serves has no reason"),
        pytest.param("pod-crashloop", "Running", "CrashLoopBackOff", 7, False, id="a crash loop is named"),
        pytest.param("pod-imagepull", "Pending", "ImagePullBackOff", 0, False, id="an image that cannot be pulled"),
        pytest.param("pod-oomkilled-restart", "Running", "OOMKilled", 1, True, id="why it was restarted last"),
        pytest.param(
            "pod-failed-unexpected-admission", "Failed", "UnexpectedAdmissionError", 0, False, id="a rejected pod"
        ),
        pytest.param(
            "pod-failed-unexpected-admission-devices-unavailable",
            "Failed",
            "UnexpectedAdmissionError",
            0,
            False,
            id="a pod rejected for want of a free device",
        ),
        pytest.param(
            "pod-pending-insufficient-gpu",
            "Pending",
            "Unschedulable: Insufficient nvidia.com/gpu",
            0,
            False,
            id="what the scheduler misses, without its counts of nodes",
        ),
    ],
)
def test_why_a_pod_does_not_serve(name: str, phase: str, reason: str, restarts: int, is_ready: bool) -> None:  # noqa: FBT001  # a column
    """Each way in which a lane fails leaves its word in the record."""
    pod = read_pod(raw(name)[0])

    assert (phase, reason, restarts, is_ready) == (pod.phase, pod.reason, pod.restarts, pod.is_ready)


def test_whole_record_of_a_pod_that_serves() -> None:
    """Every field that the API server fills is read, labels and annotations only where somebody asks for them."""
    thing = objects("pod-running-ready")[0]
    thing["metadata"]["annotations"] = {"model": "a.gguf", "other": "x"}
    keys = Keys(labels=frozenset({LLM, "absent"}), annotations=frozenset({"model"}))

    assert read_pod(json.dumps(thing).encode(), keys) == Pod(
        namespace="vllm",
        name="qwen36-35b-gguf-fast-6c9f7d4b8-x2x4q",
        uid="00000000-0000-4000-8000-0000a2b25f60",
        lane="qwen36-35b-gguf-fast",
        kind="Deployment",
        phase="Running",
        node="gpu-worker-0",
        is_ready=True,
        labels={LLM: "true"},
        annotations={"model": "a.gguf"},
        requests={"cpu": 10, "memory": 40 * 2**30, "nvidia.com/gpu": 1},
        containers=(
            Container(
                name="llama-server",
                asks_gpu=True,
                is_ready=True,
                image="registry.example.com/ai/llama-server:1",
                image_digest=f"sha256:{1:064d}",
                started_at=EIGHT + 90,
            ),
        ),
        address="10.42.1.20",
        created_at=EIGHT,
        scheduled_at=EIGHT,
        sandbox_at=EIGHT,
        ready_changed_at=EIGHT,
    )


def test_how_the_run_before_ended() -> None:
    """A container that was killed tells when, why and after which start."""
    container = read_pod(raw("pod-oomkilled-restart")[0]).containers[0]

    assert container.last == Termination(
        reason="OOMKilled", exit_code=137, started_at=EIGHT + 90, at=EIGHT + 72 * 60 + 1
    )
    assert (container.started_at, container.ended, container.waiting) == (EIGHT + 72 * 60 + 4, None, "")


def test_what_a_container_waits_for() -> None:
    """A container in a crash loop does not run: no start, but the reason and the end of its last run."""
    container = read_pod(raw("pod-crashloop")[0]).containers[0]

    assert (container.waiting, container.started_at, container.is_ready) == ("CrashLoopBackOff", None, False)
    assert container.last is not None


def test_containers_are_known_before_the_kubelet_speaks() -> None:
    """A pod that waits for a node has the containers that were ordered, and no times that nobody told."""
    pod = read_pod(raw("pod-pending-insufficient-gpu")[0])

    assert [(one.name, one.asks_gpu, one.started_at) for one in pod.containers] == [("llama-server", True, None)]
    assert (pod.node, pod.scheduled_at, pod.sandbox_at, pod.ready_changed_at) == ("", None, None, None)


def test_pod_that_is_told_to_go() -> None:
    """A deletion time makes a running pod a terminating one, and says when it should be gone."""
    pod = read_pod(raw("pod-terminating-stuck")[0])

    assert (pod.phase, pod.is_terminating, pod.delete_by) == ("Running", True, EIGHT + 3630)


@pytest.mark.parametrize(
    ("owner", "labels", "kind", "lane"),
    [
        pytest.param(
            {"kind": "ReplicaSet", "name": "a-b-5f"},
            {"pod-template-hash": "5f"},
            "Deployment",
            "a-b",
            id="a Deployment",
        ),
        pytest.param({"kind": "ReplicaSet", "name": "a-b-5f"}, {}, "ReplicaSet", "a-b-5f", id="a ReplicaSet alone"),
        pytest.param({"kind": "StatefulSet", "name": "a-b"}, {}, "StatefulSet", "a-b", id="a StatefulSet"),
        pytest.param({"kind": "Job", "name": "a"}, {}, "Job", "a", id="a Job"),
        pytest.param({"kind": "DaemonSet", "name": "a"}, {}, "DaemonSet", "a", id="a DaemonSet"),
        pytest.param({"kind": "Node", "name": "worker"}, {}, "", "p", id="a file of the node: nobody made it"),
        pytest.param({"kind": "Job", "name": "a", "controller": False}, {}, "", "p", id="an owner that keeps it not"),
        pytest.param(None, {}, "", "p", id="a pod that somebody made by hand is a lane of its own"),
    ],
)
def test_lane(owner: dict[str, Any] | None, labels: dict[str, str], kind: str, lane: str) -> None:
    """The lane of a pod is what keeps it alive, or itself."""
    pod = pod_of(labels=labels, ownerReferences=[{"controller": True, **owner}] if owner else None)

    assert (kind, lane) == (pod.kind, pod.lane)


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        pytest.param("dra-intel-one-pod-two-gpus", ["llm-two-gpus-0-gpu-4xk2p", "xpumd-7g5hq-gpu-4xk2p"], id="made"),
        pytest.param(
            "dra-intel-two-pods-one-gpu", ["shared-gpu", "shared-gpu", "xpumd-7g5hq-gpu-4xk2p"], id="named, by two"
        ),
    ],
)
def test_claims(name: str, claims: list[str]) -> None:
    """A pod holds the claims that it names, and those that were made for it from a template."""
    assert [claim for one in raw(name, "Pod") for claim in read_pod(one).claims] == claims


def test_claim_for_an_extended_resource() -> None:
    """Where a driver of claims serves `nvidia.com/gpu: 1`, the scheduler makes a claim that only the status names."""
    pod = pod_of(status={"extendedResourceClaimStatus": {"resourceClaimName": "p-extended", "requestMappings": []}})

    assert pod.claims == ("p-extended",)


def resources(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests}}


@pytest.mark.parametrize(
    ("spec", "requests"),
    [
        pytest.param(
            {"containers": [resources(cpu="500m", memory="1Gi"), resources(cpu="1", memory="1Gi")]},
            {"cpu": 1.5, "memory": 2 * 2**30},
            id="containers add up",
        ),
        pytest.param(
            {"containers": [resources(cpu="1")], "initContainers": [resources(cpu="3"), resources(cpu="2")]},
            {"cpu": 3},
            id="init containers run one by one, before the others",
        ),
        pytest.param(
            {
                "containers": [resources(cpu="1")],
                "initContainers": [{**resources(cpu="500m"), "restartPolicy": "Always"}],
            },
            {"cpu": 1.5},
            id="a sidecar stays",
        ),
        pytest.param(
            {
                "containers": [resources(cpu="1")],
                "initContainers": [
                    resources(cpu="1"),
                    {**resources(cpu="500m"), "restartPolicy": "Always"},
                    resources(cpu="2"),
                ],
            },
            {"cpu": 2.5},
            id="an init container runs beside the sidecars before it",
        ),
        pytest.param(
            {"containers": [resources(cpu="1")], "overhead": {"cpu": "250m", "memory": "120Mi"}},
            {"cpu": 1.25, "memory": 120 * 2**20},
            id="a sandbox of its own costs more",
        ),
        pytest.param(
            {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "1", "cpu": "2"}, "requests": {"cpu": "1"}}}]},
            {"cpu": 1, "nvidia.com/gpu": 1},
            id="a limit stands in for a missing request",
        ),
        pytest.param(
            {"containers": [resources(cpu="1", memory="1Gi")], "resources": {"requests": {"cpu": "4"}}},
            {"cpu": 4, "memory": 2**30},
            id="what the pod asks as a whole wins",
        ),
        pytest.param(
            {"containers": [resources(cpu="100m") for _ in range(3)]}, {"cpu": 0.3}, id="exactly, not 0.30..4"
        ),
        pytest.param({}, {}, id="a pod that asks for nothing"),
    ],
)
def test_requests(spec: dict[str, Any], requests: dict[str, float]) -> None:
    """What a pod asks of its node is what the scheduler counts."""
    assert requests_of(decode_pod(json.dumps({"metadata": {}, "spec": spec}).encode()).spec) == requests


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        pytest.param("registry.example.com/a@sha256:01", "sha256:01", id="containerd"),
        pytest.param("docker-pullable://a@sha256:01", "sha256:01", id="dockershim"),
        pytest.param("sha256:01", "", id="an id of the node's own is no digest"),
        pytest.param("", "", id="nothing runs yet"),
    ],
)
def test_digest(image_id: str, digest: str) -> None:
    """The digest is that of the image in its registry."""
    pod = pod_of(status={"containerStatuses": [{"name": "a", "imageID": image_id}]})

    assert pod.containers[0].image_digest == digest


def test_init_containers_come_first_and_are_marked() -> None:
    """Containers stand in the order in which they run; a status without an order is still told."""
    pod = pod_of(
        spec={"containers": [{"name": "server"}], "initContainers": [{"name": "fetch"}]},
        status={"containerStatuses": [{"name": "server", "restartCount": 2}, {"name": "extra"}]},
    )

    assert [(one.name, one.is_init) for one in pod.containers] == [("fetch", True), ("server", False), ("extra", False)]
    assert pod.restarts == 2
