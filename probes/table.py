"""Several reports as one table: a line for each way, what the gateway adds, and why what failed did. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from probes.clocks import Spread
from probes.paint import COLOURS, Paint
from probes.report import Report
from probes.rows import Row, gateway_adds, rows

_COLUMNS: Final[Mapping[str, str]] = {
    "first_chunk_seconds": "first chunk s",
    "first_token_seconds": "first token s",
    "total_seconds": "total s",
    "decode_tokens_per_second": "decode tok/s",
}
_HEAD: Final = ("alias", "way", "outcome", *_COLUMNS.values(), "served by")


def as_table(reports: Sequence[Report], paint: Paint) -> str:
    """Return the table for a person; three numbers are the least, the middle and the most."""
    found = rows(reports)
    adds = gateway_adds(found)
    lines = [_HEAD]
    for row in found:
        lines.append(_cells(row))
        if row.target == "direct" and row.alias in adds:
            lines.append(_added(adds[row.alias]))
    text = _aligned(lines, dict(_places(lines, found)), paint)
    return "\n".join((*text, *_reasons(found, paint)))


def as_line(report: Report) -> str:
    """Return a report as one line of a log."""
    attempt, served = report.attempt, report.lane or report.attempt.served.model_id
    first = f"first token {attempt.first_token:.3f} s, " if attempt.first_token is not None else ""
    rate = f", {attempt.decode_rate:.1f} tok/s" if attempt.decode_rate is not None else ""
    by = f", served by {served}" if served else ""
    why = f", cause {report.verdict.cause}" if report.grade != "pass" else ""
    return f"{attempt.alias} {attempt.target} {report.outcome}: {first}total {attempt.seconds:.3f} s{rate}{by}{why}"


def _cells(row: Row) -> tuple[str, ...]:
    outcomes = row.outcomes
    said = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.items())
    clocks = row.clocks
    return (
        row.alias,
        row.target,
        said if len(row.reports) > 1 else next(iter(outcomes)),
        *(_spread(clocks.get(name), name) for name in _COLUMNS),
        ", ".join(dict.fromkeys(report.lane or report.attempt.served.model_id or "-" for report in row.reports)),
    )


def _added(adds: Mapping[str, float]) -> tuple[str, ...]:
    return ("", "gateway adds", "", *(f"{adds[name]:+.3f}" if name in adds else "" for name in _COLUMNS), "")


def _spread(spread: Spread | None, name: str) -> str:
    if spread is None:
        return "-"
    digits = 1 if name.endswith("per_second") else 3
    values = dict.fromkeys((spread.least, spread.middle, spread.most))
    return " / ".join(f"{value:.{digits}f}" for value in values)


def _places(lines: Sequence[tuple[str, ...]], found: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    """Yield each row with the number of its line."""
    by_way: dict[tuple[str, str], Row] = {(row.alias, row.target): row for row in found}
    for number, line in enumerate(lines):
        row = by_way.get((line[0], line[1]))
        if row is not None:
            yield number, row


def _aligned(lines: Sequence[tuple[str, ...]], painted: Mapping[int, Row], paint: Paint) -> Iterator[str]:
    """Yield the lines with their columns below each other; colour comes after the width was counted."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        cells = [f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)]
        if number in painted:
            cells[2] = paint(cells[2], COLOURS[painted[number].grade])
        yield "  ".join(cells).rstrip()


def _reasons(found: Iterable[Row], paint: Paint) -> Iterator[str]:
    for row in found:
        if row.grade == "pass":
            continue
        report = row.worst
        yield ""
        yield f"{row.alias} {row.target}: root cause {paint(report.verdict.cause, COLOURS[row.grade])}"
        yield from (f"  - {sentence}" for sentence in report.verdict.evidence)
