"""What the cluster's sources and the driver would say of one lane on the reference node, well and ill."""

import dataclasses
import time
from typing import Any, Final

from e2e.faults.watch import NODE
from exporter.cluster import Container, Controller, NodeInfo, Nodes, Pod, Termination, Workloads
from exporter.errors import SourceError
from exporter.poll import Part
from exporter.snapshot import Allocation, Allocations, Gpus
from fakes.reference_node import CARD, UUID

_LABELS: Final = {"platform.example.com/gpu-llm": "true"}
_GPU: Final = {"nvidia.com/gpu": 1.0}
_NAMESPACE: Final = "vllm"


def all_well(lane: str) -> dict[str, Part | SourceError]:
    """Return a lane whose pod runs on the only card."""
    given = Allocation(
        namespace=_NAMESPACE, pod=f"{lane}-0", container="server", resource="nvidia.com/gpu", device_ids=(UUID,)
    )
    return {
        "nvml": Gpus(source="nvml", devices=(CARD,)),
        "podresources": Allocations(containers=(given,)),
        "kubernetes": workloads(pod(lane)),
        "nodes": Nodes(nodes=(_node(),)),
    }


def pod(lane: str, **changes: Any) -> Pod:  # noqa: ANN401  # fields of the pod
    """Return the lane's pod."""
    well = Pod(
        namespace=_NAMESPACE,
        name=f"{lane}-0",
        uid=f"uid-{lane}",
        lane=lane,
        kind="Deployment",
        phase="Running",
        node=NODE,
        is_ready=True,
        labels=_LABELS,
        requests=_GPU,
        containers=(Container(name="server", is_ready=True),),
        created_at=time.time() - 3600,
    )
    return dataclasses.replace(well, **changes)


def unscheduled(lane: str, reason: str) -> Workloads:
    """Return a pod that no node takes."""
    return workloads(pod(lane, phase="Pending", node="", is_ready=False, reason=reason, containers=()))


def killed_for_memory(lane: str) -> Workloads:
    """Return a pod whose container was killed just now."""
    end = Termination(reason="OOMKilled", exit_code=137, at=time.time())
    server = Container(name="server", restarts=1, last=end)
    return workloads(pod(lane, is_ready=False, restarts=1, containers=(server,)))


def workloads(one: Pod, *others: Pod, replicas: int = 1) -> Workloads:
    """Return a lane's Deployment and pods."""
    lane = Controller(namespace=_NAMESPACE, name=one.lane, desired_replicas=replicas, labels=_LABELS, requests=_GPU)
    return Workloads(pods=(one, *others), controllers=(lane,))


def parked(lane: str) -> Workloads:
    """Return a lane that nobody wants to run."""
    return dataclasses.replace(workloads(pod(lane), replicas=0), pods=())


def not_ready() -> Nodes:
    """Return the node, which is not Ready."""
    return Nodes(nodes=(dataclasses.replace(_node(), is_ready=False),))


def lost() -> Gpus:
    """Return the card that fell off the bus."""
    return Gpus(source="nvml", devices=(dataclasses.replace(CARD, unavailable="lost"),))


def throttled() -> Gpus:
    """Return the card, too hot to run at its clocks."""
    events = {"hw_thermal": True, "sw_thermal": True, "idle": False}
    return Gpus(source="nvml", devices=(dataclasses.replace(CARD, clock_events=events),))


def _node() -> NodeInfo:
    return NodeInfo(name=NODE, is_ready=True, capacity=_GPU, allocatable=_GPU)
