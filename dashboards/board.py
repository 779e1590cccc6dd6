"""What a dashboard is to us: rows that ask a question, panels that answer it, and how they lie on the page. Pure data.

Which library turns this into Grafana's JSON is the secret of `panels.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["timeseries", "stat", "gauge", "bargauge", "table", "state-timeline", "heatmap", "text"]
Unit = Literal["short", "none", "bytes", "Bps", "celsius", "hertz", "percentunit", "s", "suffix: tok/s", "watt"]
Colour = Literal["blue", "green", "orange", "purple", "red", "yellow", "gray"]

PAGE_WIDTH: Final = 24
NOW_ONLY: Final[frozenset[Kind]] = frozenset({"table", "stat", "gauge", "bargauge"})  # they show one moment


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL expression and the name of each of its series; a limit is drawn as a dashed line over the others."""

    expr: str
    legend: str = ""
    is_limit: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """What a number means, and its colour."""

    value: int
    text: str
    colour: Colour


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the label or value that it shows, its title, and how a value is shown."""

    name: str
    title: str
    unit: Unit | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How values are shown: unit, bounds, colours from a threshold on, words for numbers, columns by name."""

    unit: Unit
    least: int | None = None
    most: int | None = None
    base: Colour = "green"
    steps: tuple[tuple[float, Colour], ...] = ()
    words: tuple[Word, ...] = ()
    is_stacked: bool = False
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """From a value to the board that says more of it: the `labels` of the value are chosen there."""

    title: str
    uid: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel: its title is the question, `about` says how to read the answer; `text` only where it asks nothing."""

    kind: Kind
    title: str
    about: str
    queries: tuple[Query, ...]
    look: Look
    width: int = 12
    height: int = 8
    links: tuple[Link, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One question and the panels that answer it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """One choice at the top of the page: the values of `label` that the series of `selector` have, all or one."""

    name: str
    selector: str
    label: str
    takes_one: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """What happened, on every graph: while the query has values, or at the times that its values are."""

    name: str
    query: Query
    colour: Colour
    is_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard; `uid` is kept for ever, for links hold it."""

    uid: str
    title: str
    about: str
    tags: tuple[str, ...]
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a panel lies, in Grafana's units."""

    x: int
    y: int
    width: int
    height: int


def arrange(rows: Iterable[Row]) -> Iterator[tuple[Row | Panel, Place]]:
    """Yield each row's head and panels from left to right, wrapped where the page ends; nothing overlaps."""
    y = 0
    for row in rows:
        yield row, Place(0, y, PAGE_WIDTH, 1)
        y += 1
        for line in _lines(row.panels):
            x = 0
            for panel in line:
                yield panel, Place(x, y, panel.width, panel.height)
                x += panel.width
            y += max(panel.height for panel in line)


def _lines(panels: Iterable[Panel]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if line and sum(one.width for one in line) + panel.width > PAGE_WIDTH:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line
