"""Reports as objects for programs, and nothing of a prompt, an answer or a key in them. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from probes.promises import promises
from probes.report import Report, worst_grade

if TYPE_CHECKING:
    from probes.rows import Row


def as_object(report: Report) -> dict[str, Any]:
    """Return the report for a program; keys are never renamed or removed within one `schema`."""
    attempt, served = report.attempt, report.attempt.served
    return {
        "schema": 1,
        "version": report.version,
        "alias": attempt.alias,
        "kind": attempt.kind,
        "target": attempt.target,
        "grade": report.grade,
        "outcome": report.outcome,
        "cause": report.verdict.cause,
        "evidence": list(report.verdict.evidence),
        "layers": {name: {"state": one.state, "evidence": list(one.evidence)} for name, one in report.layers.items()},
        "objectives": {
            one.slo: {"seconds": one.seconds, "promised_seconds": one.promised_seconds, "is_met": one.is_met}
            for one in promises(report)
        },
        "started_at": attempt.started_at,
        "seconds": attempt.seconds,
        "phases": dict(attempt.phases),
        "status": attempt.status,
        "failure": attempt.failure,
        "flaw": attempt.flaw,
        "tokens": {name: getattr(attempt.tokens, name) for name in ("prompt", "completion", "cached")},
        "inter_token_seconds": attempt.inter_token_seconds,
        "queue_seconds": attempt.queue_seconds,
        "decode_tokens_per_second": attempt.decode_rate,
        "prefill_tokens_per_second": attempt.prefill_rate,
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


def as_objects(reports: Sequence[Report]) -> dict[str, Any]:
    """Return one report as it is, several with what they come to; the keys are as steady."""
    if len(reports) == 1:
        return as_object(reports[0])
    from probes.rows import gateway_adds, rows  # noqa: PLC0415  # one report has no use for it

    found = rows(reports)
    return {
        "schema": 1,
        "version": reports[0].version,
        "grade": worst_grade(reports),
        "ways": [_way(row) for row in found],
        "gateway_adds": {alias: dict(adds) for alias, adds in gateway_adds(found).items()},
        "reports": [as_object(report) for report in reports],
    }


def _way(row: "Row") -> dict[str, Any]:
    from probes.clocks import CLOCKS  # noqa: PLC0415  # see as_objects

    spreads = row.clocks
    return {
        "alias": row.alias,
        "target": row.target,
        "grade": row.grade,
        "samples": len(row.reports),
        "outcomes": dict(row.outcomes),
        **{
            name: {"min": one.least, "median": one.middle, "max": one.most} if (one := spreads.get(name)) else None
            for name in CLOCKS
        },
    }
