"""An attempt as text: when each phase ended, what it cost, who served it, and which layer explains it.

Pure. Shows times, sizes and reasons; it has no prompt and no answer to show.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from probes.attempt import Attempt
from probes.outcome import Grade
from probes.report import Report

_WIDTH: Final = 40  # characters of the longest bar
_COLOURS: Final[dict[Grade, str]] = {"pass": "green", "warn": "yellow", "fail": "red"}

Paint = Callable[[str, str], str]
"""Gives a text a colour, or leaves it alone."""


def as_text(report: Report, paint: Paint) -> str:
    """Return the report for a person."""
    return "\n".join(_lines(report, paint))


def as_object(report: Report) -> dict[str, Any]:
    """Return the report for a program; keys are never renamed or removed within one `schema`."""
    attempt, served = report.attempt, report.attempt.served
    return {
        "schema": 1,
        "version": report.version,
        "alias": attempt.alias,
        "kind": attempt.kind,
        "grade": report.grade,
        "outcome": report.outcome,
        "cause": report.verdict.cause,
        "evidence": list(report.verdict.evidence),
        "started_at": attempt.started_at,
        "seconds": attempt.seconds,
        "phases": dict(attempt.phases),
        "status": attempt.status,
        "failure": attempt.failure,
        "tokens": {name: getattr(attempt.tokens, name) for name in ("prompt", "completion", "cached")},
        "decode_tokens_per_second": attempt.decode_rate,
        "finish_reason": attempt.finish_reason,
        "served": {
            "lane": report.lane,
            "model_id": served.model_id,
            "api_base": served.api_base,
            "model_group": served.model_group,
            "fallbacks": served.fallbacks,
            "retries": served.retries,
            "is_fallback": report.outcome == "fallback",
        },
        "simulated": attempt.is_simulated,
    }


def _lines(report: Report, paint: Paint) -> Iterator[str]:
    attempt, colour = report.attempt, _COLOURS[report.grade]
    simulated = "  (simulated gateway)" if attempt.is_simulated else ""
    yield f"alias {attempt.alias}: {paint(report.outcome, colour)} after {attempt.seconds:.3f} s{simulated}"
    yield ""
    yield from _bars(attempt)
    yield ""
    yield f"  tokens      {_tokens(attempt)}"
    yield f"  served by   {_served(report)}"
    yield f"  verdict     {paint(report.grade, colour)}, root cause: {paint(report.verdict.cause, colour)}"
    for sentence in report.verdict.evidence:
        yield f"              - {sentence}"


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
    rate = f"decode {attempt.decode_rate:.1f} tok/s" if attempt.decode_rate is not None else ""
    return ", ".join(part for part in (*counts, rate) if part) or "none counted"


def _count(attempt: Attempt, name: str) -> str:
    count = getattr(attempt.tokens, name)
    return "" if count is None else str(count)


def _served(report: Report) -> str:
    served = report.attempt.served
    names = (f"lane {report.lane}" if report.lane else "", served.model_id, served.api_base)
    who = ", ".join(name for name in names if name) or "not told"
    how = "its fallback" if report.outcome == "fallback" else "no fallback" if served else ""
    return f"{who} ({how})" if how else who
