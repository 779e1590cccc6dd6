"""The whole picture: what it is of, the time it shows, and the panels where the board has them."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from dashboards.board import PAGE_WIDTH, Kind, Panel, Place, arrange
from dashboards.snapshot.colours import EDGE, FAINT, HEAD, PANEL, PAPER, SHADES, SMALL, TITLE
from dashboards.snapshot.graphs import draw_heat, draw_lines, draw_states
from dashboards.snapshot.picture import REFUSED, Filled, Picture
from dashboards.snapshot.sheet import Box, Ink, Sheet
from dashboards.snapshot.tiles import draw_bars, draw_dials, draw_numbers, draw_table, draw_text

WIDTH: Final = 1280
_UNIT: Final = 32  # pixels of one unit of height
_MARGIN: Final = 10
_HEAD: Final = 74
_NO_DATA: Final = "no data"

_KINDS: Final[Mapping[Kind, Callable[[Sheet, Box, Filled, Picture], None]]] = {
    "bargauge": draw_bars,
    "gauge": draw_dials,
    "heatmap": draw_heat,
    "stat": draw_numbers,
    "state-timeline": draw_states,
    "table": draw_table,
    "text": draw_text,
    "timeseries": draw_lines,
}


def draw(picture: Picture) -> Sheet:
    """Return the picture on paper, as high as the board needs."""
    items = list(arrange(picture.board.rows))
    units = max(place.y + place.height for _, place in items)
    sheet = Sheet(WIDTH, _HEAD + units * _UNIT + _MARGIN, PAPER)
    _draw_head(sheet, picture)
    filled = iter(picture.filled)
    for item, place in items:
        box = _box(place)
        if isinstance(item, Panel):
            _draw_panel(sheet, box, next(filled), picture)
        else:
            sheet.write(box.x + 2, box.y + box.height / 2 + 2, item.title, HEAD)
    return sheet


def _box(place: Place) -> Box:
    column = (WIDTH - 2 * _MARGIN) / PAGE_WIDTH
    whole = Box(_MARGIN + place.x * column, _HEAD + place.y * _UNIT, place.width * column, place.height * _UNIT)
    return whole.inside(3, 3, 3, 3)


def _draw_head(sheet: Sheet, picture: Picture) -> None:
    sheet.write(_MARGIN + 3, 22, picture.board.title, Ink(TITLE.colour, 20, is_bold=True))
    x: float = WIDTH - _MARGIN - 3
    stamps = [("sanitised", SHADES["blue"]), *([("simulated", SHADES["orange"])] if picture.is_simulated else [])]
    for text, colour in stamps:
        x = _draw_stamp(sheet, x, text, colour)
    sheet.write(x - 4, 22, picture.span, SMALL, align="right")
    chosen = "   ".join(f"{name}: {text}" for name, text in picture.choices.items())
    sheet.write(_MARGIN + 3, 46, sheet.fit(chosen, SMALL, WIDTH - 2 * _MARGIN), SMALL)
    _draw_happenings(sheet, picture)


def _draw_stamp(sheet: Sheet, right: float, text: str, colour: str) -> float:
    """Draw a word on a ground of its own; return where it begins, with some space."""
    ink = Ink(PANEL, 12, is_bold=True)
    width = sheet.width(text, ink) + 14
    sheet.frame(Box(right - width, 12, width, 20), colour, colour)
    sheet.write(right - width / 2, 22, text, ink, align="center")
    return right - width - 8


def _draw_happenings(sheet: Sheet, picture: Picture) -> None:
    """Say what is marked on the graphs, in its colour: each kind, how often, and what it was."""
    x: float = _MARGIN + 3
    for annotation in picture.board.annotations:
        texts = Counter(mark.text for mark in picture.marks if mark.name == annotation.name)
        told = ", ".join(f"{text} ({count} times)" if count > 1 else text for text, count in sorted(texts.items()))
        room = (WIDTH - 2 * _MARGIN) / len(picture.board.annotations) - 20
        shown = sheet.fit(f"{annotation.name}: {told or 'none'}", SMALL, room)
        colour = SHADES[annotation.colour]
        sheet.line([(x + 5, 57), (x + 5, 71)], colour, width=1.6, is_dashed=True)
        sheet.write(x + 12, 64, shown, SMALL)
        x += 12 + sheet.width(shown, SMALL) + 20


def _draw_panel(sheet: Sheet, box: Box, filled: Filled, picture: Picture) -> None:
    sheet.frame(box, PANEL, EDGE)
    sheet.write(box.x + 9, box.y + 14, sheet.fit(filled.panel.title, TITLE, box.width - 18), TITLE)
    body = box.inside(9, 27, 9, 6)
    problem = REFUSED if filled.is_refused else "" if _has_any(filled) else _NO_DATA
    if problem:
        sheet.write(body.x + body.width / 2, body.y + body.height / 2 - 8, problem, FAINT, align="center")
        return
    _KINDS[filled.panel.kind](sheet, body, filled, picture)


def _has_any(filled: Filled) -> bool:
    return bool(filled.lines or filled.rows or filled.panel.text)
