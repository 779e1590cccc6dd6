"""Panels over time: lines and stacks, states, and histograms as colours."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.board import Look
from dashboards.snapshot.colours import FAINT, LIMIT, PANEL, SHADES, SMALL, of_line, of_value, word_of
from dashboards.snapshot.picture import Filled, Line, Picture, runs
from dashboards.snapshot.scales import Times, Values, marks_of, times_of
from dashboards.snapshot.sheet import Box, Ink, Points, Sheet
from dashboards.snapshot.values import as_text

_MOST_LINES: Final = 60
_LEGEND_ROW: Final = 16
_LEGEND_ROWS: Final = 3
_KEY: Final = 18  # the stroke before a name, and its distance
_BETWEEN: Final = 14
_TIME_ROW: Final = 20
_BLUES: Final = "#1f60c4"
_LEAST_ROW: Final = 13
_MOST_ROW: Final = 30


@dataclass(frozen=True, slots=True)
class _Stroke:
    """A line with its colour; `tops` are where its upper edge lies when it stands on others."""

    line: Line
    colour: str
    tops: Points = ()


def draw_lines(sheet: Sheet, box: Box, filled: Filled, picture: Picture) -> None:
    """Draw a graph: stacked or not, limits dashed, what happened over it, and the names below."""
    look = filled.panel.look
    strokes = list(_strokes(filled.lines[:_MOST_LINES], look))
    left_out = filled.left_out + len(filled.lines) - len(strokes)
    legend = _legend(sheet, strokes, box.width, left_out)
    height = box.height - _TIME_ROW - len(legend) * _LEGEND_ROW
    marks = marks_of([value for one in strokes for _, value in one.tops or one.line.points], look, height)
    side = max(sheet.width(text, FAINT) for text in marks.values()) + 8
    plot = Box(box.x + side, box.y + 4, box.width - side - 6, height - 4)
    times, scale = times_of(picture, plot), Values(plot, marks)
    times.draw(sheet)
    scale.draw(sheet)
    times.draw_marks(sheet, picture.marks)
    for one in strokes:
        _draw_stroke(sheet, one, times, scale)
    _draw_steps(sheet, scale, look)
    _draw_legend(sheet, (box.x, plot.bottom + _TIME_ROW), legend)


def _strokes(lines: Iterable[Line], look: Look) -> Iterator[_Stroke]:
    """Yield each line as it is drawn; where lines stand on each other, a limit stands alone."""
    numbers = itertools.count()
    below: dict[float, float] = {}
    for line in lines:
        colour = LIMIT if line.is_limit else of_line(next(numbers))
        if line.is_limit or not look.is_stacked:
            yield _Stroke(line, colour)
            continue
        below |= {at: below.get(at, 0.0) + value for at, value in line.points}
        yield _Stroke(line, colour, tuple((at, below[at]) for at, _ in line.points))


def _draw_stroke(sheet: Sheet, stroke: _Stroke, times: Times, scale: Values) -> None:
    own = dict(stroke.line.points)
    for run in runs(stroke.tops or stroke.line.points, times.step):
        upper = [(times.x(at), scale.y(value)) for at, value in run]
        if stroke.tops:
            lower = [(times.x(at), scale.y(top - own[at])) for at, top in run]
            sheet.area(upper, lower, stroke.colour, opacity=0.45)
        sheet.line(upper, stroke.colour, is_dashed=stroke.line.is_limit)


def _draw_steps(sheet: Sheet, scale: Values, look: Look) -> None:
    """Draw the thresholds that lie within what is shown."""
    for value, colour in look.steps:
        if min(scale.marks) <= value <= max(scale.marks):
            y = scale.y(value)
            sheet.line([(scale.box.x, y), (scale.box.right, y)], SHADES[colour], width=0.9, is_dashed=True)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A text of a legend and where it begins; without a stroke it says how many names are missing."""

    x: float
    text: str
    stroke: _Stroke | None = None


def _legend(sheet: Sheet, strokes: Iterable[_Stroke], width: float, left_out: int) -> list[list[_Entry]]:
    """Return the rows of the legend; what finds no place is counted at its end."""
    rows: list[list[_Entry]] = [[]]
    x = 0.0
    for stroke in strokes:
        text = sheet.fit(stroke.line.name, SMALL, width - _KEY)
        end = x + _KEY + sheet.width(text, SMALL)
        if rows[-1] and end > width:
            rows.append([])
            x, end = 0.0, end - x
        rows[-1].append(_Entry(x, text, stroke))
        x = end + _BETWEEN
    return _shortened(sheet, rows, width, left_out)


