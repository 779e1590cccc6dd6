"""What the ledger's accounts look like to Prometheus: every family about probes, and none about their verdict. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter import catalogue
from exporter.config_path import Alias, Kind, Lane
from exporter.metric import Family, Metric, Sample, one_hot
from probes import budget
from probes.accounts import Account, LaneAccount, histogram_of
from probes.attempt import Attempt
from probes.outcome import OUTCOMES, Merit, promised, threshold
from probes.served import served_lane


@dataclass(frozen=True, slots=True)
class Served:
    """How often a lane should have answered an alias, and how often it did not do so well."""

    events: int = 0
    bad_events: int = 0

    def plus(self, merit: Merit) -> "Served":
        """Return it with one probe more."""
        return Served(self.events + (merit != "excluded"), self.bad_events + (merit == "bad"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All accounts at one instant, and the lanes as they are configured."""

    aliases: Mapping[str, tuple[Alias, Account]]
    asked_lanes: Mapping[tuple[str, Kind], LaneAccount]
    served: Mapping[str, Served]
    lanes: Sequence[Lane]


def families_of(books: Books, now: float) -> Iterator[Family]:
    """Yield every family about probes at Unix time `now`."""
    yield catalogue.ALIAS_INFO.of(
        catalogue.ALIAS_INFO.sample(1, alias=name, kind=alias.kind, lane=alias.lane)
        for name, (alias, _) in books.aliases.items()
    )
    for metric, samples_of in _OF_ALIASES.items():
        yield metric.of(
            sample for alias, account in books.aliases.values() for sample in samples_of(metric, alias, account)
        )
    yield catalogue.PROBE_BUDGET_LEFT.of(_budget_left(books, now))
    yield catalogue.PROBE_SERVED_INFO.of(_served_info(books))
    for metric, lane_samples_of in _OF_LANES.items():
        yield metric.of(
            sample
            for (lane, kind), account in books.asked_lanes.items()
            for sample in lane_samples_of(metric, account, {"lane": lane, "kind": kind})
        )
    for metric, count_of in _OF_SERVED.items():
        yield metric.of(metric.sample(count_of(served), lane=lane) for lane, served in books.served.items())


def last_attempt_families(alias: Alias, account: Account) -> Iterator[Family]:
    """Yield what is told of the last attempt alone."""
    for metric in _OF_LAST_ATTEMPT:
        yield metric.of(_OF_ALIASES[metric](metric, alias, account))


def last_direct_families(alias: Alias, account: LaneAccount) -> Iterator[Family]:
    """Yield what is told of the last question to the lane itself."""
    for metric in (catalogue.LANE_PROBE_LAST_OUTCOME, catalogue.LANE_PROBE_FIRST_TOKEN):
        yield metric.of(_OF_LANES[metric](metric, account, {"lane": alias.lane, "kind": alias.kind}))


def _budget_left(books: Books, now: float) -> Iterator[Sample]:
    for alias, account in books.aliases.values():
        tokens = budget.left(account.budget, alias.tokens_per_day, now)
        if tokens is not None:
            yield catalogue.PROBE_BUDGET_LEFT.sample(tokens, alias=alias.name)


def _served_info(books: Books) -> Iterator[Sample]:
    for name, (_, account) in books.aliases.items():
        if account.last is None or account.last is not account.last_answered:
            continue
        lane, is_fallback = served_lane(account.last.served, books.lanes), account.last_outcome == "fallback"
        yield catalogue.PROBE_SERVED_INFO.sample(1, alias=name, lane=lane, fallback=str(is_fallback).lower())


_SamplesOf = Callable[[Metric, Alias, Account], Iterable[Sample]]
_LaneSamplesOf = Callable[[Metric, LaneAccount, Mapping[str, str]], Iterable[Sample]]


