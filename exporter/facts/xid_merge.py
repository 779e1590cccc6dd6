"""One event told twice, by the driver and by the kernel log, counts once.

Two events are the same if card and code are equal and their times differ by at most `WINDOW_SECONDS`; each event of one
side is the same as at most one of the other. As many pairs as can be made are made: matching the earliest with the
earliest does that for points in time, so the count neither depends on the order of arrival nor falls when more arrive.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

WINDOW_SECONDS: Final = 5.0
HORIZON_SECONDS: Final = 60.0  # an event may be told this much later by the other side
_MOST_MARKS: Final = 64
Origin = Literal["driver", "kernel"]
Marks = tuple[tuple[float, int], ...]
"""Events of one side, as (Unix time, how many), sorted by time."""


def count_events(driver: Marks, kernel: Marks) -> int:
    """Return how many events the two sides tell of together."""
    return _settle(driver, kernel, float("inf"))[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often one Xid of one card happened: what is settled, and what the other side may still tell again."""

    settled: int = 0
    last_at: float = 0.0
    driver: Marks = ()
    kernel: Marks = ()

    @property
    def count(self) -> int:
        """All events; never falls."""
        return self.settled + count_events(self.driver, self.kernel)

    def add(self, origin: Origin, at: float, count: int = 1) -> "Tally":
        """Return the tally after `origin` told of `count` events at `at`."""
        marks = _with(self.driver if origin == "driver" else self.kernel, at, count)
        told = replace(self, driver=marks) if origin == "driver" else replace(self, kernel=marks)
        told = replace(told, last_at=max(self.last_at, at))
        return told.settle(max(told.last_at - HORIZON_SECONDS, _crowded_until(marks)))

    def settle(self, until: float) -> "Tally":
        """Return the same tally without the marks before `until`: they are counted for good."""
        count, driver, kernel = _settle(self.driver, self.kernel, until)
        return replace(self, settled=self.settled + count, driver=driver, kernel=kernel)

    def __or__(self, other: "Tally") -> "Tally":
        """Return the tally of both, for a card that was known by two names."""
        return Tally(
            settled=self.settled + other.settled,
            last_at=max(self.last_at, other.last_at),
            driver=_sorted(self.driver + other.driver),
            kernel=_sorted(self.kernel + other.kernel),
        )


def _with(marks: Marks, at: float, count: int) -> Marks:
    return _sorted((*marks, (at, count)))


def _sorted(marks: Iterable[tuple[float, int]]) -> Marks:
    counts: dict[float, int] = {}
    for at, count in marks:
        counts[at] = counts.get(at, 0) + count
    return tuple(sorted(counts.items()))


def _crowded_until(marks: Marks) -> float:
    """Return the time before which marks are too many to keep, in a storm."""
    return marks[len(marks) // 2][0] if len(marks) > _MOST_MARKS else float("-inf")


def _settle(driver: Marks, kernel: Marks, until: float) -> tuple[int, Marks, Marks]:
    """Count the events before `until`, the earliest first; return their number and the marks that are left."""
    sides = [list(reversed(driver)), list(reversed(kernel))]
    count = 0
    while heads := [side for side in sides if side]:
        first = min(heads, key=lambda side: side[-1][0])
        if first[-1][0] >= until:
            break
        at, many = first[-1]
        other = sides[1] if first is sides[0] else sides[0]
        taken = min(many, other[-1][1]) if other and other[-1][0] - at <= WINDOW_SECONDS else 0
        if taken:
            _take(other, taken)
        _take(first, taken or many)
        count += taken or many
    return count, tuple(reversed(sides[0])), tuple(reversed(sides[1]))


def _take(side: list[tuple[float, int]], count: int) -> None:
    at, many = side.pop()
    if many > count:
        side.append((at, many - count))
