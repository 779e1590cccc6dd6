"""Colours of grades and states; whether there are any is the command's to know."""

from collections.abc import Callable, Mapping
from typing import Final

from probes.layers import LayerState
from probes.outcome import Grade

COLOURS: Final[Mapping[Grade, str]] = {"pass": "green", "warn": "yellow", "fail": "red"}
STATE_COLOURS: Final[Mapping[LayerState, str]] = {
    "ok": "green",
    "bad": "red",
    "unknown": "yellow",
    "not_looked_at": "bright_black",
}

Paint = Callable[[str, str], str]
"""Gives a text a colour, or leaves it alone."""


def plain(text: str, _: str) -> str:
    """Leave the text alone."""
    return text
