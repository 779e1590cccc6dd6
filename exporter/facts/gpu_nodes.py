"""Which nodes have GPUs, and everything that is known of each: a fleet's other nodes are nobody's business here."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from exporter.cluster import Dra, NodeInfo, OfferedDevice
from exporter.facts.node_views import node_views
from exporter.gpu_resource import is_gpu_driver, is_gpu_resource
from exporter.snapshot import Device, NodeView, Snapshot

_DRIVERS: Final = frozenset({"nvml", "simulated"})
_PRESENT: Final = {"nvidia.com/gpu.present": "true"}
_COUNTED: Final = "nvidia.com/gpu.count"

_IDENTITY: Final = attrgetter(
    "uuid",
    "unavailable",
    "parent_uuid",
    "mig_profile",
    "model",
    "driver_version",
    "cuda_version",
    "sharing",
    "memory_total_bytes",
    "memory_reserved_bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNode:
    """One node with GPUs: as the API server describes it, as it sees its own cards, and as ResourceSlices offer them.

    `driver` are the cards as the card's own driver lists them, whoever speaks for the node.
    """

    name: str
    info: NodeInfo | None = None
    view: NodeView | None = None
    driver: tuple[Device, ...] | None = None
    offered: tuple[OfferedDevice, ...] | None = None  # None: ResourceSlices are not known

    @property
    def identity(self) -> tuple[object, ...]:
        """What the node's own views say of which cards these are; what they do is not in it."""
        if self.view is None:
            return ()
        telemetry = self.view.telemetry
        return (
            tuple(map(_IDENTITY, self.driver or ())),
            None if telemetry is None else tuple(map(_IDENTITY, telemetry)),
            self.view.cards,
            self.view.telemetry_facts,
        )


def gpu_nodes(snapshot: Snapshot) -> tuple[GpuNode, ...]:
    """Return every node that anything says to have GPUs, by name."""
    views = node_views(snapshot)
    offers = _offers(snapshot.dra)
    infos = gpu_infos(snapshot)
    return tuple(
        GpuNode(
            name=name,
            info=infos.get(name),
            view=views.get(name),
            driver=_driver(snapshot, views.get(name)),
            offered=None if snapshot.dra is None else offers.get(name, ()),
        )
        for name in sorted({*infos, *(name for name, view in views.items() if view.devices)})
    )


def gpu_infos(snapshot: Snapshot) -> dict[str, NodeInfo]:
    """Return the API server's words of every node that they, ResourceSlices or the node itself say to have GPUs."""
    if snapshot.nodes is None:
        return {}
    others = _offers(snapshot.dra).keys() | with_cards(snapshot)
    return {info.name: info for info in snapshot.nodes.nodes if info.name in others or has_gpus(info)}


def has_gpus(info: NodeInfo) -> bool:
    """Whether the API server's words of a node tell of GPUs; a resource that fell to 0 still does."""
    if info.labels.items() >= _PRESENT.items() or info.labels.get(_COUNTED, "0") != "0":
        return True
    return any(is_gpu_resource(name) for name in info.capacity)


def is_whole(device: Device) -> bool:
    """Whether the device is a card that is there: neither an instance of one, nor the name of one that is gone."""
    return not device.parent_uuid and device.unavailable != "missing"


def with_cards(snapshot: Snapshot) -> set[str]:
    """Return the nodes that list cards themselves."""
    own = {snapshot.node} if snapshot.gpus is not None and snapshot.gpus.devices else set()
    agents = snapshot.agents.by_node if snapshot.agents else {}
    return own | {name for name, view in agents.items() if view.devices}


def _driver(snapshot: Snapshot, view: NodeView | None) -> tuple[Device, ...] | None:
    if view is None or view.devices is None:
        return None
    if view.node == snapshot.node and snapshot.nvml is not None and snapshot.nvml.source in _DRIVERS:
        return snapshot.nvml.devices
    listed = tuple(device for device in view.devices if device.source in _DRIVERS)
    return listed or None  # another source speaks, or the driver lists no card: `gpus` of the node tells which


def _offers(dra: Dra | None) -> Mapping[str, tuple[OfferedDevice, ...]]:
    by_node: defaultdict[str, list[OfferedDevice]] = defaultdict(list)
    for device in dra.offered if dra else ():
        if device.node and is_gpu_driver(device.driver):
            by_node[device.node].append(device)
    return {name: tuple(devices) for name, devices in by_node.items()}
