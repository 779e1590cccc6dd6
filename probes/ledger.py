"""What the probes of each alias came to so far: counters that begin at 0, the last attempt, and its verdict.

No clock, no task: `record` takes what the schedule brings, `families` gives what the exposition asks for.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter import catalogue
from exporter.config import Alias, Config
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.outcome import OUTCOMES, POLICY, SLOS, Outcome, is_late
from probes.served import served_lane
from probes.verdict import CAUSES, NOT_PROBED, Verdict, root_cause

_TOKEN_KINDS: Final = ("prompt", "completion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Everything counted for one alias."""

    outcomes: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    events: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SLOS, 0))
    bad_events: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(SLOS, 0))
    tokens: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(_TOKEN_KINDS, 0))
    consecutive_failures: int = 0
    last: Attempt | None = None
    last_outcome: Outcome | None = None
    last_answered: Attempt | None = None


class Ledger:
    """The accounts of all configured aliases; `families` is a collector of the exposition."""

    def __init__(self, config: Config) -> None:
        self._aliases = {alias.name: alias for alias in config.aliases}
        self._lanes = config.lanes
        self._accounts = {name: Account() for name in self._aliases}

    def record(self, alias: Alias, attempt: Attempt, outcome: Outcome) -> None:
        """Enter one attempt."""
        self._accounts[alias.name] = _enter(self._accounts[alias.name], alias, attempt, outcome)

    def account(self, alias: str) -> Account:
        """Return what is counted for `alias`."""
        return self._accounts[alias]

    def verdict(self, alias: str, snapshot: Snapshot) -> Verdict:
        """Return the layer that explains the last probe of `alias`, seen with what is known now."""
        account = self._accounts[alias]
        if account.last is None or account.last_outcome is None:
            return NOT_PROBED
        return root_cause(account.last_outcome, account.last, alias=self._aliases[alias], snapshot=snapshot)

    def families(self, snapshot: Snapshot, now: float) -> Iterable[Family]:  # noqa: ARG002  # a collector's signature
        """Yield every family about probes."""
        for metric, samples_of in _FAMILIES.items():
            yield metric.of(
                sample
                for name, alias in self._aliases.items()
                for sample in samples_of(metric, alias, self._accounts[name])
            )
        yield catalogue.PROBE_SERVED_INFO.of(self._served())
        yield catalogue.ALIAS_ROOT_CAUSE.of(self._causes(snapshot))

    def _served(self) -> Iterator[Sample]:
        for name, account in self._accounts.items():
            if account.last is None or account.last is not account.last_answered:
                continue
            lane, is_fallback = served_lane(account.last.served, self._lanes), account.last_outcome == "fallback"
            yield catalogue.PROBE_SERVED_INFO.sample(1, alias=name, lane=lane, fallback=str(is_fallback).lower())

    def _causes(self, snapshot: Snapshot) -> Iterator[Sample]:
        for name in self._aliases:
            cause = self.verdict(name, snapshot).cause
            yield from one_hot(catalogue.ALIAS_ROOT_CAUSE, CAUSES, cause, label="cause", alias=name)


def _enter(account: Account, alias: Alias, attempt: Attempt, outcome: Outcome) -> Account:
    policy = POLICY[outcome]
    is_failure = policy.availability == "bad"
    events = {"availability": policy.availability != "excluded", "first_token": policy.is_answered}
    bad = {"availability": is_failure, "first_token": policy.is_answered and is_late(attempt, alias)}
    tokens = {"prompt": attempt.tokens.prompt or 0, "completion": attempt.tokens.completion or 0}
    return dataclasses.replace(
        account,
        outcomes=_plus(account.outcomes, {outcome: 1}),
        events=_plus(account.events, events),
        bad_events=_plus(account.bad_events, bad),
        tokens=_plus(account.tokens, tokens),
        consecutive_failures=_failures_in_a_row(account, policy.availability),
        last=attempt,
        last_outcome=outcome,
        last_answered=attempt if policy.is_answered else account.last_answered,
    )


def _plus(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {name: count + int(more.get(name, 0)) for name, count in counts.items()}


def _failures_in_a_row(account: Account, availability: str) -> int:
    """Count on after a failure, begin anew after a success; what says nothing changes nothing."""
    if availability == "excluded":
        return account.consecutive_failures
    return account.consecutive_failures + 1 if availability == "bad" else 0


_SamplesOf = Callable[[Metric, Alias, Account], Iterable[Sample]]


def _attempts(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    for outcome, count in account.outcomes.items():
        yield metric.sample(count, alias=alias.name, kind=alias.kind, outcome=outcome)


def _counts(label: str, counts_of: Callable[[Account], Mapping[str, int]]) -> _SamplesOf:
    def samples(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
        for name, count in counts_of(account).items():
            yield metric.sample(count, alias=alias.name, **{label: name})

    return samples


def _objectives(metric: Metric, alias: Alias, _: Account) -> Iterator[Sample]:
    for slo in SLOS:
        yield metric.sample(getattr(alias.objectives, slo), alias=alias.name, slo=slo)


def _threshold(metric: Metric, alias: Alias, _: Account) -> Iterator[Sample]:
    yield metric.sample(alias.objectives.first_token_seconds, alias=alias.name, slo="first_token")


def _phases(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    for phase, seconds in (account.last.phases if account.last else {}).items():
        yield metric.sample(seconds, alias=alias.name, phase=phase)


def _failures(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    yield metric.sample(account.consecutive_failures, alias=alias.name)


def _interval(metric: Metric, alias: Alias, _: Account) -> Iterator[Sample]:
    yield metric.sample(alias.interval_seconds, alias=alias.name)


def _fact(attempt_of: Callable[[Account], Attempt | None], fact_of: Callable[[Attempt], float | None]) -> _SamplesOf:
    """Return samples of one fact of one attempt; what is not known is absent."""

    def samples(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
        attempt = attempt_of(account)
        value = fact_of(attempt) if attempt else None
        if value is not None:
            yield metric.sample(value, alias=alias.name)

    return samples


def _last(account: Account) -> Attempt | None:
    return account.last


def _last_answered(account: Account) -> Attempt | None:
    return account.last_answered


def _last_outcome(metric: Metric, alias: Alias, account: Account) -> Iterator[Sample]:
    if account.last_outcome is not None:
        yield from one_hot(metric, OUTCOMES, account.last_outcome, label="outcome", alias=alias.name)


_FAMILIES: Final[Mapping[Metric, _SamplesOf]] = {
    catalogue.PROBE_ATTEMPTS: _attempts,
    catalogue.PROBE_SLO_EVENTS: _counts("slo", lambda account: account.events),
    catalogue.PROBE_SLO_BAD_EVENTS: _counts("slo", lambda account: account.bad_events),
    catalogue.PROBE_SLO_OBJECTIVE: _objectives,
    catalogue.PROBE_SLO_THRESHOLD: _threshold,
    catalogue.PROBE_INTERVAL: _interval,
    catalogue.PROBE_FIRST_TOKEN: _fact(_last_answered, lambda attempt: attempt.first_token),
    catalogue.PROBE_PHASE: _phases,
    catalogue.PROBE_TOKENS: _counts("kind", lambda account: account.tokens),
    catalogue.PROBE_DECODE_RATE: _fact(_last_answered, lambda attempt: attempt.decode_rate),
    catalogue.PROBE_CONSECUTIVE_FAILURES: _failures,
    catalogue.PROBE_LAST_ATTEMPT: _fact(_last, lambda attempt: attempt.ended_at),
    catalogue.PROBE_LAST_OUTCOME: _last_outcome,
}
