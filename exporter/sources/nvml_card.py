"""One card as it is read over time: what is due, what it last said, and whether it answers at all."""

from collections.abc import Iterable

from exporter.sources.nvml import CallFailedError, Card, CardLostError, UnsupportedError, Values
from exporter.sources.nvml_fields import EACH, ONCE, Field
from exporter.sources.nvml_samples import Highest

_SECOND_CHANCE = 720  # intervals, an hour: a card that is cut into instances, or no longer, supports other things
_UNDER_LOAD = 0.5  # utilisation from which a PCIe link has no reason to be slow
_LOAD_MEMORY = 3600.0  # seconds for which the fastest link under load is remembered: longer would hide that it got slow
_LINK = {"pcie generation": "pcie_generation", "pcie width": "pcie_width_lanes"}  # field as it is read -> in a device


class CardReader:
    """Reads the fields of one card, each at its own pace, and keeps what it said."""

    def __init__(self, card: Card, fields: tuple[Field, ...], *, peak_window_seconds: float) -> None:
        self._card = card
        self._fields = fields
        self._peaks = Peaks(peak_window_seconds)
        self._ticks = 0
        self._values: dict[str, Values] = {}
        self._fresh: set[str] = set()  # names of the fields that this very reading read
        self._unavailable: str | None = None

    def read(self, now: float) -> Values:
        """Read what is due and return all that is known of the card: its present values, or why there are none."""
        self._fresh.clear()
        try:
            if not self._read_due():
                self._forget("failed")
        except CardLostError:
            self._forget("lost")
        except (CallFailedError, UnsupportedError):  # the driver has no handle for a card that was lost or failed
            self._forget(self._unavailable)
        device = self._device()
        if self._unavailable is None:
            _add_margin_to(device)
            self._peaks.add_to(device, self._fresh, now)
        return device

    def _read_due(self) -> bool:
        if self._ticks and self._ticks % _SECOND_CHANCE == 0:
            self._card.unsupported.clear()
        if self._unavailable:
            self._card.resolve()
            if not self._read_fields(field for field in self._fields if field.every == EACH):
                return False
            self._unavailable = None
        is_good = self._read_fields(field for field in self._fields if self._is_due(field))
        self._ticks += 1
        return is_good

    def _is_due(self, field: Field) -> bool:
        if field.every == ONCE:
            return field.name not in self._values
        return self._ticks % field.every == 0

    def _read_fields(self, fields: Iterable[Field]) -> bool:
        """Read these fields; False if none had an answer: every card has memory, so it is the card that fails."""
        has_answered = False
        for field in fields:
            try:
                self._values[field.name] = self._card.read(field.readers)
            except CallFailedError:
                self._values.pop(field.name, None)
            else:
                self._fresh.add(field.name)
                has_answered = has_answered or any(value != {} for value in self._values[field.name].values())
        return has_answered

    def _forget(self, reason: str | None) -> None:
        """Drop all values: when the card is back, everything is read anew."""
        self._unavailable = reason
        self._values.clear()
        self._ticks = 0

    def _device(self) -> Values:
        device: Values = {"uuid": self._card.uuid, "index": self._card.index, "unavailable": self._unavailable}
        for values in self._values.values():
            for name, value in values.items():
                device[name] = {**device.get(name, {}), **value} if isinstance(value, dict) else value
        return device


def _add_margin_to(device: Values) -> None:
    """Say how far it is to the slowdown point, where the driver has the two temperatures and not their difference."""
    now, slowdown = device.get("temperatures_celsius", {}), device.get("temperature_limits_celsius", {})
    if "gpu" in now and "slowdown" in slowdown:
        device.setdefault("temperature_margin_celsius", slowdown["slowdown"] - now["gpu"])


class Peaks:
    """What was highest of one card over the readings of a while; complements its devices as they come."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._highest = {name: Highest(window) for name in ("memory_used_bytes", "power_watts", "temperature_celsius")}
        self._links = {name: Highest(_LOAD_MEMORY) for name in _LINK}

    def add_to(self, device: Values, fresh: set[str], now: float) -> None:
        """Take a device's values and add to it what was highest; the driver's own samples may know a higher one."""
        peaks = dict(device.get("peaks", {}))
        present = {**device, "temperature_celsius": device.get("temperatures_celsius", {}).get("gpu")}
        for name, highest in self._highest.items():
            peak = _highest(highest, now, present.get(name))
            if peak is not None:
                peaks[name] = max(peak, peaks.get(name, peak))
        device["peaks"] = {**peaks, "window_seconds": self._window}
        is_busy = device.get("utilization_ratio", 0) >= _UNDER_LOAD
        for field, highest in self._links.items():
            view = device.get(_LINK[field], {})
            fastest = _highest(highest, now, view.get("now") if is_busy and field in fresh else None)
            if fastest is not None:
                device[_LINK[field]] = {**view, "under_load": int(fastest)}


def _highest(highest: Highest, now: float, value: float | None) -> float | None:
    """Return the highest value of the window, this one, if there is one, among them."""
    if value is not None:
        highest.add(now, value)
    return highest.value(now)
