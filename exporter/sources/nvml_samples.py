"""What the driver notes between two readings: its sample buffers, each sample counted once, and no gap filled.

A sample says what went on since the one before, at most for a second: that is the driver's longest period.
"""

from collections import deque

from exporter.sources.nvml import BUSY_SAMPLES, POWER_SAMPLES, Card, Values

_LONGEST_PERIOD = 1.0  # seconds
_HIGHEST_WATTS = 20_000  # above: no power of a card, one of the N/A


class Highest:
    """The highest value of the last `window` seconds; keeps only those values that can still become it."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._falling: deque[tuple[float, float]] = deque()

    def add(self, at: float, value: float) -> None:
        """Take one value; `at` must not fall."""
        while self._falling and self._falling[-1][1] <= value:
            self._falling.pop()
        self._falling.append((at, value))

    def value(self, at: float) -> float | None:
        """Return the highest value since `at` minus the window, None if there was none."""
        while self._falling and self._falling[0][0] < at - self._window:
            self._falling.popleft()
        return self._falling[0][1] if self._falling else None


class _Buffer:
    """One of the driver's sample buffers of one card; gives each sample once."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._last: float | None = None

    def take_new(self, card: Card) -> list[tuple[float, float, float]]:
        """Return time, value and the seconds that each new sample speaks for; none of those from before the first."""
        samples = card.samples(self._kind)
        newest = samples[-1][0] if samples else self._last
        if self._last is None or newest is None or newest < self._last:  # at the start, or the clock was set back
            self._last = newest
            return []
        before, self._last = self._last, newest
        new = []
        for at, value in samples:
            if at > before:
                new.append((at, value, min(at - before, _LONGEST_PERIOD)))
                before = at
        return new


class BusyTime:
    """Integrates the driver's samples of utilisation: a counter that misses nothing between two readings."""

    def __init__(self) -> None:
        self._buffer = _Buffer(BUSY_SAMPLES)
        self._seconds = 0.0

    def read(self, card: Card) -> Values:
        """Return the busy seconds since this object was made."""
        new = self._buffer.take_new(card)
        self._seconds += sum(percent / 100 * seconds for _, percent, seconds in new if 0 <= percent <= 100)
        return {"busy_seconds": self._seconds}


class PowerPeak:
    """The highest of the driver's own samples of power, by their own clock."""

    def __init__(self, window: float) -> None:
        self._buffer = _Buffer(POWER_SAMPLES)
        self._highest = Highest(window)
        self._at = 0.0

    def read(self, card: Card) -> Values:
        """Return the peak of the window that ends with the newest sample."""
        for at, milliwatts, _ in self._buffer.take_new(card):
            if milliwatts / 1000 <= _HIGHEST_WATTS:
                self._highest.add(at, milliwatts / 1000)
            self._at = at
        highest = self._highest.value(self._at)
        return {} if highest is None else {"peaks": {"power_watts": highest}}
