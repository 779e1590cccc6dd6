"""What a picture shows: every text in it has been through the allow-list, so nothing behind it can let a name out.

Pure: from what a server told to what is drawn, and to the same as data.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from dashboards.board import Annotation, Board, Colour, Panel
from dashboards.snapshot import table
from dashboards.snapshot.asked import Answer, Asked, Question, Series
from dashboards.snapshot.pseudonyms import Pseudonyms, give_names
from dashboards.snapshot.table import Cell

_FIELD: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SCHEMA: Final = 1
_GAP: Final = 1.5  # steps
REFUSED: Final = "the server refused a query"


@dataclass(frozen=True, slots=True)
class Line:
    """One series under the name that is shown."""

    name: str
    points: tuple[tuple[float, float], ...]
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """A panel and what it shows; `left_out` series are not among its lines, `rows` are those of a table."""

    panel: Panel
    lines: tuple[Line, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    left_out: int = 0
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """What happened, and from when to when; at one moment both are the same."""

    name: str
    colour: Colour
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A board with its values; `filled` in the order of its panels."""

    board: Board
    start: float
    end: float
    step: int
    choices: Mapping[str, str]
    filled: tuple[Filled, ...]
    marks: tuple[Mark, ...]
    is_simulated: bool

    @property
    def refused(self) -> int:
        """How many panels show less than they ask for."""
        return sum(one.is_refused for one in self.filled)

    @property
    def span(self) -> str:
        """The time shown, in words."""
        start, end = (datetime.fromtimestamp(at, UTC) for at in (self.start, self.end))
        until = f"{end:%H:%M:%S}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
        return f"{start:%Y-%m-%d %H:%M:%S} to {until} UTC"


def sanitise(asked: Asked, allowed: frozenset[str]) -> Picture:
    """Return the picture of what was told, without a name that is not allowed."""
    names = give_names(_told(asked), allowed)
    return Picture(
        board=asked.board,
        start=asked.shown.start,
        end=asked.shown.end,
        step=asked.shown.step,
        choices=dict(_choices(asked, names)),
        filled=tuple(_fill(asked, panel, names) for row in asked.board.rows for panel in row.panels),
        marks=tuple(mark for one in asked.board.annotations for mark in _marks(asked, one, names)),
        is_simulated=asked.is_simulated,
    )


def _told(asked: Asked) -> Iterator[tuple[str, str]]:
    for variable in asked.board.variables:
        yield from ((variable.label, value) for value in asked.choices[variable.name])
    for answer in asked.answers.values():
        for series in answer.series:
            yield from series.labels.items()


def _choices(asked: Asked, names: Pseudonyms) -> Iterator[tuple[str, str]]:
    for variable in asked.board.variables:
        chosen = asked.choices[variable.name]
        yield variable.name, ", ".join(names.name(variable.label, value) for value in chosen) or "all"


def _fill(asked: Asked, panel: Panel, names: Pseudonyms) -> Filled:
    answers = [answer for _, answer in asked.of(panel)]
    is_table = panel.kind == "table"
    lines = [
        Line(_legend(query.legend, series, names), _finite(series), query.is_limit)
        for query, answer in asked.of(panel)
        for series in answer.series
        if not is_table
    ]
    return Filled(
        panel,
        lines=tuple(line for line in lines if line.points),
        rows=table.rows(panel.look, [_frame(answer, names) for answer in answers]) if is_table else (),
        left_out=sum(answer.left_out for answer in answers),
        is_refused=any(answer.is_refused for answer in answers),
    )


def _legend(template: str, series: Series, names: Pseudonyms) -> str:
    def shown(found: re.Match[str]) -> str:
        return names.name(found[1], series.labels.get(found[1], ""))

    apart = template.replace("}}{{", "}} {{")  # pseudonyms are words
    return " ".join(_FIELD.sub(shown, apart).split()).replace(" :", ":")


def _finite(series: Series) -> tuple[tuple[float, float], ...]:
    return tuple((at, value) for at, value in series.points if math.isfinite(value))


def _frame(answer: Answer, names: Pseudonyms) -> table.Frame:
    return [(names.labels(series.labels), series.points[-1][1]) for series in answer.series if series.points]


def _marks(asked: Asked, annotation: Annotation, names: Pseudonyms) -> Iterator[Mark]:
    shown = asked.shown
    for series in asked.answers[Question(annotation.query.expr, is_now=False)].series:
        text = _legend(annotation.query.legend, series, names)
        for start, end in _moments(series) if annotation.is_time else _whiles(series, shown.step):
            if shown.start <= start <= shown.end:
                yield Mark(annotation.name, annotation.colour, text, start, end)


def _moments(series: Series) -> list[tuple[float, float]]:
    """Return the times that the values are, which are milliseconds."""
    return [(at, at) for at in sorted({value / 1000 for _, value in series.points if math.isfinite(value)})]


def _whiles(series: Series, step: int) -> Iterator[tuple[float, float]]:
    """Yield each time without a gap in which there were values."""
    for run in runs(series.points, step):
        yield run[0][0], run[-1][0]


def runs(points: Sequence[tuple[float, float]], step: float) -> list[list[tuple[float, float]]]:
    """Return the points in runs without a gap: where there was no value, no line goes over it."""
    found: list[list[tuple[float, float]]] = []
    for point in points:
        if not found or point[0] - found[-1][-1][0] > _GAP * step:
            found.append([])
        found[-1].append(point)
    return found


def as_data(picture: Picture) -> dict[str, object]:
    """Return the same for a program: what is drawn, and nothing that is not."""
    return {
        "schema": _SCHEMA,
        "sanitised": True,
        "simulated": picture.is_simulated,
        "dashboard": picture.board.uid,
        "title": picture.board.title,
        "from": picture.start,
        "to": picture.end,
        "step": picture.step,
        "choices": dict(picture.choices),
        "panels": [_panel_data(one) for one in picture.filled],
        "marks": [{"name": one.name, "text": one.text, "from": one.start, "to": one.end} for one in picture.marks],
    }


def _panel_data(filled: Filled) -> dict[str, object]:
    panel = filled.panel
    titles = [column.title for column in panel.look.columns]
    rows = [dict(zip(titles, (cell.text for cell in row), strict=True)) for row in filled.rows]
    series = [{"name": line.name, "limit": line.is_limit, "points": line.points} for line in filled.lines]
    return {
        "title": panel.title,
        "kind": panel.kind,
        "unit": panel.look.unit,
        **({"rows": rows} if panel.kind == "table" else {"series": series}),
        **({"left_out": filled.left_out} if filled.left_out else {}),
        **({"problem": REFUSED} if filled.is_refused else {}),
    }
