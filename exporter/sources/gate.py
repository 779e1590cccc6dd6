"""The gate that all reflectors of one API server share: a server that is ill is asked by one of them at a time.

Eight collections at client-go's pace would ask an ill server sixty times in its first minute; behind the gate it is
a dozen times, and the first that gets through lets the others go. Decides only: nobody waits in here.
"""

import math
import threading
from collections import deque
from enum import IntEnum
from typing import Final

from exporter.errors import SourceError
from exporter.sources.pace import Backoff, Pace

_MINUTE: Final = 60.0
_PATIENCE: Final = 5.0  # with one who gets no answer at all: it may be the collection, and not the server
_UNNOTICED: Final = 3  # how many may have been answered well at the start, before one finds that watches are closed


class Doubt(IntEnum):
    """What the server is not known to do; whoever sees it do that, or more, takes the doubt away."""

    NONE = 0
    ANSWERS = 1
    ACCEPTS_WATCHES = 2
    HOLDS_WATCHES = 3


class Gate:
    """Says when a client may connect; closed for a while after each failure, for longer each time."""

    def __init__(self, pace: Pace) -> None:
        self.failure: SourceError | None = None  # why the server is thought to be ill
        self._pace = pace
        self._backoff = Backoff(pace)
        self._lock = threading.Lock()
        self._doubt = Doubt.ANSWERS  # nobody has seen it yet: one goes first
        self._closed_until = -math.inf
        self._trier: object = None
        self._trying_since = -math.inf
        self._tried_at = math.inf  # when the watch of the one that tries will have lasted
        self._connects: deque[tuple[float, object]] = deque()
        self._unanswered: set[object] = set()  # who connected, and has not said what came of it

    def ask(self, client: object, *, is_watch: bool) -> float:
        """Return 0.0 where `client` may connect now, and else after how many seconds to ask again."""
        with self._lock:
            now = self._pace.now()
            if now >= self._tried_at:
                self._heal()
            self._forget(now)
            seconds = self._wait(client, now, is_watch=is_watch)
            if seconds <= 0:
                self._connects.append((now, client))
                self._unanswered.add(client)
                if self._is_trial(is_watch=is_watch):
                    self._trier, self._trying_since = client, now
            return max(0.0, seconds)

    def prove(self, client: object, seen: Doubt) -> None:
        """Note what the server was seen to do for `client`."""
        with self._lock:
            self._unanswered.discard(client)
            if seen >= self._doubt:
                self._heal()
            elif self._trier is client and seen is Doubt.ACCEPTS_WATCHES:
                self._tried_at = self._pace.now() + self._pace.short_watch_seconds

    def fail(self, client: object, reason: SourceError, doubt: Doubt, *, at_least: float = 0.0) -> None:
        """Close: the server is ill; of many clients that fail at once, one counts."""
        with self._lock:
            now = self._pace.now()
            is_news = self._doubt is Doubt.NONE or self._trier in {client, None}
            if self._doubt is Doubt.NONE:
                self._keep_suspicious()
            self._unanswered.discard(client)
            self._release(client)
            self._doubt = doubt if doubt is Doubt.ANSWERS else max(doubt, self._doubt)
            self.failure = reason
            if is_news and now >= self._closed_until:
                self._closed_until = now + self._backoff.next()
            self._closed_until = max(self._closed_until, now + at_least)

    def leave(self, client: object) -> None:
        """Let another one try, where `client` is the one that does."""
        with self._lock:
            self._unanswered.discard(client)
            self._release(client)

    def _wait(self, client: object, now: float, *, is_watch: bool) -> float:
        if now < self._closed_until:
            return self._closed_until - now
        if self._doubt is Doubt.NONE:
            return self._wait_for_others(client, now)
        is_second = self._trier not in {client, None} and not self._is_stuck(now)
        if is_second and self._is_trial(is_watch=is_watch):
            return min(self._pace.look_seconds * (1 + self._pace.random()), self._tried_at - now)
        seconds = self._wait_for_room(now)
        return min(seconds, self._tried_at - now) if is_second else seconds

    def _is_stuck(self, now: float) -> bool:
        return self._trier in self._unanswered and now - self._trying_since > _PATIENCE

    def _wait_for_others(self, client: object, now: float) -> float:
        """Return the rest of the spread: the first to find that the server is gone must have time to say so."""
        if not self._connects or self._connects[-1][1] is client:
            return 0.0
        return self._connects[-1][0] + self._pace.spread_seconds - now

    def _wait_for_room(self, now: float) -> float:
        """Return how long the minute is full; some room is kept for a try after each longest pause, full or not."""
        longest = self._pace.longest_pause_seconds
        room = max(1, self._pace.connects_a_minute - math.ceil(_MINUTE / longest) - _UNNOTICED)
        if len(self._connects) < room:
            return 0.0
        return min(self._connects[-room][0] + _MINUTE, self._connects[-1][0] + longest) - now

    def _is_trial(self, *, is_watch: bool) -> bool:
        """Say whether only one may do this now; a server that merely does not hold watches is still asked for lists."""
        return self._doubt is Doubt.ANSWERS or (is_watch and self._doubt is not Doubt.NONE)

    def _heal(self) -> None:
        self._doubt, self.failure = Doubt.NONE, None
        self._trier, self._tried_at = None, math.inf

    def _release(self, client: object) -> None:
        if self._trier is client:
            self._trier, self._tried_at = None, math.inf

    def _forget(self, now: float) -> None:
        while self._connects and self._connects[0][0] <= now - _MINUTE:
            self._connects.popleft()

    def _keep_suspicious(self) -> None:
        """Count as asked of an ill server what is not answered; what it did while it was well is not held on it."""
        self._connects = deque(one for one in self._connects if one[1] in self._unanswered)
