"""What a snapshot proves about the layers below a lane: node, driver, card, allocation, pod.

Pure. Says only what is proven: a part of the snapshot that is None proves nothing, neither good nor bad.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

from exporter.cluster import Pod
from exporter.snapshot import Device, Snapshot

Cause = Literal[
    "none",
    "unknown",
    "node",
    "driver",
    "device",
    "allocation",
    "lane_pod",
    "backend_process",
    "backend_work",
    "network",
    "gateway_process",
    "gateway_key",
    "alias_route",
    "gateway_translation",
    "first_token",
    "output",
]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one layer that explains an outcome, and the sentences that say why."""

    cause: Cause
    evidence: tuple[str, ...] = ()


_NODE_REASONS: Final = ("NodeLost", "NodeShutdown")
_ALLOCATION_REASONS: Final = ("Insufficient", "UnexpectedAdmissionError")  # as the scheduler and the kubelet word it


def lowest_proven(snapshot: Snapshot, lane: str) -> Verdict | None:
    """Return the lowest layer under `lane` that the snapshot proves bad; an empty lane: which one is not known."""
    return next((verdict for check in _CHECKS if (verdict := check(snapshot, lane))), None)


def lane_evidence(snapshot: Snapshot, lane: str) -> tuple[str, ...]:
    """Return what is known of the lane's pods, for the person who reads a verdict that is about something else."""
    if not lane:
        return ("no lane is configured for the alias: nothing below the gateway was looked at",)
    if snapshot.workloads is None:
        return (f"lane {lane}: its pods are not known here",)
    return tuple(f"lane {lane}: {_describe(pod)}" for pod in _pods(snapshot, lane))


def _check_node(snapshot: Snapshot, lane: str) -> Verdict | None:
    lost = [pod for pod in _pods(snapshot, lane) if pod.reason.startswith(_NODE_REASONS)]
    if not lost or _has_running(snapshot, lane):
        return None
    return Verdict("node", tuple(f"node {pod.node or '?'}: {_describe(pod)}" for pod in lost))


def _check_driver(snapshot: Snapshot, lane: str) -> Verdict | None:
    devices = _devices(snapshot, lane)
    if not devices or not all(device.unavailable in {"hung", "failed"} for device in devices):
        return None
    return Verdict("driver", tuple(f"card {device.index}: the driver's calls are {_why(device)}" for device in devices))


def _check_device(snapshot: Snapshot, lane: str) -> Verdict | None:
    gone = [device for device in _devices(snapshot, lane) if device.unavailable in {"lost", "missing"}]
    return Verdict("device", tuple(f"card {device.index} is {_why(device)}" for device in gone)) if gone else None


def _check_allocation(snapshot: Snapshot, lane: str) -> Verdict | None:
    refused = [pod for pod in _pods(snapshot, lane) if any(words in pod.reason for words in _ALLOCATION_REASONS)]
    if not refused or _has_running(snapshot, lane):
        return None
    return Verdict("allocation", tuple(f"lane {lane}: {_describe(pod)}" for pod in refused))


def _check_pod(snapshot: Snapshot, lane: str) -> Verdict | None:
    """Prove the pod bad where the lane is known to the cluster and no pod of it runs."""
    if snapshot.workloads is None or _has_running(snapshot, lane):
        return None
    desired = [one.desired_replicas for one in snapshot.workloads.controllers if one.name == lane]
    pods = tuple(f"lane {lane}: {_describe(pod)}" for pod in _pods(snapshot, lane))
    if desired == [0]:
        return Verdict("lane_pod", (f"lane {lane} is parked: its Deployment asks for 0 replicas", *pods))
    return Verdict("lane_pod", pods or (f"lane {lane} has no pod",)) if desired or pods else None


_CHECKS: Final[tuple[Callable[[Snapshot, str], Verdict | None], ...]] = (
    _check_node,
    _check_driver,
    _check_device,
    _check_allocation,
    _check_pod,
)


def _pods(snapshot: Snapshot, lane: str) -> list[Pod]:
    if snapshot.workloads is None or not lane:
        return []
    return [pod for pod in snapshot.workloads.pods if pod.lane == lane]


def _has_running(snapshot: Snapshot, lane: str) -> bool:
    return any(pod.phase == "Running" and not pod.reason.startswith(_NODE_REASONS) for pod in _pods(snapshot, lane))


def _devices(snapshot: Snapshot, lane: str) -> list[Device]:
    """Return the cards that the kubelet gave to the lane; on a machine with one card there is no doubt anyway."""
    devices = snapshot.gpus.devices if snapshot.gpus else ()
    if len(devices) == 1:
        return list(devices)
    given = _device_ids(snapshot, lane)
    return [device for device in devices if device.uuid in given]


def _device_ids(snapshot: Snapshot, lane: str) -> set[str]:
    pods = {(pod.namespace, pod.name) for pod in _pods(snapshot, lane)}
    containers = snapshot.allocations.containers if snapshot.allocations else ()
    ids = (
        one for container in containers if (container.namespace, container.pod) in pods for one in container.device_ids
    )
    return {one.partition("::")[0] for one in ids}  # a time-sliced card is advertised as `GPU-…::0`, `::1` …


def _describe(pod: Pod) -> str:
    because = f" ({pod.reason})" if pod.reason else ""
    readiness = "" if pod.phase != "Running" else ", ready" if pod.is_ready else ", not ready"
    return f"pod {pod.namespace}/{pod.name} is {pod.phase}{readiness}{because}"


def _why(device: Device) -> str:
    return {"hung": "not answered", "failed": "refused"}.get(device.unavailable or "", device.unavailable or "well")
