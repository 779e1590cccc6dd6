"""Pods, lanes, nodes and cards of one small cluster, and the verdict on a pool of them: words for tables of cases."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from exporter.cluster import Controller, Events, NodeInfo, Nodes, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.case import Scene
from exporter.facts.invariant import PoolVerdict, UnitVerdict, judge_pool
from exporter.facts.roll import call_roll
from exporter.facts.sight import look
from exporter.snapshot import Agents, Device, MemoryHolder, NodeView, Owner, Snapshot

LABELS = {"platform.example.com/gpu-llm": "true"}
POOL = Pool(name="gpu-llm", labels=LABELS)
NODES = Pool(name="gpu-llm", labels=LABELS, each="node")
CARDS = Pool(name="gpu-llm", labels=LABELS, each="device")
GPU = {"nvidia.com/gpu": 1.0}
NOW = 10_000.0
INSUFFICIENT = "Unschedulable: Insufficient cpu, nvidia.com/gpu"
MIB = 1 << 20


def pod(lane: str, phase: str = "Running", **fields: object) -> Pod:
    """Return a pod of a lane, of the pool unless `labels` say otherwise; one that waits is on no node."""
    base = Pod(
        namespace="vllm",
        name=f"{lane}-{phase}".lower(),
        uid=f"uid-{lane}-{phase}",
        lane=lane,
        phase=phase,
        kind="Deployment",
        node="" if phase == "Pending" else "n1",
        is_ready=phase == "Running",
        labels={"app": lane, **LABELS},
        requests=GPU,
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # the fields of Pod


def stranger(phase: str = "Running", **fields: object) -> Pod:
    """Return a pod that asks for a GPU and is of no pool."""
    return pod("notebook", phase, **{"labels": {}, **fields})


def lane(name: str, desired: int = 1, **fields: object) -> Controller:
    """Return the Deployment of a lane."""
    base = Controller(
        namespace="vllm", name=name, desired_replicas=desired, labels=LABELS, strategy="Recreate", requests=GPU
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # the fields of Controller


def world(*pods: Pod, lanes: Iterable[Controller] = (), generation: int = 1, **desired: int) -> Workloads:
    """Return the cluster in which `desired` lanes are raised, `deep`, `fast` and `longctx` are there, all pods seen."""
    counts = {"deep": 0, "fast": 0, "longctx": 0} | desired
    made = tuple(lanes) or tuple(lane(name, count, generation=generation) for name, count in counts.items())
    return Workloads(pods=pods, controllers=made, loads={})


def node(name: str = "n1", gpus: float = 1.0, **fields: object) -> NodeInfo:
    """Return a node that is well, with so many GPUs."""
    resources = {"cpu": 15.0, "nvidia.com/gpu": gpus}
    base = NodeInfo(name=name, is_ready=True, capacity=resources, allocatable=resources)
    return replace(base, **fields)  # type: ignore[arg-type]  # the fields of NodeInfo


def view(name: str = "n1", **fields: object) -> NodeView:
    """Return what a node with one free card says of it."""
    base = NodeView(node=name, devices=(Device(uuid=f"GPU-{name}", index=0),), owners=(), holders=())
    return replace(base, **fields)  # type: ignore[arg-type]  # the fields of NodeView


def owner(pod_name: str, uuid: str = "GPU-n1", source: str = "device_plugin") -> Owner:
    """Return the row of a pod that has the card."""
    return Owner(gpu_uuid=uuid, namespace="vllm", pod=pod_name, container="server", lane="", source=source)


def holder(part: str, mebibytes: int, process: str = "python3") -> MemoryHolder:
    """Return who holds memory of the one card of n1."""
    return MemoryHolder(
        gpu_uuid="GPU-n1", part=part, namespace="", pod="", process=process, memory_bytes=mebibytes * MIB
    )


def seen(
    workloads: Workloads | None,
    *,
    nodes: Iterable[NodeInfo] | None = None,
    views: Iterable[NodeView] = (),
    events: Events | None = None,
) -> Snapshot:
    """Return the watcher's snapshot of all that."""
    return Snapshot(
        node="watcher",
        workloads=workloads,
        nodes=None if nodes is None else Nodes(nodes=tuple(nodes)),
        events=events,
        agents=Agents(by_node={one.node: one for one in views}),
    )


def judged(
    snapshot: Snapshot, *, before: PoolVerdict | None = None, now: float = NOW, pool: Pool = POOL
) -> PoolVerdict:
    """Return the verdict on the pool."""
    sight = look(snapshot)
    roll = call_roll(pool, sight.workloads, sight.nodes)
    return judge_pool(Scene(pool=pool, roll=roll, sight=sight, now=now), before)


def unit(verdict: PoolVerdict, name: str = "") -> UnitVerdict:
    """Return the verdict on one unit."""
    return verdict.units[name]


def states(verdict: PoolVerdict) -> Mapping[str, str]:
    """Return the state of each unit."""
    return {name: one.state for name, one in verdict.units.items()}


def reasons(verdict: PoolVerdict) -> set[str]:
    """Return every reason that holds, of the pool or of one of its units."""
    found = set(verdict.violations or ())
    return found.union(*(one.violations or () for one in verdict.units.values()))


def named(verdict: PoolVerdict, reason: str) -> list[str]:
    """Return who is to blame for a reason, as `Kind namespace/name`."""
    places = [verdict.violations or {}, *(one.violations or {} for one in verdict.units.values())]
    return [f"{who.kind} {who.namespace}/{who.name}" for found in places for who in found.get(reason, ())]
