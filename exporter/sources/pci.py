"""The PCI bus as a source: which cards the machine has, whatever their drivers say of it.

Reads what the kernel remembers of the bus, never the devices. Left out: cards that a virtual machine was given, virtual
functions, and what cannot be told from a part of the processor (Intel on bus 0; AMD's display controllers).
"""

from pathlib import Path
from typing import Final

from exporter.errors import SourceError
from exporter.facts.pci_address import normalise
from exporter.snapshot import PciBus, PciDevice

_DISPLAY: Final = 0x0300
_3D: Final = 0x0302
_ACCELERATOR: Final = 0x1200
_VENDORS: Final = {
    0x10DE: ("nvidia", frozenset({_DISPLAY, _3D, _ACCELERATOR})),
    0x8086: ("intel", frozenset({_DISPLAY, _3D, _ACCELERATOR})),
    0x1002: ("amd", frozenset({_3D, _ACCELERATOR})),
}
_GIVEN_AWAY: Final = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})
_MOST_DEVICES: Final = 4096


class Pci:
    """Looks at the devices listed in one directory of sysfs."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    async def read(self) -> PciBus:
        """Return the cards on the bus."""
        try:
            entries = sorted(self._directory.iterdir())[:_MOST_DEVICES]
        except OSError as error:
            raise SourceError(
                "absent", f"{self._directory}: {error.strerror}: cards on the bus are not counted"
            ) from error
        found = (_card(entry) for entry in entries)
        return PciBus(devices=tuple(device for device in found if device))


def _card(entry: Path) -> PciDevice | None:
    bus_id = normalise(entry.name)
    vendor, classes = _VENDORS.get(_number(entry / "vendor"), ("", frozenset()))
    if not bus_id or _number(entry / "class") >> 8 not in classes:
        return None
    if vendor == "intel" and bus_id.split(":")[1] == "00":
        return None
    if _driver(entry) in _GIVEN_AWAY or (entry / "physfn").exists():
        return None
    return PciDevice(bus_id=bus_id, vendor=vendor)


def _number(file: Path) -> int:
    """Return the number in `file`; 0 where there is none, as for a device that is just going."""
    try:
        return int(file.read_text(encoding="ascii"), 16)
    except (OSError, ValueError):
        return 0


def _driver(entry: Path) -> str:
    try:
        return (entry / "driver").readlink().name
    except OSError:
        return ""
