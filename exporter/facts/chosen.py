"""Which source speaks for the cards of this node, when several could.

One source a card: two that count the same card would double every sum. Cards of another vendor stand beside.
"""

import dataclasses

from exporter.config_exporters import GpuSource
from exporter.snapshot import Allocations, Gpus, Snapshot


def choose(snapshot: Snapshot, source: GpuSource) -> Snapshot:
    """Return the snapshot whose `gpus` are those of the source that speaks, and whose `nvml` are the driver's own.

    Where the source tells who holds what, its word stands in for a kubelet that could not be asked, and for one that
    names MIG instances by UUIDs that the source does not know.
    """
    gpus = _automatic(snapshot) if source == "auto" else _named(snapshot, source)
    allocations = snapshot.allocations
    if gpus is not None and gpus.allocations and (allocations is None or _has_instances(gpus)):
        allocations = Allocations(containers=gpus.allocations)
    return dataclasses.replace(snapshot, gpus=gpus, nvml=snapshot.gpus, allocations=allocations)


def _has_instances(gpus: Gpus) -> bool:
    return any(device.parent_uuid for device in gpus.devices)


def _named(snapshot: Snapshot, source: str) -> Gpus | None:
    return {"nvml": snapshot.gpus, "dcgm": snapshot.dcgm, "xpum": snapshot.xpum}[source]


def _automatic(snapshot: Snapshot) -> Gpus | None:
    """Return NVML's cards while one of them answers, else DCGM's; and Intel's beside."""
    nvidia = snapshot.gpus
    if not _speaks(nvidia) and _speaks(snapshot.dcgm):
        nvidia = snapshot.dcgm
    return _beside(nvidia, snapshot.xpum)


def _speaks(gpus: Gpus | None) -> bool:
    return gpus is not None and any(device.unavailable is None for device in gpus.devices)


def _beside(first: Gpus | None, second: Gpus | None) -> Gpus | None:
    if first is None or second is None:
        return first or second
    known = {device.uuid for device in first.devices}
    others = (device for device in second.devices if device.uuid not in known)
    marked = (dataclasses.replace(device, source=second.source) for device in others)
    return dataclasses.replace(first, devices=(*first.devices, *marked))