def _attempts(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    for outcome, count in account.outcomes.items():
        yield metric.sample(count, alias=alias.name, kind=alias.kind, outcome=outcome)


def _counts(label: str, counts_of: Callable[[Account], Iterable[tuple[str, int]]]) -> _SamplesOf:
    def samples(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
        for name, count in counts_of(account):
            yield metric.sample(count, alias=alias.name, **{label: name})

    return samples


def _objectives(metric: Metric, alias: Alias, _: Account) -> Iterator[Sample]:
    for slo in promised(alias):
        yield metric.sample(getattr(alias.objectives, slo), alias=alias.name, slo=slo)


def _thresholds(metric: Metric, alias: Alias, _: Account) -> Iterator[Sample]:
    for slo in promised(alias):
        seconds = threshold(alias, slo)
        if seconds is not None:
            yield metric.sample(seconds, alias=alias.name, slo=slo)


def _durations(_: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    histogram = histogram_of(alias)
    for (clock, temperature), distribution in account.durations.items():
        yield from histogram.spread(distribution, alias=alias.name, clock=clock, temperature=temperature)


def _phases(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    for phase, seconds in (account.last.phases if account.last else {}).items():
        yield metric.sample(seconds, alias=alias.name, phase=phase)


def _number(number_of: Callable[[Alias, Account], float | None]) -> _SamplesOf:
    """Return the samples of one number an alias; what is not known is absent."""

    def samples(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
        value = number_of(alias, account)
        if value is not None:
            yield metric.sample(value, alias=alias.name)

    return samples


def _of_answer(fact_of: Callable[[Attempt], float | None]) -> _SamplesOf:
    """Return the samples of one fact of the last answered attempt."""
    return _number(lambda _, account: fact_of(account.last_answered) if account.last_answered else None)


def _last_outcome(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    if account.last_outcome is not None:
        yield from one_hot(metric, OUTCOMES, account.last_outcome, label="outcome", alias=alias.name)


def _lane_attempts(metric: Metric, account: LaneAccount, labels: Mapping[str, str]) -> Iterator[Sample]:
    for outcome, count in account.outcomes.items():
        yield metric.sample(count, outcome=outcome, **labels)


def _lane_outcome(metric: Metric, account: LaneAccount, labels: Mapping[str, str]) -> Iterator[Sample]:
    if account.last_outcome is not None:
        yield from one_hot(metric, OUTCOMES, account.last_outcome, label="outcome", **labels)


def _lane_first_token(metric: Metric, account: LaneAccount, labels: Mapping[str, str]) -> Iterator[Sample]:
    if account.last_answered is not None and account.last_answered.first_token is not None:
        yield metric.sample(account.last_answered.first_token, **labels)


_OF_ALIASES: Final[Mapping[Metric, _SamplesOf]] = {
    catalogue.PROBE_ATTEMPTS: _attempts,
    catalogue.PROBES: _number(lambda _, account: sum(account.outcomes.values())),
    catalogue.PROBE_SLO_EVENTS: _counts("slo", lambda account: account.events.items()),
    catalogue.PROBE_SLO_BAD_EVENTS: _counts("slo", lambda account: account.bad_events.items()),
    catalogue.PROBE_SLO_OBJECTIVE: _objectives,
    catalogue.PROBE_SLO_THRESHOLD: _thresholds,
    catalogue.PROBE_INTERVAL: _number(lambda alias, _: alias.interval_seconds),
    catalogue.PROBE_FIRST_TOKEN: _of_answer(lambda attempt: attempt.first_token),
    catalogue.PROBE_PHASE: _phases,
    catalogue.PROBE_TOKENS: _counts("kind", lambda account: account.tokens.items()),
    catalogue.PROBE_DECODE_RATE: _of_answer(lambda attempt: attempt.decode_rate),
    catalogue.PROBE_CONSECUTIVE_FAILURES: _number(lambda _, account: account.consecutive_failures),
    catalogue.PROBE_LAST_TURN: _number(lambda _, account: account.turn_at),
    catalogue.PROBE_LAST_ATTEMPT: _number(lambda _, account: account.last.ended_at if account.last else None),
    catalogue.PROBE_LAST_OUTCOME: _last_outcome,
    catalogue.PROBE_DURATION: _durations,
    catalogue.PROBE_INTER_TOKEN: _of_answer(lambda attempt: attempt.inter_token_seconds),
    catalogue.PROBE_PREFILL_RATE: _of_answer(lambda attempt: attempt.prefill_rate),
    catalogue.PROBE_QUEUE: _of_answer(lambda attempt: attempt.queue_seconds),
    catalogue.PROBE_BUDGET: _number(lambda alias, _: alias.tokens_per_day or None),
    catalogue.PROBE_PASSIVE: _number(lambda _, account: account.passive),
}
_OF_LAST_ATTEMPT: Final = (
    catalogue.PROBE_LAST_OUTCOME,
    catalogue.PROBE_LAST_ATTEMPT,
    catalogue.PROBE_PHASE,
    catalogue.PROBE_FIRST_TOKEN,
)
_OF_LANES: Final[Mapping[Metric, _LaneSamplesOf]] = {
    catalogue.LANE_PROBE_ATTEMPTS: _lane_attempts,
    catalogue.LANE_PROBE_LAST_OUTCOME: _lane_outcome,
    catalogue.LANE_PROBE_FIRST_TOKEN: _lane_first_token,
}
_OF_SERVED: Final[Mapping[Metric, Callable[[Served], int]]] = {
    catalogue.LANE_SERVED_EVENTS: lambda served: served.events,
    catalogue.LANE_SERVED_BAD_EVENTS: lambda served: served.bad_events,
}
