"""How patient a client of the API server is: client-go's numbers but for the longest pause, in one place."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Page size, silences and pauses; time and chance are in here too, so that a test needs neither.

    https://github.com/kubernetes/client-go/blob/v0.36.3/tools/cache/reflector.go
    """

    page_size: int = 500
    list_silence_seconds: float = 30.0  # within a list, and before a watch is accepted
    watch_seconds: tuple[float, float] = (300.0, 600.0)  # at random between, lest all clients come back at once
    watch_grace_seconds: float = 30.0  # silence beyond the watch's own end: the connection is half open
    bookmark_silence_seconds: float = 150.0  # a server that sends bookmarks sends one a minute: two were lost
    short_watch_seconds: float = 10.0  # one that ends sooner was not meant to end
    first_pause_seconds: float = 0.8
    # chance included, and less than client-go's 30: a watch of a server that is back must last `short_watch_seconds`
    # before it is believed, and all shall be true again within 35
    longest_pause_seconds: float = 24.0
    forbidden_pause_seconds: float = 45.0  # nobody grants a right within a second
    absent_pause_seconds: float = 300.0  # an API that is not served comes with an upgrade of the cluster
    relist_seconds: float = 10.0  # between two lists: at most six a minute, whatever the server makes us forget
    forget_seconds: float = 120.0  # without trouble for so long, the pauses start small again
    connects_a_minute: int = 12  # by all clients of one server together, while it is ill
    spread_seconds: float = 0.05  # between two clients of a server that is well
    look_seconds: float = 0.25  # how often those who wait look whether the one that tries got through
    now: Callable[[], float] = time.monotonic
    pause: Callable[[float], object] | None = None  # None: a pause that `stop` ends
    random: Callable[[], float] = random.random

    def choose_watch_seconds(self) -> float:
        """Return for how long to watch this time."""
        low, high = self.watch_seconds
        return low + (high - low) * self.random()

    def jitter(self, seconds: float) -> float:
        """Return `seconds` and up to a quarter more, so that collections do not come back in one crowd."""
        return seconds * (1 + self.random() / 4)


class Backoff:
    """Pauses that double, with as much again at random up to the longest, until there was no trouble for a while."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._step = pace.first_pause_seconds
        self._asked_at = pace.now()

    def next(self) -> float:
        """Return the seconds to pause before the next attempt."""
        now = self._pace.now()
        if now - self._asked_at > self._pace.forget_seconds:
            self._step = self._pace.first_pause_seconds
        self._asked_at = now
        longest = self._pace.longest_pause_seconds
        step, self._step = self._step, min(2 * self._step, longest)
        return min(step * (1 + self._pace.random()), longest)
