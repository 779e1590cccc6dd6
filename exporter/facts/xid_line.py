"""What one line of the kernel log says of a card: an Xid, that it fell off the bus, or which UUID it has.

The forms are those that NVIDIA's drivers have printed since R390; anything else is None. An error that a driver prints
in several lines, as it may 13, is as many events.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from exporter.facts.pci_address import normalise

FELL_OFF: Final = 79
LARGEST_CODE: Final = 999  # as in NVML's events; of SXid, codes have five digits
_LARGEST_SXID: Final = 99999

_PCI: Final = r"(?:PCI:)?(?P<pci>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)"
# NVRM: Xid (PCI:0000:01:00 GPU-I:05): 31, pid=4711, name=python3, Ch 00000008 …
_XID: Final = re.compile(rf"NVRM: Xid \({_PCI}[^)]{{0,40}}\): (?P<code>\d{{1,9}})(?P<rest>.*)", re.DOTALL)
# nvidia-nvswitch3: SXid (PCI:0000:85:00.0): 20034, Fatal, Link 30 LTSSM Fault Up
_SXID: Final = re.compile(rf"nvidia-nvswitch\d*: SXid \({_PCI}\): (?P<code>\d{{1,9}})(?P<rest>.*)", re.DOTALL)
# NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.
_FELL_OFF: Final = re.compile(rf"NVRM: (?:The NVIDIA )?GPU (?:at )?{_PCI}.{{0,200}}?fallen off the bus", re.DOTALL)
# NVRM: GPU at PCI:0000:01:00: GPU-6f1c2a34-…
_NAMED: Final = re.compile(rf"NVRM: GPU at {_PCI}: (?P<uuid>GPU-[0-9a-fA-F-]{{36}})")
_PID: Final = re.compile(r"\bpid='?(\d{1,10})\b")

LineKind = Literal["xid", "sxid", "fell_off", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class XidLine:
    """One line that was understood; `pid` is 0 and `uuid` empty where the line does not say."""

    kind: LineKind
    pci_bus_id: str
    code: int = 0
    pid: int = 0
    uuid: str = ""


def parse_line(text: str) -> XidLine | None:
    """Return what the message `text`, without the time and the host before it, says."""
    if match := _XID.search(text):
        return _coded("xid", match, LARGEST_CODE)
    if match := _SXID.search(text):
        return _coded("sxid", match, _LARGEST_SXID)
    if match := _FELL_OFF.search(text):
        return XidLine(kind="fell_off", pci_bus_id=normalise(match["pci"]), code=FELL_OFF)
    if match := _NAMED.search(text):
        return XidLine(kind="named", pci_bus_id=normalise(match["pci"]), uuid=match["uuid"])
    return None


def _coded(kind: LineKind, match: re.Match[str], largest: int) -> XidLine:
    pid = _PID.search(match["rest"])
    return XidLine(
        kind=kind,
        pci_bus_id=normalise(match["pci"]),
        code=min(int(match["code"]), largest),
        pid=int(pid[1]) if pid else 0,
    )
