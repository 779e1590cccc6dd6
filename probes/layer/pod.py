"""Allocation and the lane's pod: what Kubernetes made of the order to run the lane."""

from collections.abc import Iterator
from typing import Final

from exporter.cluster import Controller, Pod
from exporter.gpu_resource import is_gpu_resource
from exporter.snapshot import NodeView
from probes.layer.case import Case, Ground, blind
from probes.layers import Finding, broken, unknown, well
from probes.symptom import quote

_REFUSED: Final = "UnexpectedAdmissionError"
_LACKING: Final = "Insufficient"
_KILLED: Final = "OOMKilled"
_GIVEN: Final = frozenset({"device_plugin", "dra"})  # sources of owners to whom a kubelet gave the card
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_RECENT_SECONDS: Final = 60.0  # a pod that was killed explains for so long what broke with it
_SETTLED_SECONDS: Final = 30.0  # a kubelet's word on a younger pod may still be on its way


def judge_allocation(case: Case, ground: Ground) -> Finding:
    """Judge whether the lane was given its card: what runs already needs no new one."""
    if ground.running:
        return _judge_given(case, ground)
    refused = [pod for pod in ground.pods if pod.reason.startswith(_REFUSED) or _lacks_gpu(pod)]
    withdrawn = tuple(_withdrawn(ground)) if _is_wanted(case, ground) else ()
    if refused or withdrawn:
        return broken(*(f"lane {case.alias.lane}: {describe(pod)}" for pod in refused), *withdrawn)
    return blind(case, "podresources", "agents")


def judge_pod(case: Case, ground: Ground) -> Finding:
    """Judge whether a pod of the lane runs; one that runs and is not ready is its server's matter."""
    if case.snapshot.workloads is None:
        return blind(case, "kubernetes")
    controllers = _controllers(case)
    if not controllers and not ground.pods:
        return blind(case)  # a lane that the cluster does not know may run elsewhere
    if not ground.running:
        return broken(*_why_none_runs(case, controllers), *_sentences(case, ground.pods))
    troubles = [_trouble(pod, case, ground) for pod in ground.running]
    if all(troubles):
        return broken(*troubles, *_sentences(case, ground.running))
    return well(*_sentences(case, ground.running))


def describe(pod: Pod) -> str:
    """Return the pod in words."""
    because = f" ({pod.reason})" if pod.reason else ""
    readiness = "" if pod.phase != "Running" else ", ready" if pod.is_ready else ", not ready"
    leaving = ", terminating" if pod.is_terminating else ""
    return f"pod {pod.namespace}/{pod.name} is {pod.phase}{readiness}{leaving}{because}"


def _judge_given(case: Case, ground: Ground) -> Finding:
    told = [view for view in ground.views if view.owners is not None]
    if not told:
        return blind(case, "podresources", "agents")
    taken = [sentence for view in told for sentence in _taken(view, case, ground)]
    if taken:
        return broken(*taken)
    given = {
        owner.gpu_uuid for view in told for owner in view.owners or () if (owner.namespace, owner.pod) in ground.keys
    }
    if not given:
        return unknown("no kubelet says that it gave the lane a card")
    return well(f"the kubelet gave the lane {len(given)} card(s)", *_withdrawn(ground))


def _taken(view: NodeView, case: Case, ground: Ground) -> Iterator[str]:
    """Yield who was given the cards of a node where a settled pod of the lane runs without one."""
    here = [pod for pod in ground.running if pod.node == view.node and any(map(is_gpu_resource, pod.requests))]
    is_settled = all(pod.created_at is None or case.now - pod.created_at > _SETTLED_SECONDS for pod in here)
    cards = {device.uuid for device in view.devices or () if not device.parent_uuid}
    given = [owner for owner in view.owners or () if owner.source in _GIVEN]
    owners = {owner.gpu_uuid: f"{owner.namespace}/{owner.pod}" for owner in given}
    is_ours = any((owner.namespace, owner.pod) in ground.keys for owner in given)
    if here and is_settled and not is_ours and cards and cards <= set(owners):
        yield f"the kubelet of node {view.node} gave the card to pod {', '.join(sorted(set(owners.values())))}"


def _withdrawn(ground: Ground) -> Iterator[str]:
    """Yield the nodes that have cards and offer none: the device plugin is gone, or calls them unhealthy."""
    for info in ground.infos:
        for name, capacity in info.capacity.items():
            if is_gpu_resource(name) and info.allocatable.get(name, capacity) == 0:
                yield f"node {info.name} offers no {name}: the next pod will not start there"


def _is_wanted(case: Case, ground: Ground) -> bool:
    """Whether the lane waits for a card: a parked one does not."""
    return any(one.desired_replicas for one in _controllers(case)) or any(
        pod.phase not in _FINISHED and not pod.is_terminating for pod in ground.pods
    )


def _lacks_gpu(pod: Pod) -> bool:
    if pod.phase != "Pending" or _LACKING not in pod.reason:
        return False
    words = pod.reason.partition(_LACKING)[2].replace(",", " ").replace(";", " ").split()
    return any(is_gpu_resource(word.rstrip(".")) for word in words)


def _controllers(case: Case) -> list[Controller]:
    workloads, lane = case.snapshot.workloads, case.alias.lane
    return [one for one in workloads.controllers if lane and one.name == lane] if workloads else []


def _why_none_runs(case: Case, controllers: list[Controller]) -> Iterator[str]:
    lane = case.alias.lane
    if controllers and not any(one.desired_replicas for one in controllers):
        yield f"lane {lane} is parked: its Deployment asks for 0 replicas"
        return
    yield f"no pod of lane {lane} runs"
    for one in controllers:
        if one.failure:
            yield f"lane {lane}: its pods cannot be made: {quote(one.failure)}"


def _trouble(pod: Pod, case: Case, ground: Ground) -> str:
    """Return why a pod that runs does not serve, as far as Kubernetes knows; empty: it does not know."""
    if pod.reason and not pod.is_ready:
        return f"lane {case.alias.lane}: a container of pod {pod.namespace}/{pod.name} fails: {pod.reason}"
    if _was_killed(pod, case.at - _RECENT_SECONDS):
        return f"lane {case.alias.lane}: a container of pod {pod.namespace}/{pod.name} was killed for memory just now"
    rivals = [] if pod.is_ready else _rivals(pod, case, ground)
    if rivals:
        return f"two lanes run on one card: pod {', '.join(f'{one.namespace}/{one.name}' for one in rivals)} does too"
    return ""


def _was_killed(pod: Pod, since: float) -> bool:
    ends = (end for one in pod.containers for end in (one.last, one.ended) if end is not None)
    return any(end.reason == _KILLED and (end.at or 0.0) >= since for end in ends)


def _rivals(pod: Pod, case: Case, ground: Ground) -> list[Pod]:
    """Return the running pods of other lanes of the same pool on the same node with one card."""
    workloads = case.snapshot.workloads
    if workloads is None or not pod.labels or len(ground.cards) != 1:
        return []
    return [
        other
        for other in workloads.pods
        if other.lane != pod.lane
        and (other.node, other.phase, other.labels) == (pod.node, "Running", pod.labels)
        and not other.is_terminating
    ]


def _sentences(case: Case, pods: tuple[Pod, ...]) -> Iterator[str]:
    return (f"lane {case.alias.lane}: {describe(pod)}" for pod in pods)
