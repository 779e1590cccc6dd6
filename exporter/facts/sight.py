"""What one instant shows of a pool's surroundings: workloads, nodes, claims, and which card was given to whom."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Final

from exporter.cluster import Events, NodeInfo, Workloads
from exporter.facts import claims
from exporter.facts.gpu_nodes import has_gpus
from exporter.facts.node_views import node_views
from exporter.gpu_resource import is_gpu_resource
from exporter.snapshot import NodeView, Snapshot

PodKey = tuple[str, str]
"""Namespace and name."""

GIVEN_BY: Final = frozenset({"device_plugin", "dra"})  # sources of owners to whom a kubelet gave the card
_COUNT_LABEL: Final = "nvidia.com/gpu.count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Cards are those that work can be put on: of a card that is cut by MIG its instances, not itself."""

    workloads: Workloads | None = None
    nodes: Mapping[str, NodeInfo] | None = None
    gpu_nodes: frozenset[str] = frozenset()  # those that have a GPU, or had one until its device plugin ended
    short_nodes: frozenset[str] = frozenset()  # those that offer fewer GPUs than they have: a card or its plugin is ill
    events: Events | None = None
    views: Mapping[str, NodeView] = field(default_factory=dict)
    cards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # node -> UUIDs
    given: Mapping[str, frozenset[PodKey]] = field(default_factory=dict)  # UUID -> pods; no row: nobody can tell
    monitors: tuple[str, ...] = ()  # `namespace/pod` of those that only look, `*` for any text

    def is_silent(self, node: str) -> bool:
        """Whether the kubelet of `node` is known not to be heard."""
        info = (self.nodes or {}).get(node)
        return info is not None and info.is_ready is None

    def card_count(self, node: str) -> int | None:
        """Return how many cards `node` has, replicas of a shared card not counted; None where nothing says so."""
        if node in self.cards:
            return len(self.cards[node])
        info = (self.nodes or {}).get(node)
        if info is None:
            return None
        labelled = info.labels.get(_COUNT_LABEL, "")
        return int(labelled) if labelled.isdecimal() else int(sum(gpus(info.capacity).values()))

    def has_one_card(self, node: str) -> bool:
        """Whether who is on `node` with a GPU must be on the same card; what is not known is taken for one card."""
        count = self.card_count(node)
        return count is None or count <= 1


def look(snapshot: Snapshot) -> Sight:
    """Return what `snapshot` shows."""
    views = node_views(snapshot)
    cards = {node: _leaves(view) for node, view in views.items() if view.devices is not None}
    cards |= _offered(snapshot, cards)
    return Sight(
        workloads=snapshot.workloads,
        nodes={node.name: node for node in snapshot.nodes.nodes} if snapshot.nodes else None,
        gpu_nodes=_gpu_nodes(snapshot),
        short_nodes=frozenset(node.name for node in snapshot.nodes.nodes if _is_short(node))
        if snapshot.nodes
        else frozenset(),
        events=snapshot.events,
        views=views,
        cards=cards,
        given=_given(snapshot, views, cards),
        monitors=snapshot.monitors,
    )


def gpus(resources: Mapping[str, float]) -> dict[str, float]:
    """Return those of the resources that mean a GPU."""
    return {name: amount for name, amount in resources.items() if _is_gpu(name)}


@lru_cache(maxsize=1024)
def _is_gpu(name: str) -> bool:
    return is_gpu_resource(name)


def _gpu_nodes(snapshot: Snapshot) -> frozenset[str]:
    nodes = snapshot.nodes.nodes if snapshot.nodes else ()
    offering = {device.node for device in snapshot.dra.offered if device.uuid} if snapshot.dra else set[str]()
    return frozenset(node.name for node in nodes if has_gpus(node) or node.name in offering)


def _is_short(node: NodeInfo) -> bool:
    return any(node.allocatable.get(name, 0.0) < amount for name, amount in gpus(node.capacity).items())


def _leaves(view: NodeView) -> tuple[str, ...]:
    devices = view.devices or ()
    cut = {device.parent_uuid for device in devices}
    return tuple(sorted(device.uuid for device in devices if device.uuid not in cut))


def _given(
    snapshot: Snapshot, views: Mapping[str, NodeView], cards: Mapping[str, tuple[str, ...]]
) -> dict[str, frozenset[PodKey]]:
    pods: defaultdict[str, set[PodKey]] = defaultdict(set)
    for node, uuids in cards.items():
        view = views.get(node)
        if (view.owners if view else snapshot.dra) is not None:
            pods.update({uuid: set() for uuid in uuids})
    for owner in chain.from_iterable(view.owners or () for view in views.values()):
        if owner.source in GIVEN_BY:
            pods[owner.gpu_uuid].add((owner.namespace, owner.pod))
    for row in claims.rows(snapshot):
        if row.gpu_uuid and row.access != "admin":
            pods[row.gpu_uuid].add((row.claim_namespace, row.pod))
    return {uuid: frozenset(keys) for uuid, keys in pods.items()}


def _offered(snapshot: Snapshot, known: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the cards that ResourceSlices offer on nodes whose own word is not known."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for device in snapshot.dra.offered if snapshot.dra else ():
        if device.uuid and device.node and device.node not in known:
            found[device.node].add(device.uuid)
    return {node: tuple(sorted(uuids)) for node, uuids in found.items()}
