"""The reference node with its lanes as a snapshot, well unless told otherwise, and answers as the probes judge them."""

import dataclasses
from collections.abc import Mapping

from exporter.backend import Backend, Backends, Engine
from exporter.cluster import Container, Controller, NodeInfo, Nodes, Pod, Termination, Workloads
from exporter.config_path import Alias, Lane, Objectives
from exporter.snapshot import Allocation, Allocations, Device, Gpus, Snapshot, SourceState
from probes.attempt import Attempt
from probes.found import ErrorFacts
from probes.layer.case import Case, Probed
from probes.outcome import Outcome

NOW = 10_000.0
NODE = "gpu-worker-1"
GIB = 1 << 30
POOL = {"platform.example.com/gpu-llm": "true"}
FAST = Alias(name="fast", lane="lane-a", interval_seconds=30, objectives=Objectives(first_token_seconds=1.5))
LANE = Lane(name="lane-a", url="http://lane-a:8080", model_id="lane-a")
CARD = Device(
    uuid="GPU-1",
    index=0,
    pci_bus_id="00000000:01:00.0",
    memory_total_bytes=24 * GIB,
    memory_used_bytes=21 * GIB,
    power_watts=60.0,
    power_limit_watts=70.0,
    power_limits_watts={"default": 70.0},
    clock_events=dict.fromkeys(("idle", "power_cap", "sw_thermal", "hw_thermal", "hw_slowdown", "power_brake"), False),
)
POD = Pod(
    namespace="vllm",
    name="a-1",
    uid="u-a",
    lane="lane-a",
    phase="Running",
    node=NODE,
    is_ready=True,
    labels=POOL,
    requests={"nvidia.com/gpu": 1.0},
    created_at=NOW - 7200,
    ready_changed_at=NOW - 7100,
)
RIVAL = dataclasses.replace(POD, name="b-1", uid="u-b", lane="lane-b")
INFO = NodeInfo(name=NODE, is_ready=True, capacity={"nvidia.com/gpu": 1.0}, allocatable={"nvidia.com/gpu": 1.0})
BACKEND = Backend(lane="lane-a", state="idle", scrape="ok", looked_at=NOW - 5, engine=Engine(waiting=0.0))
SOURCES = ("nvml", "podresources", "kubernetes", "nodes", "backends")


def controller(lane: str = "lane-a", desired: int = 1) -> Controller:
    return Controller(namespace="vllm", name=lane, desired_replicas=desired, labels=POOL)


def sources(**down: str) -> dict[str, SourceState]:
    """Every source works but those that are named, with what is said of them."""
    return {
        name: SourceState(name=name, is_up=name not in down, last_success_at=NOW, message=down.get(name, ""))
        for name in SOURCES
    }


def given(pod: str = "a-1", *ids: str) -> Allocation:
    return Allocation(
        namespace="vllm", pod=pod, container="server", resource="nvidia.com/gpu", device_ids=ids or ("GPU-1",)
    )


def world(
    *pods: Pod,
    cards: tuple[Device, ...] = (CARD,),
    controllers: tuple[Controller, ...] = (controller(), controller("lane-b", 0)),
    allocations: tuple[Allocation, ...] | None = (given(),),
    nodes: tuple[NodeInfo, ...] | None = (INFO,),
    backend: Backend | None = BACKEND,
    is_gateway_alive: bool | None = True,
    **parts: object,
) -> Snapshot:
    """The reference node; `parts` are fields of the snapshot that are put over it."""
    backends = Backends(by_lane={"lane-a": backend} if backend else {}, is_gateway_alive=is_gateway_alive)
    whole = Snapshot(
        node=NODE,
        gpus=Gpus(source="nvml", devices=cards),
        allocations=None if allocations is None else Allocations(containers=allocations),
        workloads=Workloads(pods=pods, controllers=controllers),
        nodes=None if nodes is None else Nodes(nodes=nodes),
        backends=backends,
        sources=sources(),
    )
    return dataclasses.replace(whole, **parts)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def well() -> Snapshot:
    return world(POD)


def without_api(snapshot: Snapshot) -> Snapshot:
    """The same while the API server is gone."""
    down = sources(kubernetes="no answer", nodes="no answer")
    return dataclasses.replace(snapshot, workloads=None, nodes=None, sources=down)


def without_kubelet(snapshot: Snapshot) -> Snapshot:
    """The same while the kubelet's socket is gone."""
    return dataclasses.replace(snapshot, allocations=None, sources=sources(podresources="the socket is gone"))


def pod(**changes: object) -> Pod:
    return dataclasses.replace(POD, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def card(**changes: object) -> Device:
    return dataclasses.replace(CARD, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def info(**changes: object) -> NodeInfo:
    return dataclasses.replace(INFO, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def server(state: str, **changes: object) -> Backend:
    return dataclasses.replace(BACKEND, state=state, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def killed(at: float, reason: str = "OOMKilled") -> Container:
    """A container whose last run ended so."""
    return Container(name="server", restarts=1, last=Termination(reason=reason, exit_code=137, at=at))


def probed(outcome: Outcome, *, at: float = NOW - 2, first: float | None = None, **facts: object) -> Probed:
    """An answer through the gateway as LiteLLM would give it; times of the answer only where `first` is given."""
    phases: Mapping[str, float] = {} if first is None else {"first_token": first, "complete": first + 0.2}
    whole = {"alias": "fast", "started_at": at, "seconds": 1.0, "phases": phases, **facts}
    return Probed(Attempt(**whole), outcome)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


def answered(outcome: Outcome = "ok", first: float = 0.4, **facts: object) -> Probed:
    return probed(outcome, first=first, status=200, is_from_gateway=True, is_from_lane=True, is_done=True, **facts)  # type: ignore[arg-type]  # the same


def refused(**facts: object) -> Probed:
    """LiteLLM's words for a lane that takes no connection."""
    error = ErrorFacts(message="litellm.InternalServerError: OpenAIException - Connection error.")
    whole = {"status": 500, "is_from_gateway": True, "error": error, **facts}
    return probed("lane_refused", **whole)  # type: ignore[arg-type]  # the same


def set_aside(**facts: object) -> Probed:
    """LiteLLM's words while it asks no lane, for its only one failed before."""
    said = "No deployments available for selected model, Try again in 5 seconds. Passed model=fast."
    return refused(status=429, error=ErrorFacts(message=said, type="None", code="429"), **facts)


def timed_out(**facts: object) -> Probed:
    whole = {"status": 408, "is_from_gateway": True, **facts}
    return probed("timeout_first", **whole)  # type: ignore[arg-type]  # the same


def direct(outcome: Outcome = "ok", *, at: float = NOW - 1, first: float | None = 0.3, **facts: object) -> Probed:
    whole = {"target": "direct", "lane": "lane-a", "is_from_lane": True, **facts}
    return probed(outcome, at=at, first=first, **whole)


def case(snapshot: Snapshot, gateway: Probed | None = None, past_it: Probed | None = None, **changes: object) -> Case:
    facts = {"alias": FAST, "lane": LANE, "now": NOW, **changes}
    return Case(snapshot=snapshot, gateway=gateway, direct=past_it, **facts)  # type: ignore[arg-type]  # the same
