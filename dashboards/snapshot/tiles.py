"""Panels of one moment: numbers on a ground, dials, bars and tables; and panels of plain text."""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from dashboards.board import Look
from dashboards.snapshot.colours import EDGE, FAINT, GRID, PANEL, SHADES, SMALL, TEXT, TRACK, of_value, word_of
from dashboards.snapshot.picture import Filled, Line, Picture
from dashboards.snapshot.sheet import Box, Ink, Sheet
from dashboards.snapshot.table import Cell
from dashboards.snapshot.values import as_text

_ROW: Final = 20
_LEAST_TILE: Final = (120, 40)
_LEAST_DIAL: Final = (110, 84)
_LINK: Final = re.compile(r"\[([^]]*)\]\([^)]*\)")
_SPACE: Final = 12  # between two columns


def _text(value: float, look: Look) -> str:
    word = word_of(value, look)
    return word[0] if word else as_text(value, look.unit)


def _last(line: Line) -> float:
    return line.points[-1][1]


def _grid(box: Box, count: int, least: tuple[int, int]) -> tuple[int, int]:
    """Return how many columns and rows hold the most of `count` things that are as large as can be."""
    most_columns, most_rows = max(1, int(box.width // least[0])), max(1, int(box.height // least[1]))
    columns = min(most_columns, max(1, math.ceil(math.sqrt(count * box.width / (2.6 * box.height)))))
    rows = math.ceil(count / columns)
    if rows > most_rows:
        columns, rows = most_columns, min(most_rows, math.ceil(count / most_columns))
    return min(columns, count), rows


def _cells(sheet: Sheet, box: Box, filled: Filled, least: tuple[int, int]) -> Iterator[tuple[Line, Box]]:
    """Yield each line with its place; where not all find one, the last place says how many."""
    columns, rows = _grid(box, len(filled.lines), least)
    width, height = box.width / columns, box.height / rows
    places = [Box(box.x + x * width, box.y + y * height, width, height) for y in range(rows) for x in range(columns)]
    fits = len(filled.lines) <= len(places) and not filled.left_out
    shown = filled.lines if fits else filled.lines[: len(places) - 1]
    yield from zip(shown, places, strict=False)
    if not fits:
        more, last = len(filled.lines) + filled.left_out - len(shown), places[len(shown)]
        sheet.write(last.x + width / 2, last.y + height / 2, f"and {more} more", FAINT, align="center")


def draw_numbers(sheet: Sheet, box: Box, filled: Filled, _: Picture) -> None:
    """Draw a tile for each value, in its colour, with its name."""
    for line, place in _cells(sheet, box, filled, _LEAST_TILE):
        tile = place.inside(2, 2, 2, 2)
        value, look = _last(line), filled.panel.look
        sheet.frame(tile, of_value(value, look), PANEL)
        large = Ink(PANEL, min(26, tile.height * 0.38), is_bold=True)
        sizes = (min(size, tile.height * 0.26) for size in (12, 11, 10, 9))
        fitting = (Ink(PANEL, size) for size in sizes)
        name = next((ink for ink in fitting if sheet.width(line.name, ink) <= tile.width - 8), Ink(PANEL, 9))
        middle = tile.x + tile.width / 2
        text = sheet.fit(_text(value, look), large, tile.width - 8)
        shown = sheet.fit(line.name, name, tile.width - 8)
        sheet.write(middle, tile.y + tile.height * (0.34 if shown else 0.5), text, large, align="center")
        sheet.write(middle, tile.y + tile.height * 0.74, shown, name, align="center")


def draw_dials(sheet: Sheet, box: Box, filled: Filled, _: Picture) -> None:
    """Draw a dial for each value, filled up to it."""
    for line, place in _cells(sheet, box, filled, _LEAST_DIAL):
        value, look = _last(line), filled.panel.look
        least, most = look.least or 0, look.most if look.most is not None else max(1.0, value)
        share = min(max((value - least) / (most - least), 0.0), 1.0)
        radius = min(place.width * 0.42, place.height - 30)
        centre = (place.x + place.width / 2, place.y + (place.height - 22 + radius) / 2 + 4)
        sheet.arc(centre, radius, (0.0, 1.0), TRACK)
        if share:
            sheet.arc(centre, radius, (0.0, share), of_value(value, look))
        ink = Ink(of_value(value, look), max(11, min(22, radius * 0.34)), is_bold=True)
        sheet.write(centre[0], centre[1] - radius * 0.14, _text(value, look), ink, align="center")
        sheet.write(centre[0], centre[1] + 13, sheet.fit(line.name, SMALL, place.width - 6), SMALL, align="center")


def draw_bars(sheet: Sheet, box: Box, filled: Filled, _: Picture) -> None:
    """Draw a bar for each value, its name before it and the number behind."""
    look = filled.panel.look
    most_rows = max(1, int(box.height // 18))
    lines = filled.lines if len(filled.lines) <= most_rows else filled.lines[: most_rows - 1]
    left_out = filled.left_out + len(filled.lines) - len(lines)
    height = min(34, box.height / (len(lines) + bool(left_out)))
    side = min(max(sheet.width(line.name, SMALL) for line in lines) + 8, box.width * 0.5)
    numbers = max(sheet.width(_text(_last(line), look), TEXT) for line in lines) + 10
    room = box.width - side - numbers
    longest = float(look.most) if look.most is not None else max((_last(line) for line in lines), default=0.0)
    for number, line in enumerate(lines):
        middle = box.y + (number + 0.5) * height
        bar = Box(box.x + side, middle - height * 0.36, room, height * 0.72)
        share = min(max(_last(line) / longest, 0.0), 1.0) if longest > 0 else 0.0
        sheet.write(bar.x - 8, middle, sheet.fit(line.name, SMALL, side - 8), SMALL, align="right")
        sheet.fill(bar, TRACK)
        sheet.fill(Box(bar.x, bar.y, room * share, bar.height), of_value(_last(line), look))
        sheet.write(box.right, middle, _text(_last(line), look), TEXT, align="right")
    if left_out:
        sheet.write(box.x, box.y + (len(lines) + 0.5) * height, f"and {left_out} more", FAINT)


def draw_table(sheet: Sheet, box: Box, filled: Filled, _: Picture) -> None:
    """Draw the titles of the columns and as many rows as find a place."""
    titles = [column.title for column in filled.panel.look.columns]
    most_rows = max(1, int(box.height // _ROW) - 1)
    rows = filled.rows if len(filled.rows) <= most_rows else filled.rows[: most_rows - 1]
    left_out = filled.left_out + len(filled.rows) - len(rows)
    widths = _widths(sheet, titles, rows, box.width)
    head = Ink(TEXT.colour, 11.5, is_bold=True)
    _draw_row(sheet, (box.x, box.y + _ROW / 2), [Cell(title) for title in titles], (widths, head))
    sheet.line([(box.x, box.y + _ROW), (box.right, box.y + _ROW)], EDGE)
    for number, row in enumerate(rows, 1):
        y = box.y + (number + 0.5) * _ROW
        _draw_row(sheet, (box.x, y), row, (widths, SMALL))
        sheet.line([(box.x, y + _ROW / 2), (box.right, y + _ROW / 2)], GRID, width=0.6)
    if left_out:
        sheet.write(box.x, box.y + (len(rows) + 1.5) * _ROW, f"and {left_out} more", FAINT)


def _widths(sheet: Sheet, titles: Sequence[str], rows: Sequence[Sequence[Cell]], width: float) -> list[float]:
    """Return the width of each column: what its longest text needs, all of them made narrower where it is too much."""
    bold = Ink(TEXT.colour, 11.5, is_bold=True)
    needed = [
        max([sheet.width(title, bold), *(sheet.width(row[at].text, SMALL) for row in rows)]) + _SPACE
        for at, title in enumerate(titles)
    ]
    return [one * width / sum(needed) for one in needed]


def _draw_row(
    sheet: Sheet, place: tuple[float, float], cells: Sequence[Cell], looks: tuple[Sequence[float], Ink]
) -> None:
    x, y = place
    widths, ink = looks
    for cell, width in zip(cells, widths, strict=True):
        own = Ink(SHADES[cell.colour], ink.size, is_bold=True) if cell.colour else ink
        sheet.write(x, y, sheet.fit(cell.text, own, width - 4), own)
        x += width


def draw_text(sheet: Sheet, box: Box, filled: Filled, _: Picture) -> None:
    """Write the lines of a text, broken where the panel ends; where its links lead is not shown."""
    y = box.y + 8
    for line in _plain(filled.panel.text):
        for part in _broken(sheet, line, box.width):
            if y > box.bottom - 6:
                return
            sheet.write(box.x, y, part, SMALL)
            y += 17
        y += 3


def _plain(markdown: str) -> Iterator[str]:
    for line in markdown.splitlines():
        text = _LINK.sub(r"\1", line).replace("**", "").replace("`", "").strip()
        if text:
            yield f"• {text.removeprefix('- ')}" if text.startswith("- ") else text


def _broken(sheet: Sheet, line: str, width: float) -> Iterator[str]:
    part = ""
    for word in line.split():
        longer = f"{part} {word}".strip()
        if part and sheet.width(longer, SMALL) > width:
            yield part
            longer = word
        part = longer
    yield part
