"""What the NVML reader's messages add up to: each card's last reading, or why there is none.

Pure: time comes as `now`, from a monotonic clock. It outlives the child, so names, Xid counts and calls survive it.
"""

import dataclasses
from collections import Counter, defaultdict
from typing import Final

from exporter.snapshot import CardEvent, Device, Gpus, XidCount
from exporter.sources.nvml_messages import Event, Fault, Message, Named, Opened, Read, Xid

_KERNEL_LOG: Final = "look for NVRM and Xid in the kernel log"
_STARTING: Final = Fault("failed", "the NVML reader starts; the driver has not answered yet")
_NO_START: Final = Fault("hung", f"the driver has not answered since the NVML reader started: {_KERNEL_LOG}")
_NO_HANDLE: Final = Fault("failed", f"the driver counts cards and finds none of them: {_KERNEL_LOG}")
_NO_ANSWER: Final = Fault("hung", f"no card answers, a call into the driver does not return: {_KERNEL_LOG}")
_IDENTITY: Final = (
    "uuid",
    "index",
    "model",
    "pci_bus_id",
    "driver_version",
    "cuda_version",
    "vbios_version",
    "serial",
    "parent_uuid",
    "mig_profile",
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Card:
    """A card that was ever named; `device` is its last reading, None until there is one."""

    named: Device
    child: int  # the number of the child that named it last
    answered_at: float
    device: Device | None = None
    watches_xids: bool = False
    watches_events: tuple[CardEvent, ...] = ()
    since: float = 0.0  # when it was named first
    readings: int = 0  # that gave values


class BusySeconds:
    """A counter of ours over the counters of one child after the other, each of which starts at 0."""

    def __init__(self) -> None:
        self._total = 0.0
        self._last = 0.0

    def start(self) -> None:
        """Begin with a new child."""
        self._last = 0.0

    def take(self, seconds: float) -> float:
        """Take what the present child counted; return what all of them did."""
        self._total += max(0.0, seconds - self._last)
        self._last = seconds
        return self._total


class NvmlView:
    """Takes messages, gives devices."""

    def __init__(self, *, fresh_seconds: float, interval_seconds: float) -> None:
        self.calls = 0
        self.fault: Fault | None = None
        self._fresh_seconds = fresh_seconds
        self._interval_seconds = interval_seconds
        self._busy: dict[str, BusySeconds] = defaultdict(BusySeconds)
        self._cards: dict[str, _Card] = {}
        self._xids: dict[str, dict[int, XidCount]] = defaultdict(dict)
        self._events: dict[str, Counter[CardEvent]] = defaultdict(Counter)
        self._child = 0
        self._started_at = 0.0
        self._good_at = 0.0  # when any card last gave values to the present child, or when that started
        self._ended: Fault | None = None
        self._count: int | None = None  # cards, as the present child's driver says

    def start(self, now: float) -> None:
        """Begin with a new child: what it does not find again is missing."""
        self._child += 1
        for busy in self._busy.values():
            busy.start()
        self._started_at = self._good_at = now

    def end(self, why: Fault) -> None:
        """Note that the child ended; its last readings count until they are old."""
        self._ended = why
        self._count = None

    def take(self, message: Message, *, now: float, unix_time: float) -> None:
        """Take one message of the present child."""
        self.calls += message.calls
        match message:
            case Opened(cards=cards):
                self._count, self.fault, self._ended = cards, None, None
            case Named(uuid=uuid, index=index):
                self._name(Device(uuid=uuid, index=index), now)
            case Read():
                self._read(message, now)
            case Xid(uuid=uuid, code=code):
                self._count_xid(uuid, code, unix_time)
            case Event(uuid=uuid, event=event):
                self._events[uuid][event] += 1
            case Fault():
                self.fault = message

    def gpus(self, now: float) -> Gpus:
        """Return all cards that were ever named; one without a fresh reading says why."""
        devices = [device for card in self._cards.values() if (device := self._device(card, now))]
        devices.sort(key=lambda device: (device.index, device.uuid))
        return Gpus(source="nvml", devices=tuple(devices), calls=self.calls)

    def problem(self, now: float) -> Fault | None:
        """Return why nothing at all can be read, None if something can."""
        if self.fault:
            return self.fault
        if self._count == 0 or self._has_fresh(now):
            return None
        if self._is_fresh(self._started_at, now):
            return self._ended or _STARTING
        if self._count is not None:
            return _NO_ANSWER if self._cards else _NO_HANDLE
        return self._ended or _NO_START

    def is_settled(self, now: float) -> bool:
        """Whether waiting a little would not tell more: all cards were read, or the driver cannot be used."""
        read = [card for card in self._whole_cards() if card.device and self._is_fresh(card.answered_at, now)]
        return self.fault is not None or (self._count is not None and len(read) >= self._count)

    def silence(self, now: float) -> float:
        """Return the seconds since any card gave values, or since the child started; 0 where there are no cards."""
        return 0.0 if self._count == 0 else now - self._good_at

    @property
    def has_values(self) -> bool:
        """Whether the present child has given values of any card."""
        return self._good_at > self._started_at

    def _name(self, named: Device, now: float) -> None:
        before = self._cards.get(named.uuid)
        # A card that is named by a new child has not answered: its silence goes on.
        card = dataclasses.replace(before, child=self._child) if before else _Card(named, self._child, now, since=now)
        self._cards[named.uuid] = card

    def _read(self, message: Read, now: float) -> None:
        device = message.device
        before = self._cards.get(device.uuid) or _Card(device, self._child, now, since=now)
        if device.unavailable is None:
            self._good_at = now
            if device.busy_seconds is not None:
                device = dataclasses.replace(device, busy_seconds=self._busy[device.uuid].take(device.busy_seconds))
            card = dataclasses.replace(
                before,
                named=_identity(device),
                watches_xids=message.watches_xids,
                watches_events=message.watches_events,
                readings=before.readings + 1,
            )
        else:  # it says no more than its UUID: the rest is what it said before
            card = before
        self._cards[device.uuid] = dataclasses.replace(card, child=self._child, answered_at=now, device=device)
        if device.unavailable is None and not device.parent_uuid:
            self._forget_instances(device.uuid, message.instances)

    def _forget_instances(self, parent: str, present: tuple[str, ...]) -> None:
        """Drop the instances that the card does not have any more: who cuts it anew wants them gone."""
        gone = [uuid for uuid, card in self._cards.items() if card.named.parent_uuid == parent and uuid not in present]
        for uuid in gone:
            del self._cards[uuid]

    def _count_xid(self, uuid: str, code: int, unix_time: float) -> None:
        before = self._xids[uuid].get(code)
        self._xids[uuid][code] = XidCount(code=code, count=before.count + 1 if before else 1, last_at=unix_time)

    def _device(self, card: _Card, now: float) -> Device | None:
        is_fresh = self._is_fresh(card.answered_at, now)
        if is_fresh and card.device and card.device.unavailable is None and not self.fault:
            return self._complemented(card.device, card, now)
        if is_fresh and card.device is None and not self.fault:
            return None  # named a moment ago: nothing can be said yet
        return self._complemented(dataclasses.replace(card.named, unavailable=self._reason(card, now)), card, now)

    def _complemented(self, device: Device, card: _Card, now: float) -> Device:
        """Add what only the parent knows: events, and how many readings there should have been and were.

        A reading is due when it is too late for it: one that is under way is not lost.
        """
        due = int((now - card.since - self._fresh_seconds) // self._interval_seconds) + 1
        seen = self._events[card.named.uuid]
        return dataclasses.replace(
            device,
            xids=self._xids_of(card),
            events={event: seen[event] for event in sorted({*card.watches_events, *seen})},
            readings_due=max(due, card.readings),
            readings_made=card.readings,
        )

    def _reason(self, card: _Card, now: float) -> str:
        last = card.device.unavailable if card.device else None
        if last and (self._is_fresh(card.answered_at, now) or last == "lost"):
            return last
        is_replaced = self._count is not None and self._named_by_child() >= self._count
        if self.fault or (card.child != self._child and is_replaced):
            return "missing"
        return "hung"

    def _named_by_child(self) -> int:
        return sum(card.child == self._child for card in self._whole_cards())

    def _whole_cards(self) -> list[_Card]:
        return [card for card in self._cards.values() if not card.named.parent_uuid]

    def _xids_of(self, card: _Card) -> tuple[XidCount, ...] | None:
        counts = self._xids.get(card.named.uuid, {})
        return tuple(counts[code] for code in sorted(counts)) if counts or card.watches_xids else None

    def _has_fresh(self, now: float) -> bool:
        return any(self._is_fresh(card.answered_at, now) for card in self._cards.values())

    def _is_fresh(self, at: float, now: float) -> bool:
        return now - at <= self._fresh_seconds


def _identity(device: Device) -> Device:
    return Device(**{name: getattr(device, name) for name in _IDENTITY})
