"""The Xids of every card as one book: who told of them, and how many there were.

A card is booked under its UUID; one that only the kernel log knows, under its PCI address until the UUID is known.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from exporter.facts.pci_address import normalise
from exporter.facts.xid_line import LARGEST_CODE
from exporter.facts.xid_merge import Origin, Tally
from exporter.snapshot import Gpus, KernelLog, Snapshot

_MOST_KEYS: Final = 512
_MOST_ADDRESSES: Final = 128
_OUTLIVE_US: Final = frozenset({"dcgm", "xpum"})  # sources that go on counting while we restart

Family = Literal["xid", "sxid"]
Seen = Mapping[tuple[str, str], Mapping[int, int]]
"""The counts by code, of each source and card, when we looked last."""
UNKNOWN_TIME: Final = 0.0


class Key(NamedTuple):
    """One code of one card, or of one NVSwitch where the family is sxid."""

    family: Family
    card: str
    code: int

    @property
    def is_listed(self) -> bool:
        """Whether the card is known by its UUID."""
        return ":" not in self.card


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one side told: so many events of one key."""

    key: Key
    origin: Origin
    at: float
    count: int
    pid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All tallies, the UUIDs by PCI address, and the last line of the kernel log that is in them."""

    tallies: Mapping[Key, Tally] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    sequence: int = -1


def told_by_driver(gpus: Gpus | None, seen: Seen, ledger: Ledger) -> tuple[list[Told], Seen]:
    """Return what the driver tells since `seen`, by whichever source speaks; a count that went down began anew.

    NVML's counts begin with us. What another source counted before we met it may stand in the ledger already.
    """
    told: list[Told] = []
    counts = dict(seen)
    for device in gpus.devices if gpus else ():
        source = device.source or (gpus.source if gpus else "")
        before = seen.get((source, device.uuid))
        after = {xid.code: xid.count for xid in device.xids or ()}
        for xid in device.xids or ():
            key = Key("xid", device.uuid, xid.code)
            known = before.get(xid.code, 0) if before is not None else _booked(ledger, key, source)
            more = xid.count - known if xid.count >= known else (xid.count if before is not None else 0)
            at = xid.last_at if math.isfinite(xid.last_at) else UNKNOWN_TIME
            if more:
                told.append(Told(key=key, origin="driver", at=at, count=more))
        if device.xids is not None:
            counts[source, device.uuid] = after
    return told, counts


def _booked(ledger: Ledger, key: Key, source: str) -> int:
    return ledger.tallies[key].count if source in _OUTLIVE_US and key in ledger.tallies else 0


def told_by_kernel(log: KernelLog | None, addresses: Mapping[str, str], after: int) -> Iterator[Told]:
    """Yield what the kernel log tells after our number `after`."""
    for xid in log.xids if log else ():
        if xid.number <= after:
            continue
        card = xid.pci_bus_id if xid.is_switch else addresses.get(xid.pci_bus_id, xid.pci_bus_id)
        key = Key("sxid" if xid.is_switch else "xid", card, xid.code)
        yield Told(key=key, origin="kernel", at=xid.at, count=xid.count, pid=xid.pid)


def learn_addresses(ledger: Ledger, snapshot: Snapshot) -> Ledger:
    """Return the ledger with the UUIDs that the snapshot knows; what stood under an address moves to its UUID."""
    found = dict(snapshot.kernel_log.addresses) if snapshot.kernel_log else {}
    for device in snapshot.gpus.devices if snapshot.gpus else ():
        if not device.parent_uuid and (address := normalise(device.pci_bus_id)):
            found[address] = device.uuid
    addresses = dict(list({**ledger.addresses, **found}.items())[-_MOST_ADDRESSES:])
    if addresses == ledger.addresses:
        return ledger
    tallies: dict[Key, Tally] = {}
    for key, tally in ledger.tallies.items():
        named = key._replace(card=addresses.get(key.card, key.card)) if key.family == "xid" else key
        tallies[named] = tallies[named] | tally if named in tallies else tally
    return replace(ledger, addresses=addresses, tallies=tallies)


def book(ledger: Ledger, told: Iterable[Told]) -> tuple[Ledger, list[Told]]:
    """Return the ledger with what was told, and the part of it that nobody had told before."""
    tallies = dict(ledger.tallies)
    new: list[Told] = []
    for one in told:
        key = _room(tallies, one.key)
        before = tallies.get(key, Tally())
        tallies[key] = before.add(one.origin, one.at, one.count)
        if (more := tallies[key].count - before.count) > 0:
            new.append(replace(one, key=key, count=more))
    return replace(ledger, tallies=tallies), new


def _room(tallies: Mapping[Key, Tally], key: Key) -> Key:
    """Return the key, or that of the card's unknown errors where there are too many keys already."""
    return key if key in tallies or len(tallies) < _MOST_KEYS else key._replace(code=LARGEST_CODE)
