"""From values and times to places on the sheet, and the lines and numbers beside a graph."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dashboards.board import Look, Unit
from dashboards.snapshot.colours import FAINT, GRID, SHADES
from dashboards.snapshot.picture import Mark, Picture
from dashboards.snapshot.sheet import Box, Sheet, ticks
from dashboards.snapshot.values import as_text

_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)
# What values are shown in: the numbers beside a graph are round in these.
_UNITS: Final[Mapping[Unit, Sequence[float]]] = {
    "bytes": (2.0**40, 2.0**30, 2.0**20, 2.0**10),
    "s": (86400.0, 3600.0, 60.0),
}
_LABEL_WIDTH: Final = 62  # of a time, with what keeps it from the next
_LINE_HEIGHT: Final = 34


@dataclass(frozen=True, slots=True)
class Times:
    """Where each time lies in a box."""

    box: Box
    start: float
    end: float
    step: float

    def x(self, at: float) -> float:
        """Return the place of a time; what is outside lies on the edge."""
        share = (at - self.start) / max(self.end - self.start, 1e-9)
        return self.box.x + self.box.width * min(max(share, 0.0), 1.0)

    def draw(self, sheet: Sheet) -> None:
        """Draw a thin line and a number for each round time."""
        span = self.end - self.start
        wanted = span * _LABEL_WIDTH / self.box.width
        step = next((one for one in _STEPS if one >= wanted), _STEPS[-1])
        form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%m-%d"
        at = -(-self.start // step) * step
        while at <= self.end:
            x = self.x(at)
            sheet.line([(x, self.box.y), (x, self.box.bottom)], GRID, width=0.7)
            if self.box.x + 18 <= x <= self.box.right - 18:
                sheet.write(x, self.box.bottom + 10, f"{datetime.fromtimestamp(at, UTC):{form}}", FAINT, align="center")
            at += step

    def draw_marks(self, sheet: Sheet, marks: Iterable[Mark]) -> None:
        """Draw what happened over the graph: a line at its beginning, a shade while it lasted."""
        for colour, spans in _by_colour(marks).items():
            for start, end in united(spans):
                left, right = self.x(start), self.x(end)
                sheet.fill(Box(left, self.box.y, right - left, self.box.height), colour, opacity=0.05)
            for x in sorted({self.x(start) for start, _ in spans}):
                sheet.line([(x, self.box.y), (x, self.box.bottom)], colour, width=0.7, is_dashed=True)


def _by_colour(marks: Iterable[Mark]) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for mark in marks:
        found.setdefault(SHADES[mark.colour], []).append((mark.start, mark.end))
    return found


def united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the same without overlaps: what two marks cover is not twice as dark."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def times_of(picture: Picture, box: Box) -> Times:
    """Return where the times of the picture lie in a box."""
    return Times(box, picture.start, picture.end, picture.step)


@dataclass(frozen=True, slots=True)
class Values:
    """Where each value lies in a box, and the numbers beside it."""

    box: Box
    marks: Mapping[float, str]

    def y(self, value: float) -> float:
        """Return the place of a value; what is outside lies on the edge."""
        least, most = min(self.marks), max(self.marks)
        share = (value - least) / (most - least)
        return self.box.bottom - self.box.height * min(max(share, 0.0), 1.0)

    def draw(self, sheet: Sheet) -> None:
        """Draw a thin line and a number for each round value."""
        for value, text in self.marks.items():
            y = self.y(value)
            sheet.line([(self.box.x, y), (self.box.right, y)], GRID, width=0.7)
            sheet.write(self.box.x - 6, y, text, FAINT, align="right")


def marks_of(values: Iterable[float], look: Look, height: float) -> dict[float, str]:
    """Return the round numbers that a graph of these values shows, with their text."""
    found = list(values)
    least, most = min(found), max(found)
    least = least if look.least is None else min(look.least, least)
    most = most if look.most is None else max(look.most, most)
    if most - least < 1e-12:
        most = least + (abs(least) or 1.0)
    unit = next((one for one in _UNITS.get(look.unit, ()) if most >= one), 1.0)
    numbers = ticks(least / unit, most / unit, round(height / _LINE_HEIGHT))
    if look.least is not None and look.least <= least:
        numbers = [one for one in numbers if one * unit >= look.least]
    return _told_apart([one * unit for one in numbers], look.unit)


def _told_apart(numbers: Sequence[float], unit: Unit) -> dict[float, str]:
    """Return the numbers with their text, in as many digits as tell them apart."""
    texts = ([as_text(one, unit, digits) for one in numbers] for digits in range(3, 9))
    apart = next((one for one in texts if len(set(one)) == len(one)), [as_text(one, unit, 9) for one in numbers])
    return dict(zip(numbers, apart, strict=True))
