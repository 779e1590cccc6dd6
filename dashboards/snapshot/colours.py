"""Colours on a light background: Grafana's own names for them, in shades that can be read on white."""

from collections.abc import Mapping
from typing import Final

from dashboards.board import Colour, Look
from dashboards.snapshot.sheet import Ink

PAPER: Final = "#f4f5f5"
PANEL: Final = "#ffffff"
EDGE: Final = "#dcdde0"
GRID: Final = "#e9eaec"
TRACK: Final = "#e9eaec"
TEXT: Final = Ink("#24292e")
SMALL: Final = Ink("#4a5057", 11)
FAINT: Final = Ink("#7b8087", 11)
TITLE: Final = Ink("#24292e", 12.5, is_bold=True)
HEAD: Final = Ink("#24292e", 15, is_bold=True)
LIMIT: Final = "#e02f44"

SHADES: Final[Mapping[Colour, str]] = {
    "blue": "#3274d9",
    "gray": "#8e9297",
    "green": "#37872d",
    "orange": "#e0752d",
    "purple": "#8f3bb8",
    "red": "#c4162a",
    "yellow": "#c79a00",
}
_LINES: Final = (
    *("#37872d", "#e0752d", "#1f60c4", "#8f3bb8", "#c79a00", "#c4162a", "#0a8f8f", "#a0522d", "#d6619b", "#5b6cc9"),
    *("#7eb26d", "#f2a14a", "#6ea6e8", "#b877d9", "#e3c04a", "#e8697a", "#52bdbd", "#c08a66", "#e79ac0", "#98a3e2"),
)


def of_line(number: int) -> str:
    """Return the colour of a series by its place among the others."""
    return _LINES[number % len(_LINES)]


def of_value(value: float, look: Look) -> str:
    """Return the colour of a value: that of its word, else of the last threshold that it has reached."""
    word = word_of(value, look)
    if word:
        return SHADES[word[1]]
    reached = [colour for threshold, colour in look.steps if value >= threshold]
    return SHADES[reached[-1] if reached else look.base]


def word_of(value: float, look: Look) -> tuple[str, Colour] | None:
    """Return the word for a value and its colour, if it has one."""
    return next(((word.text, word.colour) for word in look.words if word.value == value), None)
