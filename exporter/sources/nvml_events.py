"""What the driver reports by itself: Xid errors, the moment that they happen."""

import threading
from typing import Any

from exporter.sources.nvml import XID_EVENTS, CallFailedError, Card, Driver, UnsupportedError, Values, address

_LARGEST_CODE = 999  # the driver's own word for "unknown"; larger ones could be any number


class XidWatch:
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
        """Let the driver report the Xid errors of this card too; a `Reader`, so that it is tried like any field."""
        if self._set is None:
            raise CallFailedError("there is no event set yet")
        if not card.call("nvmlDeviceGetSupportedEventTypes") & XID_EVENTS:
            raise UnsupportedError("Xid events")
        self._uuids[address(card.handle)] = card.uuid
        card.call("nvmlDeviceRegisterEvents", XID_EVENTS, self._set)
        return {"watches_xids": True}

    def wait(self, seconds: float) -> tuple[str, int]:
        """Return UUID and code of the next Xid; `TimedOutError` if there was none."""
        event = self._driver.call("nvmlEventSetWait_v2", self._set, int(seconds * 1000))
        uuid = self._uuids.get(address(event.device))
        if uuid is None:
            raise CallFailedError("an event of a card that nobody asked for")
        return uuid, min(event.eventData, _LARGEST_CODE)
