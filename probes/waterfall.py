"""An attempt as text: when each phase ended, what it cost, who served it, and which layer explains it.

Pure. Shows times, sizes and reasons; it has no prompt and no answer to show.
"""

from collections.abc import Iterator
from typing import Final

from probes.attempt import Attempt
from probes.layer_table import layer_lines
from probes.paint import COLOURS, Paint
from probes.promises import promises
from probes.report import Report

_WIDTH: Final = 40  # characters of the longest bar


def as_text(report: Report, paint: Paint) -> str:
    """Return the report for a person."""
    return "\n".join(_lines(report, paint))


def _lines(report: Report, paint: Paint) -> Iterator[str]:
    attempt, colour = report.attempt, COLOURS[report.grade]
    simulated = "  (simulated gateway)" if attempt.is_simulated else ""
    whom = f"lane {attempt.lane} of alias {attempt.alias}" if attempt.target == "direct" else f"alias {attempt.alias}"
    yield f"{whom}: {paint(report.outcome, colour)} after {attempt.seconds:.3f} s{simulated}"
    yield ""
    yield from _bars(attempt)
    yield ""
    yield f"  tokens      {_tokens(attempt)}"
    yield f"  served by   {_served(report)}"
    yield from (f"  promised    {line}" for line in _promises(report, paint))
    yield f"  verdict     {paint(report.grade, colour)}, root cause: {paint(report.verdict.cause, colour)}"
    for sentence in report.verdict.evidence:
        yield f"              - {sentence}"
    if report.layers and report.grade != "pass":
        yield ""
        yield from layer_lines(report.layers, paint)


def _promises(report: Report, paint: Paint) -> Iterator[str]:
    """Say for each promised time whether it was met."""
    for one in promises(report):
        word = paint("met", COLOURS["pass"]) if one.is_met else paint("missed", COLOURS["warn"])
        yield f"{one.slo} {one.seconds:.3f} s of {one.promised_seconds:g} s: {word}"


def _bars(attempt: Attempt) -> Iterator[str]:
    """Draw each phase from the end of the one before to its own end, all on one scale."""
    whole, begun = max(attempt.seconds, 1e-9), 0.0
    for phase, ended in attempt.phases.items():
        left, right = round(begun / whole * _WIDTH), round(ended / whole * _WIDTH)
        bar = " " * left + "█" * max(1, right - left)
        yield f"  {phase:<13}{bar:<{_WIDTH + 1}} {ended:8.3f} s  (+{ended - begun:.3f})"
        begun = ended
    if "complete" not in attempt.phases:
        yield f"  {'ended':<13}{'':<{_WIDTH + 1}} {attempt.seconds:8.3f} s"


def _tokens(attempt: Attempt) -> str:
    counts = (f"{name} {count}" for name in ("prompt", "cached", "completion") if (count := _count(attempt, name)))
    rates = (f"{name} {rate:.1f} tok/s" for name, rate in _rates(attempt) if rate is not None)
    return ", ".join((*counts, *rates)) or "none counted"


def _rates(attempt: Attempt) -> tuple[tuple[str, float | None], ...]:
    return (("prefill", attempt.prefill_rate), ("decode", attempt.decode_rate))


def _count(attempt: Attempt, name: str) -> str:
    count = getattr(attempt.tokens, name)
    return "" if count is None else str(count)


def _served(report: Report) -> str:
    served = report.attempt.served
    names = (f"lane {report.lane}" if report.lane else "", served.model_id, served.api_base)
    who = ", ".join(name for name in names if name) or "not told"
    how = "its fallback" if report.outcome == "fallback" else "no fallback" if served else ""
    return f"{who} ({how})" if how else who
