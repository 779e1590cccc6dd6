"""From series to the rows of a table, as Grafana's transformations make them: joined by the labels that they share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from dashboards.board import Colour, Column, Look
from dashboards.snapshot.values import as_text

Frame = Sequence[tuple[dict[str, str], float]]  # labels and value of each series of one query


@dataclass(frozen=True, slots=True)
class Cell:
    """One text of a table, coloured where it is a word for a number."""

    text: str
    colour: Colour | None = None


@dataclass(slots=True)
class _Row:
    labels: dict[str, str]
    values: dict[str, float]


def rows(look: Look, frames: Sequence[Frame]) -> tuple[tuple[Cell, ...], ...]:
    """Return the cells of every row, in the order of the columns."""
    joined: list[_Row] = []
    for number, frame in enumerate(frames):
        _join(joined, f"Value #{ascii_uppercase[number]}" if len(frames) > 1 else "Value", frame)
    return tuple(tuple(_cell(row, column, look) for column in look.columns) for row in joined)


def _join(joined: list[_Row], name: str, frame: Frame) -> None:
    """Add each series to the rows that it agrees with, else as a row of its own."""
    before = list(joined)
    for labels, value in frame:
        fitting = [row for row in before if name not in row.values and _agree(row.labels, labels)]
        for row in fitting:
            row.labels |= labels
            row.values[name] = value
        if not fitting:
            joined.append(_Row(dict(labels), {name: value}))


def _agree(some: dict[str, str], others: dict[str, str]) -> bool:
    shared = some.keys() & others.keys()
    return bool(shared) and all(some[label] == others[label] for label in shared)


def _cell(row: _Row, column: Column, look: Look) -> Cell:
    if column.name not in row.values:
        return Cell(row.labels.get(column.name, ""))
    value = row.values[column.name]
    for word in column.words or look.words:
        if word.value == value:
            return Cell(word.text, word.colour)
    return Cell(as_text(value, column.unit or look.unit) if math.isfinite(value) else "")
