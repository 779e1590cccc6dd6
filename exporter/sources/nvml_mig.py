"""The MIG instances of a card: devices of their own, with the memory that was cut for them.

What cannot be cut (power, temperature, clocks) stays with the card, and what was cut leaves it: no sum counts twice.
"""

import contextlib
from typing import Final

from exporter.sources.nvml import FAILURES, Card, Values
from exporter.sources.nvml_card import CardReader
from exporter.sources.nvml_fields import FIELDS_OF_AN_INSTANCE, THIRD, TWELFTH

_MARK: Final = " MIG "  # the driver's name of an instance: NVIDIA H100 80GB HBM3 MIG 1g.10gb
_CUT: Final = ("memory_total_bytes", "memory_used_bytes", "memory_free_bytes", "memory_reserved_bytes", "processes")
_INHERITED: Final[tuple[str, ...]] = ("pci_bus_id", "driver_version", "cuda_version")


class Instances:
    """The instances of one card, found anew each minute, and read less often than cards: there are up to seven."""

    def __init__(self, card: Card, *, peak_window_seconds: float) -> None:
        self._card = card
        self._window = peak_window_seconds
        self._readers: dict[str, CardReader] = {}
        self._devices: dict[str, Values] = {}
        self._ticks = 0

    def read(self, device: Values, now: float) -> list[Values]:
        """Return all instances of the card that has these values, and take from those what is the instances'."""
        if device["unavailable"] is not None:
            self._ticks = 0
            return [self._silenced(uuid, device) for uuid in self._readers]
        if self._ticks % TWELFTH == 0 and "sharing" in device:  # else it cannot be told now: all stays as it is
            self._find(is_cut=device["sharing"] == "mig")
        if self._ticks % THIRD == 0:
            self._devices = {uuid: self._read(uuid, device, now) for uuid in self._readers}
        self._ticks += 1
        if self._readers:
            _take_what_was_cut(device)
        return list(self._devices.values())

    def _find(self, *, is_cut: bool) -> None:
        """Keep the readers of the instances that still are there, and make those of new ones."""
        found: dict[str, CardReader] = {}
        for number in range(self._most() if is_cut else 0):
            with contextlib.suppress(*FAILURES):  # there is none of this number
                handle = self._card.call("nvmlDeviceGetMigDeviceHandleByIndex", number)
                one = Card(self._card.driver, self._card.index, handle)
                reader = CardReader(one, FIELDS_OF_AN_INSTANCE, peak_window_seconds=self._window)
                found[one.uuid] = self._readers.get(one.uuid, reader)
        self._readers = found

    def _most(self) -> int:
        with contextlib.suppress(*FAILURES):
            return int(self._card.call("nvmlDeviceGetMaxMigDeviceCount"))
        return 0

    def _read(self, uuid: str, parent: Values, now: float) -> Values:
        device = self._readers[uuid].read(now)
        profile = device.get("model", "").partition(_MARK)[2]
        inherited = {name: parent[name] for name in _INHERITED if name in parent}
        return {**inherited, **device, "parent_uuid": self._card.uuid, "mig_profile": profile}

    def _silenced(self, uuid: str, parent: Values) -> Values:
        return {
            "uuid": uuid,
            "index": self._card.index,
            "parent_uuid": self._card.uuid,
            "unavailable": parent["unavailable"],
        }


def _take_what_was_cut(device: Values) -> None:
    for name in _CUT:
        device.pop(name, None)
    device.get("peaks", {}).pop("memory_used_bytes", None)
