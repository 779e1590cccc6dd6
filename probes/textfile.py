"""Reports as a file for node_exporter's textfile collector: the exporter's own names, the last attempt of each way.

Pure but for the exporter's renderer, which the command loads only for this.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from exporter import catalogue
from exporter.exposition import Exposition
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.layers import CAUSES
from probes.outcome import OUTCOMES
from probes.report import Report
from probes.rows import rows


def as_metrics(reports: Sequence[Report]) -> str:
    """Return the text; a number that no attempt gave is absent."""
    page = Exposition({"probe": lambda *_: _families(reports)}).prepare(Snapshot(node=""), 0.0)
    return page.text.plain.decode()


def _families(reports: Sequence[Report]) -> Iterable[Family]:
    last = [row.reports[-1] for row in rows(reports)]
    through = [report for report in last if report.attempt.target == "gateway"]
    past = [report for report in last if report.attempt.target == "direct"]
    yield catalogue.PROBE_LAST_OUTCOME.of(_outcomes(through))
    yield catalogue.PROBE_LAST_ATTEMPT.of(
        catalogue.PROBE_LAST_ATTEMPT.sample(one.attempt.ended_at, alias=one.attempt.alias) for one in through
    )
    yield catalogue.PROBE_PHASE.of(_phases(through))
    yield catalogue.ALIAS_ROOT_CAUSE.of(_causes(through))
    yield from (metric.of(_numbers(metric, through)) for metric in _NUMBERS)
    yield catalogue.LANE_PROBE_LAST_OUTCOME.of(_lane_outcomes(past))
    yield catalogue.LANE_PROBE_FIRST_TOKEN.of(_lane_first_tokens(past))


_NUMBERS: Final[Mapping[Metric, Callable[[Attempt], float | None]]] = {
    catalogue.PROBE_FIRST_TOKEN: lambda attempt: attempt.first_token,
    catalogue.PROBE_INTER_TOKEN: lambda attempt: attempt.inter_token_seconds,
    catalogue.PROBE_DECODE_RATE: lambda attempt: attempt.decode_rate,
    catalogue.PROBE_PREFILL_RATE: lambda attempt: attempt.prefill_rate,
    catalogue.PROBE_QUEUE: lambda attempt: attempt.queue_seconds,
}


def _outcomes(reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        yield from one_hot(
            catalogue.PROBE_LAST_OUTCOME, OUTCOMES, report.outcome, label="outcome", alias=report.attempt.alias
        )


def _causes(reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        yield from one_hot(
            catalogue.ALIAS_ROOT_CAUSE, CAUSES, report.verdict.cause, label="cause", alias=report.attempt.alias
        )


def _phases(reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        for phase, seconds in report.attempt.phases.items():
            yield catalogue.PROBE_PHASE.sample(seconds, alias=report.attempt.alias, phase=phase)


def _numbers(metric: Metric, reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        value = _NUMBERS[metric](report.attempt)
        if value is not None:
            yield metric.sample(value, alias=report.attempt.alias)


def _lane_outcomes(reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        attempt = report.attempt
        yield from one_hot(
            catalogue.LANE_PROBE_LAST_OUTCOME,
            OUTCOMES,
            report.outcome,
            label="outcome",
            lane=attempt.lane,
            kind=attempt.kind,
        )


def _lane_first_tokens(reports: Iterable[Report]) -> Iterator[Sample]:
    for report in reports:
        attempt = report.attempt
        if attempt.first_token is not None:
            yield catalogue.LANE_PROBE_FIRST_TOKEN.sample(attempt.first_token, lane=attempt.lane, kind=attempt.kind)
