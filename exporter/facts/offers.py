"""What the kubelets offer, and since when: while the offer moves, a device plugin settles."""

from collections.abc import Mapping
from typing import Final

from exporter.cluster import NodeInfo
from exporter.gpu_resource import is_gpu_resource

Offer = tuple[float, float]
"""How much is offered, and the Unix time since when."""

Offers = Mapping[tuple[str, str], Offer]
"""By node and resource."""

_NOTHING: Final = 0.0


def gpu_resources(info: NodeInfo) -> tuple[str, ...]:
    """Return the names of the GPU resources that the node has, or offers."""
    return tuple(sorted(name for name in {*info.capacity, *info.allocatable} if is_gpu_resource(name)))


def follow(before: Offers, infos: Mapping[str, NodeInfo], now: float) -> Offers:
    """Return what is offered now; what vanished fell to nothing, and a node that is gone is forgotten."""
    gone = {place: _NOTHING for place in before if place[0] in infos}
    told = {
        (name, resource): info.allocatable.get(resource, _NOTHING)
        for name, info in infos.items()
        for resource in gpu_resources(info)
    }
    return {place: _since(before.get(place), amount, now) for place, amount in (gone | told).items()}


def _since(before: Offer | None, amount: float, now: float) -> Offer:
    return before if before is not None and before[0] == amount else (amount, now)
