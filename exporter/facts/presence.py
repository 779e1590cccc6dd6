"""How many cards each view counts, and which ones of the bus the driver does not list.

What a view could not be asked for is absent: a driver that is down lists nothing, which is not the same as no card.
"""

from typing import Final

from exporter.facts.pci_address import normalise
from exporter.snapshot import Device, Snapshot

_NVML: Final = "nvml"
_DRIVERS: Final = frozenset({"nvml", "simulated"})

VIEWS: Final = ("expected", "pci", "nvml", "telemetry")


def views(snapshot: Snapshot, expected: int | None) -> dict[str, int]:
    """Return the number of cards by view; MIG instances are no cards."""
    on_the_bus = None if snapshot.pci is None else len(snapshot.pci.devices)
    listed = len(_listed(snapshot)) if _is_listing(snapshot) else None
    counts = zip(VIEWS, (expected, on_the_bus, listed, _answering(snapshot)), strict=True)
    return {view: count for view, count in counts if count is not None}


def missing(snapshot: Snapshot) -> tuple[str, ...]:
    """Return the PCI addresses of NVIDIA cards that the driver, which answers, does not list."""
    if snapshot.pci is None or not _is_listing(snapshot):
        return ()
    listed = {normalise(device.pci_bus_id) for device in _listed(snapshot)}
    if "" in listed:  # a card that was never read has no address yet: nobody can tell which one it is
        return ()
    on_bus = {device.bus_id for device in snapshot.pci.devices if device.vendor == "nvidia"}
    return tuple(sorted(on_bus - listed))


def _is_listing(snapshot: Snapshot) -> bool:
    state = snapshot.sources.get(_NVML)
    return state is not None and state.is_up


def _listed(snapshot: Snapshot) -> list[Device]:
    gpus = snapshot.nvml or snapshot.gpus
    devices = (
        gpus.devices if gpus and gpus.source in _DRIVERS else ()
    )  # what another exporter lists is not the driver's
    return [device for device in devices if device.unavailable != "missing" and not device.parent_uuid]


def _answering(snapshot: Snapshot) -> int | None:
    """Return the cards that answer, over all sources of telemetry; None where no source said anything yet."""
    parts = [part for part in (snapshot.gpus, snapshot.dcgm, snapshot.xpum) if part is not None]
    answering = {
        device.uuid for part in parts for device in part.devices if not device.unavailable and not device.parent_uuid
    }
    return len(answering) if parts else None
