"""What the driver reports by itself, the moment that it happens: Xid errors and a few other events."""

import threading
from typing import Any

from exporter.sources.nvml import (
    OTHER_EVENTS,
    XID_EVENT,
    CallFailedError,
    Card,
    Driver,
    UnsupportedError,
    Values,
    address,
)

_LARGEST_CODE = 999  # the driver's own word for "unknown"; larger ones could be any number


class EventWatch:
    """The driver's event set and the cards that were put into it."""

    def __init__(self, driver: Driver) -> None:
        self.is_decided = threading.Event()  # there is an event set, or there will be none
        self._driver = driver
        self._set: Any = None
        self._uuids: dict[int | None, str] = {}

    def open(self) -> None:
        """Make the event set; apart from the constructor, because the call may hang."""
        try:
            self._set = self._driver.call("nvmlEventSetCreate")
        finally:
            self.is_decided.set()

    def add(self, card: Card) -> Values:
        """Let the driver report this card's events too; a `Reader`, so that it is tried like any field."""
        if self._set is None:
            raise CallFailedError("there is no event set yet")
        supported = card.call("nvmlDeviceGetSupportedEventTypes")
        others = {bit: name for bit, name in OTHER_EVENTS.items() if supported & bit}
        mask = supported & XID_EVENT | sum(others)
        if not mask:
            raise UnsupportedError("events")
        self._uuids[address(card.handle)] = card.uuid
        card.call("nvmlDeviceRegisterEvents", mask, self._set)
        return {"watches_xids": bool(supported & XID_EVENT), "watches_events": list(others.values())}

    def wait(self, seconds: float) -> tuple[str, dict[str, object]]:
        """Return type and values of the next message for the parent; `TimedOutError` if nothing happened."""
        event = self._driver.call("nvmlEventSetWait_v2", self._set, int(seconds * 1000))
        uuid = self._uuids.get(address(event.device))
        if uuid is None:
            raise CallFailedError("an event of a card that nobody asked for")
        if event.eventType == XID_EVENT:
            return "xid", {"uuid": uuid, "code": min(event.eventData, _LARGEST_CODE)}
        name = OTHER_EVENTS.get(event.eventType)
        if name is None:
            raise CallFailedError("an event that nobody asked for")
        return "event", {"uuid": uuid, "event": name}
