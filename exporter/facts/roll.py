"""Who is of a pool, who is not and asks for a GPU all the same: made once for each change of the workloads."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.cluster import Controller, NodeInfo, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.membership import controllers_of, pods_of
from exporter.facts.sight import PodKey, gpus

PHASES: Final = ("running", "pending", "failed", "succeeded", "terminating")
FINISHED: Final = frozenset({"Succeeded", "Failed"})

Plan = tuple[tuple[str, str, int, int], ...]
"""Namespace, name, replicas and generation of every controller: it changes when somebody orders something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A pool's pods by phase and controllers, and every other pod that asks for a GPU, by the node that it is on."""

    pods: tuple[Pod, ...] = ()
    controllers: tuple[Controller, ...] = ()
    plan: Plan = ()
    keys: frozenset[PodKey] = frozenset()  # of the pool's pods
    known: frozenset[PodKey] | None = None  # of every pod that asks for a GPU; None: not all are seen
    others: Mapping[str, tuple[Pod, ...]] = field(default_factory=dict)  # node -> pods; empty: not on one yet

    @property
    def desired(self) -> int:
        """How many pods the pool's controllers ask for."""
        return sum(one.desired_replicas for one in self.controllers)


def call_roll(pool: Pool, workloads: Workloads | None, nodes: Mapping[str, NodeInfo] | None) -> Roll | None:
    """Return who is of `pool`; None where it cannot be told, as where it is on some nodes and nodes are not known."""
    if workloads is None or (pool.nodes and nodes is None):
        return None
    members = pods_of(pool, workloads)
    pods = tuple(pod for pod in members if not pod.node or is_on(pool, pod.node, nodes))
    controllers = controllers_of(pool, workloads)
    keys = frozenset((pod.namespace, pod.name) for pod in pods)
    return Roll(
        pods=pods,
        controllers=controllers,
        plan=tuple(sorted((one.namespace, one.name, one.desired_replicas, one.generation) for one in controllers)),
        keys=keys,
        # without `loads` only the pods of the pools were asked for
        known=frozenset((pod.namespace, pod.name) for pod in workloads.pods) if workloads.loads is not None else None,
        others=_by_node(pod for pod in workloads.pods if (pod.namespace, pod.name) not in keys and _asks(pod)),
    )


def is_on(pool: Pool, node: str, nodes: Mapping[str, NodeInfo] | None) -> bool:
    """Whether `pool` is on `node`, by the node's labels."""
    if not pool.nodes:
        return True
    info = (nodes or {}).get(node)
    return info is not None and pool.nodes.items() <= info.labels.items()


def phase(pod: Pod) -> str:
    """Return one of `PHASES`, or `unknown`, which is none of them: the node of that pod is lost."""
    return "terminating" if pod.is_terminating else pod.phase.lower()


def active(pods: Iterable[Pod]) -> Counter[PodKey]:
    """Return how many pods run or wait, by namespace and lane."""
    return Counter((pod.namespace, pod.lane) for pod in pods if phase(pod) in {"running", "pending"})


def lacks_gpu(pod: Pod) -> bool:
    """Whether the scheduler finds no GPU for the pod."""
    return phase(pod) == "pending" and short_of_gpu(pod.reason)


def short_of_gpu(reason: str) -> bool:
    """Whether the reason is the scheduler's complaint that a GPU is missing."""
    _, separator, missing = reason.partition("Insufficient ")
    return bool(separator and gpus(dict.fromkeys(missing.split(", "), 1.0)))


def _asks(pod: Pod) -> bool:
    return pod.phase not in FINISHED and bool(gpus(pod.requests))


def _by_node(pods: Iterable[Pod]) -> dict[str, tuple[Pod, ...]]:
    found: defaultdict[str, list[Pod]] = defaultdict(list)
    for pod in pods:
        found[pod.node].append(pod)
    return {node: tuple(there) for node, there in found.items()}
