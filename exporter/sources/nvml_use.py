"""Who uses a card, and how it is shared between them, as far as the driver knows."""

from collections.abc import Iterable, Mapping
from typing import Final

from exporter.sources.nvml import CallFailedError, Card, Reader, UnsupportedError, Values


def _running(kind: str, version: str) -> Reader:
    """Return a reader of one of the driver's lists of processes: pid -> bytes, None where the driver does not say."""
    function = f"nvmlDeviceGet{kind}RunningProcesses_{version}"
    return lambda card: {"running": {process.pid: process.usedGpuMemory for process in card.call(function)}}


_COMPUTE: Final = (_running("Compute", "v3"), _running("Compute", "v2"))
_GRAPHICS: Final = (_running("Graphics", "v3"), _running("Graphics", "v2"))


def read_processes(card: Card) -> Values:
    """Read both lists; a process in both is one process that computes."""
    compute = _pids(card, _COMPUTE)
    graphics = _pids(card, _GRAPHICS)
    if compute is None:
        raise UnsupportedError("processes")
    both = sorted({**(graphics or {}), **compute}.items())
    return {
        "processes": [{"pid": pid, "memory_bytes": size, "is_graphics": pid not in compute} for pid, size in both],
    }


def _pids(card: Card, readers: Iterable[Reader]) -> dict[int, int | None] | None:
    return card.read(readers).get("running")


def read_sharing(card: Card) -> Values:
    """Say how the card is shared, as far as the driver knows: time-slicing is the device plugin's secret.

    Whether it is cut must be known; of the other ways, one that cannot be told now does not hide the rest.
    """
    mig = card.read((_is_cut,)).get("is_on")
    found = {"mig": mig, **{name: _try(card, read) for name, read in _OTHER_WAYS.items()}}
    if all(is_on is None for is_on in found.values()):
        raise UnsupportedError("sharing")
    return {"sharing": next((name for name, is_on in found.items() if is_on), "none")}


def _is_cut(card: Card) -> Values:
    return {"is_on": card.call("nvmlDeviceGetMigMode")[0] == 1}


def _try(card: Card, read: Reader) -> bool | None:
    try:
        return card.read((read,)).get("is_on")
    except CallFailedError:
        return None


_OTHER_WAYS: Final[Mapping[str, Reader]] = {
    "vgpu": lambda card: {"is_on": card.call("nvmlDeviceGetVirtualizationMode") >= 2},  # 1: passed through whole
    "mps": lambda card: {"is_on": bool(card.call("nvmlDeviceGetMPSComputeRunningProcesses_v3"))},
}
SHARING_WAYS: Final = ("mig", *_OTHER_WAYS)