def _shortened(sheet: Sheet, rows: list[list[_Entry]], width: float, left_out: int) -> list[list[_Entry]]:
    kept, missing = rows[:_LEGEND_ROWS], left_out + sum(len(row) for row in rows[_LEGEND_ROWS:])
    while missing:
        last = kept[-1][-1]
        text, x = f"and {missing} more", last.x + _KEY + sheet.width(last.text, SMALL) + _BETWEEN
        if len(kept[-1]) == 1 or x + sheet.width(text, SMALL) <= width:
            kept[-1].append(_Entry(x, text))
            break
        kept[-1].pop()
        missing += 1
    return [row for row in kept if row and row[0].text]


def _draw_legend(sheet: Sheet, corner: tuple[float, float], legend: list[list[_Entry]]) -> None:
    for number, row in enumerate(legend):
        y = corner[1] + (number + 0.5) * _LEGEND_ROW
        for entry in row:
            x = corner[0] + entry.x
            if entry.stroke:
                is_dashed = entry.stroke.line.is_limit
                sheet.line([(x, y), (x + _KEY - 5, y)], entry.stroke.colour, width=2.4, is_dashed=is_dashed)
            sheet.write(x + _KEY if entry.stroke else x, y, entry.text, SMALL)


def draw_states(sheet: Sheet, box: Box, filled: Filled, picture: Picture) -> None:
    """Draw a bar for each series, in the colour and with the word of the state that it is in."""
    most = int((box.height - _TIME_ROW) // _LEAST_ROW)
    lines = filled.lines if len(filled.lines) <= most else filled.lines[: most - 1]
    left_out = filled.left_out + len(filled.lines) - len(lines)
    rows = len(lines) + bool(left_out)
    height = min(_MOST_ROW, (box.height - _TIME_ROW) / rows)
    side = min(max(sheet.width(line.name, SMALL) for line in lines) + 10, box.width * 0.42)
    plot = Box(box.x + side, box.y, box.width - side - 4, height * rows)
    times = times_of(picture, plot)
    times.draw(sheet)
    for number, line in enumerate(lines):
        bar = Box(plot.x, plot.y + number * height + 1, plot.width, height - 2)
        sheet.write(plot.x - 6, bar.y + bar.height / 2, sheet.fit(line.name, SMALL, side - 10), SMALL, align="right")
        _draw_bar(sheet, bar, line, times, filled.panel.look)
    if left_out:
        sheet.write(box.x, plot.bottom - height / 2, f"and {left_out} more", FAINT)


def _draw_bar(sheet: Sheet, bar: Box, line: Line, times: Times, look: Look) -> None:
    ink = Ink(PANEL, 10.5, is_bold=True)
    for run in runs(line.points, times.step):
        for value, same in itertools.groupby(run, key=lambda point: point[1]):
            held = [at for at, _ in same]
            left, right = times.x(held[0]), times.x(held[-1] + times.step)
            part = Box(left, bar.y, max(right - left, 1.0), bar.height)
            sheet.fill(part, of_value(value, look))
            word = word_of(value, look)
            text = word[0] if word else as_text(value, look.unit)
            if sheet.width(text, ink) <= part.width - 6:
                sheet.write(part.x + 4, bar.y + bar.height / 2, text, ink)


def draw_heat(sheet: Sheet, box: Box, filled: Filled, picture: Picture) -> None:
    """Draw how many values fell into each bucket: the more, the darker."""
    edges = sorted(filled.lines, key=lambda line: float(line.name.replace("+Inf", "inf")))
    names = [as_text(float(line.name), filled.panel.look.unit) if line.name != "+Inf" else "more" for line in edges]
    side = max(sheet.width(name, FAINT) for name in names) + 8
    plot = Box(box.x + side, box.y + 4, box.width - side - 6, box.height - _TIME_ROW - 8)
    times, height = times_of(picture, plot), plot.height / len(edges)
    times.draw(sheet)
    counts = _counts(edges)
    most = max((count for bucket in counts for _, count in bucket), default=0.0) or 1.0
    every = -(-len(names) * 13 // int(plot.height))
    for number, (name, bucket) in enumerate(zip(names, counts, strict=True)):
        y = plot.bottom - (number + 1) * height
        if number % every == 0:
            sheet.write(plot.x - 6, y + height / 2, name, FAINT, align="right")
        for at, count in bucket:
            if count > 0:
                left, right = times.x(at - times.step), times.x(at)
                cell = Box(left, y, max(right - left - 0.5, 1.0), height - 0.5)
                sheet.fill(cell, _BLUES, opacity=0.15 + 0.85 * (count / most) ** 0.5)


def _counts(edges: Sequence[Line]) -> list[list[tuple[float, float]]]:
    """Return the counts of each bucket alone: Prometheus' own hold those of the smaller ones too."""
    below: dict[float, float] = {}
    found = []
    for line in edges:
        found.append([(at, value - below.get(at, 0.0)) for at, value in line.points])
        below |= dict(line.points)
    return found
