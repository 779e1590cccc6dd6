"""Reads an answer that comes as an event stream; its end is what the stream says, not the end of the bytes."""

from collections.abc import Callable

import msgspec

from probes.found import Flaw, Found
from probes.kinds.transcript import Transcript
from probes.sse import EventReader

Check = Callable[[Transcript], Flaw | None]


def says_something(transcript: Transcript) -> Flaw | None:
    """Refuse an answer without a token."""
    return "empty" if transcript.first_token is None else None


class Streamed:
    """One event stream; `check` looks at what came only when the stream said that it is whole."""

    def __init__(self, check: Check = says_something) -> None:
        self._events = EventReader()
        self._transcript = Transcript()
        self._check = check

    def feed(self, chunk: bytes, at: float) -> bool:
        """Take the events that `chunk` completes."""
        for event in self._events.feed(chunk):
            self._transcript.add(event, at)
        return self._transcript.is_over

    def end(self, at: float) -> None:
        """Do nothing: an end that the stream did not announce is what breaks it off."""

    def found(self) -> Found:
        """Return the facts."""
        found = self._transcript.found()
        return msgspec.structs.replace(found, flaw=self._check(self._transcript)) if found.is_done else found
