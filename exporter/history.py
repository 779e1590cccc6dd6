"""The exporter's own short memory of a few numbers: what the page for people draws as sparklines.

Bounded in points and series, and gone with the process: Prometheus remembers, this only shows which way it goes.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.metric import Family, Metric, Sample

STEP_SECONDS: Final = 15.0
SPAN_SECONDS: Final = 3600.0
DRAWN: Final = 60
_POINTS: Final = int(SPAN_SECONDS / STEP_SECONDS)
_SERIES: Final = 100  # of one family; a person looks at no more
_TRACKED: Final = (c.PROBE_FIRST_TOKEN, c.GPU_MEMORY_USED)
_EARLY: Final = 0.5  # pages come about once a second: a moment too soon is soon enough


@dataclass(frozen=True, slots=True)
class Point:
    """One remembered value at Unix time `at`."""

    at: float
    value: float


class History:
    """Remembers a point a step of every series that is drawn."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, tuple[str, ...]], deque[Point]] = {}
        self._noted_at = float("-inf")

    def note(self, families: Mapping[str, Family], now: float) -> None:
        """Remember what the families say at Unix time `now`, once a step; a clock that was set back begins anew."""
        if 0 <= now - self._noted_at < STEP_SECONDS - _EARLY:
            return
        if now < self._noted_at:
            self._series.clear()
        self._noted_at = now
        for metric in _TRACKED:
            family = families.get(metric.name)
            self._keep(metric, family.samples[:_SERIES] if family else (), now)
        self._forget(now - SPAN_SECONDS)

    def of(self, metric: Metric, *labels: str) -> tuple[Point, ...]:
        """Return what is remembered of one series, the oldest first, every point or as many as a small picture holds.

        A pause in it is a gap of more than `SPAN_SECONDS / DRAWN` between two points.
        """
        points = tuple(self._series.get((metric.name, labels), ()))
        stride = -(-len(points) // DRAWN)
        return points[::-stride][::-1] if stride > 1 else points  # the latest is always among them

    def _keep(self, metric: Metric, samples: Iterable[Sample], now: float) -> None:
        for sample in samples:
            points = self._series.setdefault((metric.name, sample.labels), deque(maxlen=_POINTS))
            points.append(Point(now, sample.value))

    def _forget(self, before: float) -> None:
        for key in [key for key, points in self._series.items() if points[-1].at < before]:
            del self._series[key]
