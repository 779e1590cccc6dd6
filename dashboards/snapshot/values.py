"""Numbers as people read them, in the units that panels have."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from dashboards.board import Unit

_THOUSANDS: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_BINARY: Final = ((2.0**40, " TiB"), (2.0**30, " GiB"), (2.0**20, " MiB"), (2.0**10, " KiB"))
_TIMES: Final = ((86400.0, " d"), (3600.0, " h"), (60.0, " min"), (1.0, " s"), (1e-3, " ms"), (1e-6, " µs"))
_SUFFIXES: Final[Mapping[Unit, str]] = {
    "short": "",
    "none": "",
    "Bps": "B/s",
    "celsius": "°C",
    "hertz": "Hz",
    "suffix: tok/s": "tok/s",
    "watt": "W",
}
_WITH_UNIT: Final = {
    suffix: tuple((step, f" {name}{suffix}" if suffix else name) for step, name in _THOUSANDS)
    for suffix in _SUFFIXES.values()
}


def as_text(value: float, unit: Unit | None, digits: int = 3) -> str:
    """Return the value with its unit, to so many digits."""
    if not math.isfinite(value):
        return "unknown"
    if unit == "percentunit":
        return f"{_digits(value * 100, digits)} %"
    if unit in {"none", None}:
        return _digits(value, digits)
    steps, otherwise = _steps(unit or "none")
    step, name = next(((step, name) for step, name in steps if abs(value) >= step), (1.0, otherwise))
    return f"{_digits(value / step, digits)}{name}"


def _steps(unit: Unit) -> tuple[Sequence[tuple[float, str]], str]:
    """Return what values are divided by, with what stands behind them then, and what stands behind smaller ones."""
    if unit == "bytes":
        return _BINARY, " B"
    if unit == "s":
        return _TIMES, " s"
    suffix = _SUFFIXES[unit]
    return _WITH_UNIT[suffix], f" {suffix}" if suffix else ""


def _digits(value: float, digits: int) -> str:
    """Return so many digits at least, every one before the point, and no zeros at the end behind it."""
    if abs(value) < 1e-9:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
