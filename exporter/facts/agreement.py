"""Whether every layer of a node describes the same card: the driver, telemetry, labels, the kubelet and ResourceSlices.

Pure. A view that cannot tell a fact is silent about it; fewer than two views that tell are `unknown`, never agreement.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from exporter.cluster import OfferedDevice
from exporter.facts.card_facts import FACTS, Said, is_same, say, say_memory, say_sharing_by_driver
from exporter.facts.card_labels import Labels, resource_sayings, tell_instances
from exporter.facts.gpu_nodes import GpuNode, is_whole
from exporter.snapshot import Device

State = Literal["agree", "disagree", "unknown"]
STATES: Final[tuple[State, ...]] = ("agree", "disagree", "unknown")
DRIVER: Final = "nvml"
VIEWS: Final = (DRIVER, "telemetry", "labels", "capacity", "allocatable", "claims")
_MEASURED: Final = frozenset({"memory"})

_Sayings = Mapping[str, Said | None]  # by fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The verdict about one fact of one node's cards; `odd` are the views that are wrong, as far as that is clear."""

    fact: str
    state: State
    views: Mapping[str, Said]
    odd: tuple[str, ...] = ()


def agreements(node: GpuNode) -> tuple[Agreement, ...]:
    """Return the verdict about every fact."""
    views = _views(node)
    return tuple(
        _judge(fact, {view: said for view in VIEWS if (said := views.get(view, {}).get(fact)) is not None})
        for fact in FACTS
    )


def _judge(fact: str, views: Mapping[str, Said]) -> Agreement:
    if len(views) < 2:
        return Agreement(fact=fact, state="unknown", views=views)
    friends = {view: frozenset(other for other in views if _fits(fact, views, view, other)) for view in views}
    if all(len(some) == len(views) for some in friends.values()):
        return Agreement(fact=fact, state="agree", views=views)
    return Agreement(fact=fact, state="disagree", views=views, odd=_odd(friends))


def _fits(fact: str, views: Mapping[str, Said], view: str, other: str) -> bool:
    """Whether two views agree; of what is measured, two that fit the driver's card each fit each other."""
    if fact in _MEASURED and DRIVER in views and DRIVER not in {view, other}:
        return view == other or all(is_same(fact, views[DRIVER], views[one]) for one in (view, other))
    return is_same(fact, views[view], views[other])


def _odd(friends: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the views that contradict the driver, else those that contradict what more than half of the views say."""
    believed = DRIVER if DRIVER in friends else max(friends, key=lambda view: len(friends[view]))
    if believed != DRIVER and 2 * len(friends[believed]) <= len(friends):
        return ()
    return tuple(view for view in friends if view not in friends[believed])


def _views(node: GpuNode) -> Mapping[str, _Sayings]:
    info = node.info
    labels = Labels(info.labels if info else {})
    listed = _listed(node)
    telemetry = node.view.telemetry if node.view else None
    cards = _count(telemetry) if listed is None and telemetry is not None else listed
    is_cut = any(device.parent_uuid or device.sharing == "mig" for device in node.driver or ())
    return {
        DRIVER: _device_sayings(node.driver or (), listed),
        "telemetry": _telemetry_sayings(node),
        "labels": labels.sayings(),
        "capacity": resource_sayings(info.capacity, labels, cards, is_cut=is_cut) if info else {},
        "allocatable": resource_sayings(info.allocatable, labels, cards, is_cut=is_cut) if info else {},
        "claims": _offer_sayings(node.offered or ()),
    }


def _listed(node: GpuNode) -> int | None:
    """Return how many cards the driver lists; None where it does not answer."""
    listed = node.view.cards.get(DRIVER) if node.view else None
    return _count(node.driver) if listed is None and node.driver else listed


def _count(devices: tuple[Device, ...]) -> int:
    return sum(map(is_whole, devices))


def _telemetry_sayings(node: GpuNode) -> _Sayings:
    if node.view is None:
        return {}
    devices = node.view.telemetry
    if devices is not None:
        return _device_sayings(devices, _count(devices))
    told = dict(node.view.telemetry_facts)
    return {fact: say(fact, *text.split(", ")) for fact, text in told.items() if fact not in {"sharing", "mig"}} | {
        "sharing": say_sharing_by_driver(told.get("sharing", "")),
        "mig": say("mig", told.get("mig", "")),
    }


def _device_sayings(devices: tuple[Device, ...], count: int | None) -> _Sayings:
    whole = [device for device in devices if is_whole(device)]
    sizes = {one.memory_total_bytes: one.memory_reserved_bytes or 0 for one in whole if one.memory_total_bytes}
    return {
        "count": None if count is None else say("count", str(count)),
        "product": say("product", *(one.model for one in whole)),
        "memory": say_memory(sizes),
        "driver": say("driver", *(one.driver_version for one in whole)),
        "cuda": say("cuda", *(one.cuda_version for one in whole)),
        "sharing": say_sharing_by_driver(*(one.sharing for one in whole)),
        "mig": say("mig", _instances(devices, whole)),
    }


def _instances(devices: tuple[Device, ...], whole: list[Device]) -> str:
    profiles = Counter(device.mig_profile for device in devices if device.parent_uuid)
    modes = {device.sharing for device in whole}
    if profiles or "mig" in modes:
        return "" if "" in profiles else tell_instances(profiles)
    return "none" if modes and "" not in modes else ""


def _offer_sayings(offered: tuple[OfferedDevice, ...]) -> _Sayings:
    """Return what ResourceSlices say of whole cards; those of a driver that cuts cards leave the cut ones out."""
    cards = [device for device in offered if device.kind in {"", "gpu"}]
    is_cut = any(device.kind == "mig" for device in offered)
    names = {device.uuid or f"{device.pool}/{device.device}" for device in cards}
    return {
        "count": None if is_cut or not cards else say("count", str(len(names))),
        "product": say("product", *(device.model for device in cards)),
        "memory": say_memory({device.memory_bytes: 0 for device in cards if device.memory_bytes}),
        "driver": say("driver", *(device.driver_version for device in cards)),
        "cuda": say("cuda", *(device.cuda_version for device in cards)),
    }
