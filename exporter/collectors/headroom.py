"""Families of what pods request of the nodes with GPUs, what is free, and whether a lane's share of its node drifts.

`HeadroomCollector` keeps what one snapshot cannot tell: how large a node was when a lane's spec was changed last.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from exporter import catalogue as c
from exporter.cluster import NodeInfo, Workloads
from exporter.collectors.fleet import Filled, families, fill
from exporter.config_cluster import Pool
from exporter.facts.gpu_nodes import gpu_infos, with_cards
from exporter.facts.headroom import CPU, MEMORY, Share, parts, shares
from exporter.facts.offers import gpu_resources
from exporter.metric import Family, Metric, Sample
from exporter.snapshot import Snapshot

_Place = tuple[str, str, str, str, str]  # pool, namespace, lane, node, resource


class HeadroomCollector:
    """Adds up the nodes, and remembers what they could give."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._pools = tuple(pools)
        self._sizes: dict[_Place, tuple[int, float]] = {}  # generation of the lane's spec, and what the node could give
        self._seen: tuple[object, ...] = ()
        self._added: tuple[object, ...] = ()  # what the families were made of
        self._families: tuple[Family, ...] = ()

    def adopt(self, before: "HeadroomCollector") -> None:
        """Remember what the nodes could give."""
        self._sizes = before._sizes  # noqa: SLF001  # its own kind

    def collect(self, snapshot: Snapshot, _now: float) -> Iterator[Family]:
        """Yield every family; none while the API server does not tell of the nodes."""
        seen = (snapshot.nodes, snapshot.workloads, snapshot.dra, with_cards(snapshot))
        if seen != self._seen:
            self._seen = seen
            self._add_up(gpu_infos(snapshot), snapshot.workloads)
        yield from self._families if snapshot.nodes else ()

    def _add_up(self, infos: dict[str, NodeInfo], workloads: Workloads | None) -> None:
        """Make the families anew where the sums may have changed: most of what happens to a pod changes none."""
        taken = shares(self._pools, workloads, infos) if workloads else ()
        added = (infos, workloads is None, workloads.loads if workloads else None, taken)
        if added != self._added:
            self._added = added
            self._families = tuple(families(self._fill(infos, workloads, taken)))

    def _fill(
        self, infos: dict[str, NodeInfo], workloads: Workloads | None, taken: Sequence[Share]
    ) -> Iterator[Filled]:
        hosts = {share.node for share in taken}
        ranked = sorted(infos.values(), key=lambda info: (info.name not in hosts, info.name))
        yield from _node_families(ranked)
        if workloads is None:
            return
        self._remember(taken, workloads)
        yield from _load_families(ranked, workloads)
        yield fill(c.LANE_REQUEST_RATIO, sorted(taken, key=lambda share: -share.ratio), _ratio)
        yield fill(c.LANE_REQUEST_DRIFT, sorted(taken, key=lambda share: -abs(self._drift(share))), self._drifts)

    def _remember(self, taken: Sequence[Share], workloads: Workloads) -> None:
        """Note what the node of each share can give, anew where the lane's spec is another."""
        lanes = {(one.namespace, one.name) for one in workloads.controllers}
        lanes |= {(pod.namespace, pod.lane) for pod in workloads.pods}
        self._sizes = {place: size for place, size in self._sizes.items() if place[1:3] in lanes}
        for share in taken:
            known = self._sizes.get(_place(share))
            if known is None or known[0] != share.generation:
                self._sizes[_place(share)] = (share.generation, share.allocatable)

    def _drift(self, share: Share) -> float:
        """Return the change that comes of the node alone: what the lane requests now, on the node then and now."""
        return share.ratio - share.requested / self._sizes[_place(share)][1]

    def _drifts(self, share: Share) -> Iterator[Sample]:
        yield _sample(c.LANE_REQUEST_DRIFT, share, self._drift(share))


def _ratio(share: Share) -> Iterator[Sample]:
    yield _sample(c.LANE_REQUEST_RATIO, share, share.ratio)


def _place(share: Share) -> _Place:
    return (share.pool, share.namespace, share.lane, share.node, share.resource)


def _sample(metric: Metric, share: Share, value: float) -> Sample:
    return metric.sample(
        value,
        pool=share.pool,
        lane_namespace=share.namespace,
        lane=share.lane,
        node=share.node,
        resource=share.resource,
    )


def _node_families(infos: Sequence[NodeInfo]) -> Iterator[Filled]:
    yield fill(c.NODE_CAPACITY_CORES, infos, partial(_capacity, c.NODE_CAPACITY_CORES, CPU))
    yield fill(c.NODE_CAPACITY_BYTES, infos, partial(_capacity, c.NODE_CAPACITY_BYTES, MEMORY))
    yield fill(c.NODE_CAPACITY_GPUS, infos, _gpu_capacity)


def _load_families(infos: Sequence[NodeInfo], workloads: Workloads) -> Iterator[Filled]:
    yield fill(c.NODE_CPU, infos, partial(_parts, c.NODE_CPU, CPU, workloads))
    yield fill(c.NODE_MEMORY, infos, partial(_parts, c.NODE_MEMORY, MEMORY, workloads))
    yield fill(c.NODE_GPUS, infos, partial(_gpu_parts, workloads))


def _capacity(metric: Metric, resource: str, info: NodeInfo) -> Iterator[Sample]:
    if resource in info.capacity:
        yield metric.sample(info.capacity[resource], node=info.name)


def _gpu_capacity(info: NodeInfo) -> Iterator[Sample]:
    for view, offered in (("capacity", info.capacity), ("allocatable", info.allocatable)):
        for resource in gpu_resources(info):
            if resource in offered:
                yield c.NODE_CAPACITY_GPUS.sample(offered[resource], node=info.name, resource=resource, view=view)


def _parts(metric: Metric, resource: str, workloads: Workloads, info: NodeInfo) -> Iterator[Sample]:
    for part, amount in parts(info, resource, workloads).items():
        yield metric.sample(amount, node=info.name, part=part)


def _gpu_parts(workloads: Workloads, info: NodeInfo) -> Iterator[Sample]:
    for resource in gpu_resources(info):
        for part, amount in parts(info, resource, workloads).items():
            yield c.NODE_GPUS.sample(amount, node=info.name, resource=resource, part=part)
