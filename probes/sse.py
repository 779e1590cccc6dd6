"""Server-sent events from bytes, incrementally and within limits.

Pure: bytes in, events out. Knows nothing of HTTP, of JSON or of time.
"""

import re
from typing import Final

import msgspec

from probes.failure import WireError

LONGEST_LINE: Final = 256 * 1024  # bytes
LARGEST_EVENT: Final = LONGEST_LINE  # characters of all its data lines: decoding one costs a multiple of it
LARGEST_STREAM: Final = 4 * 1024 * 1024  # bytes
MOST_EVENTS: Final = 10_000

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class StreamTooLargeError(WireError):
    """A stream passed one of the limits: it is given up, and nothing of it is believed."""

    def __init__(self, message: str) -> None:
        super().__init__("too_large", message)


class Event(msgspec.Struct, frozen=True):
    """One event: its `event` field, empty where it had none, and its data lines joined."""

    name: str
    data: str


class EventReader:
    """Reads one stream; how the bytes are sliced into chunks never changes the events."""

    def __init__(self) -> None:
        self._line = bytearray()  # the line whose end has not come yet
        self._data: list[str] = []
        self._size = 0
        self._name = ""
        self._bytes = 0
        self._events = 0
        self._is_first_line = True
        self._ended_with_cr = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        self._bytes += len(chunk)
        if self._bytes > LARGEST_STREAM:
            raise StreamTooLargeError(f"expected at most {LARGEST_STREAM} bytes of stream, found more")
        events = [event for line in self._lines(chunk) if (event := self._take(line))]
        self._events += len(events)
        if self._events > MOST_EVENTS:
            raise StreamTooLargeError(f"expected at most {MOST_EVENTS} events, found more")
        return events

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that `chunk` completes and keep what is left for the next one."""
        if not chunk:
            return []
        if self._ended_with_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the second half of a CRLF whose first half ended a line already
        self._ended_with_cr = chunk.endswith(b"\r")
        first, *rest = _LINE_END.split(chunk)
        lines = []
        self._extend(first)
        for part in rest:
            lines.append(bytes(self._line))
            self._line.clear()
            self._extend(part)
        return lines

    def _extend(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > LONGEST_LINE:
            raise StreamTooLargeError(f"expected lines of at most {LONGEST_LINE} bytes, found a longer one")

    def _take(self, line: bytes) -> Event | None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        self._note(name, value.removeprefix(" "))
        return None

    def _note(self, name: str, value: str) -> None:
        """Keep one field; a comment has an empty name, and `id` and `retry` are no use to a probe."""
        if name == "data":
            self._keep(value)
        elif name == "event":
            self._name = value

    def _keep(self, value: str) -> None:
        self._data.append(value)
        self._size += len(value) + 1
        if self._size > LARGEST_EVENT:
            raise StreamTooLargeError(f"expected events of at most {LARGEST_EVENT} characters, found a larger one")

    def _dispatch(self) -> Event | None:
        event = Event(self._name, "\n".join(self._data)) if self._data else None
        self._data, self._size, self._name = [], 0, ""
        return event
