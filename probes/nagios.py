"""Reports as a monitoring plugin says them: one status line, numbers for graphs, then the reasons. Pure.

Exit codes are the plugin interface's own: 0 ok, 1 warning, 2 critical, 3 unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from probes.clocks import Spread
from probes.outcome import Grade, Slo, threshold
from probes.report import Report, worst_grade
from probes.rows import Row, rows
from probes.table import as_line

UNKNOWN: Final = 3
_CODES: Final[Mapping[Grade, int]] = {"pass": 0, "warn": 1, "fail": 2}
_WORDS: Final = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_UNITS: Final[Mapping[str, str]] = {
    "first_token_seconds": "s",
    "total_seconds": "s",
    "inter_token_seconds": "s",
    "decode_tokens_per_second": "",
}
_SLOS: Final[Mapping[str, Slo]] = {
    "first_token_seconds": "first_token",
    "total_seconds": "total",
    "inter_token_seconds": "inter_token",
}


def as_status(reports: Sequence[Report]) -> str:
    """Return the status line with its numbers, and below it the evidence."""
    found = rows(reports)
    said = "; ".join(_safe(as_line(row.worst)) for row in found)
    numbers = " ".join(number for row in found for number in _numbers(row))
    reasons = [_safe(one) for row in found if row.grade != "pass" for one in row.worst.verdict.evidence]
    return "\n".join((f"LANEWATCH {_WORDS[status_code(reports)]} - {said} | {numbers}".rstrip(" |"), *reasons))


def as_problem(text: str) -> str:
    """Return the line for what could not be asked."""
    return f"LANEWATCH {_WORDS[UNKNOWN]} - {_safe(text)}"


def status_code(reports: Sequence[Report]) -> int:
    """Return the exit code; our own trouble says nothing about the alias."""
    grade = worst_grade(reports)
    is_ours = all(report.outcome == "error" for report in reports if report.grade == "fail")
    return UNKNOWN if grade == "fail" and is_ours else _CODES[grade]


def _numbers(row: Row) -> Iterator[str]:
    """Yield the middle values, each with what is promised of it as its warning threshold."""
    for name, spread in row.clocks.items():
        if name in _UNITS:
            yield f"'{row.alias} {row.target} {name}'={_value(spread)}{_UNITS[name]};{_promised(row, name)};;0"


def _value(spread: Spread) -> str:
    return f"{spread.middle:.6f}".rstrip("0").rstrip(".")


def _promised(row: Row, name: str) -> str:
    alias = row.reports[0].alias
    promised = threshold(alias, _SLOS[name]) if alias is not None and name in _SLOS else None
    return "" if promised is None else f"{promised:g}"


def _safe(text: str) -> str:
    """Return `text` without the sign that begins the numbers."""
    return text.replace("|", "/").replace("\n", " ")
