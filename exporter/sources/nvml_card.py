"""One card as it is read over time: what is due, what it last said, and whether it answers at all."""

from collections.abc import Iterable

from exporter.sources.nvml import CallFailedError, Card, CardLostError, UnsupportedError, Values
from exporter.sources.nvml_fields import EACH, ONCE, Field


class CardReader:
    """Reads the fields of one card, each at its own pace, and keeps what it said."""

    def __init__(self, card: Card, fields: tuple[Field, ...]) -> None:
        self._card = card
        self._fields = fields
        self._ticks = 0
        self._values: dict[str, Values] = {}
        self._unavailable: str | None = None

    def read(self) -> Values:
        """Read what is due and return all that is known of the card: its present values, or why there are none."""
        try:
            if not self._read_due():
                self._forget("failed")
        except CardLostError:
            self._forget("lost")
        except (CallFailedError, UnsupportedError):  # the driver has no handle for a card that was lost or failed
            self._forget(self._unavailable)
        return self._device()

    def _read_due(self) -> bool:
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
                has_answered = has_answered or bool(self._values[field.name])
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
