"""What pods ask of each node with GPUs, and what is left: requests against what the node can give.

The scheduler's own sum: what is used plays no part. Absent where not all pods are seen, for then nothing is free.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.cluster import NodeInfo, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.membership import controllers_of, pods_of

PARTS: Final = ("lanes", "daemons", "others", "free")
_TAKEN: Final = ("lanes", "daemons", "others")
CPU, MEMORY = "cpu", "memory"
_FINISHED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one pod of a lane requests of a resource, and what the node that it is on can give."""

    pool: str
    namespace: str
    lane: str
    node: str
    resource: str
    requested: float
    allocatable: float
    generation: int = 0  # of the lane's spec; 0: nothing made the pod

    @property
    def ratio(self) -> float:
        """The request as a share of the node."""
        return self.requested / self.allocatable


def parts(info: NodeInfo, resource: str, workloads: Workloads) -> dict[str, float]:
    """Return who requests how much of a node's resource and what is free; together that is what is allocatable."""
    allocatable = info.allocatable.get(resource)
    if allocatable is None or workloads.loads is None:
        return {}
    loads = workloads.loads.get(info.name, {})
    taken = {part: loads.get(part, {}).get(resource, 0.0) for part in _TAKEN}
    return {**taken, "free": allocatable - sum(taken.values())}


def shares(pools: Sequence[Pool], workloads: Workloads, nodes: Mapping[str, NodeInfo]) -> tuple[Share, ...]:
    """Return the shares of every lane on each of `nodes` that it runs on; a parked one has them on the only node."""
    return tuple(share for pool in pools for share in _shares_of(pool, workloads, nodes))


def _shares_of(pool: Pool, workloads: Workloads, nodes: Mapping[str, NodeInfo]) -> Iterator[Share]:
    controllers = {(one.namespace, one.name): one for one in controllers_of(pool, workloads)}
    running = _newest(pod for pod in pods_of(pool, workloads) if pod.node in nodes and pod.phase not in _FINISHED)
    for (namespace, lane, node), pod in running.items():
        made_by = controllers.get((namespace, lane))
        key = (pool.name, namespace, lane, made_by.generation if made_by else 0)
        yield from _shares_on(nodes[node], key, pod.requests)
    parked = controllers.keys() - {(namespace, lane) for namespace, lane, _ in running}
    if len(nodes) == 1:
        (only,) = nodes.values()
        for namespace, lane in sorted(parked):
            one = controllers[namespace, lane]
            yield from _shares_on(only, (pool.name, namespace, lane, one.generation), one.requests)


def _shares_on(info: NodeInfo, key: tuple[str, str, str, int], requests: Mapping[str, float]) -> Iterator[Share]:
    pool, namespace, lane, generation = key
    for resource in (CPU, MEMORY):
        requested, allocatable = requests.get(resource), info.allocatable.get(resource)
        if requested is not None and allocatable:
            yield Share(
                pool=pool,
                namespace=namespace,
                lane=lane,
                node=info.name,
                resource=resource,
                requested=requested,
                allocatable=allocatable,
                generation=generation,
            )


def _newest(pods: Iterator[Pod]) -> dict[tuple[str, str, str], Pod]:
    """Return one pod for each lane and node: the newest, for the older ones go."""
    return {
        (pod.namespace, pod.lane, pod.node): pod for pod in sorted(pods, key=lambda pod: (pod.created_at or 0, pod.uid))
    }
