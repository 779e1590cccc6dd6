"""What is counted for one alias and for one lane, and what each attempt adds. Pure: an account is never changed.

An objective counts where it is promised and was measured; what a probe cost counts whoever asked for it.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar, get_args

from exporter import catalogue
from exporter.config_path import Alias
from exporter.metric import Distribution, Metric
from probes.attempt import Attempt
from probes.budget import Budget, spend
from probes.kinds.table import STREAMED
from probes.outcome import OUTCOMES, POLICY, Outcome, Slo, measured, misses, promised, threshold

Name = TypeVar("Name", bound=str)
Temperature = Literal["warm", "cold"]
Clock = Literal["first_chunk", "first_token", "first_output", "inter_token", "total", "queue"]
CLOCKS: Final[tuple[Clock, ...]] = get_args(Clock)
TOKEN_KINDS: Final = ("prompt", "completion", "cached")
_OF_THE_LANE: Final = (
    "last",
    "last_outcome",
    "last_answered",
    "is_cold",
    "last_direct",
    "last_direct_outcome",
    "direct_before",
)
_OF_WHOLE_ANSWERS: Final[tuple[Clock, ...]] = ("first_chunk", "total")
_OF_STREAMS: Final[tuple[Clock, ...]] = ("first_chunk", "first_token", "first_output", "inter_token", "total")


def _no_outcomes() -> dict[Outcome, int]:
    return dict.fromkeys(OUTCOMES, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Everything counted for one alias; `last` is what was asked through the gateway when its time had come."""

    outcomes: Mapping[Outcome, int] = field(default_factory=_no_outcomes)
    events: Mapping[Slo, int] = field(default_factory=dict)  # of what is promised
    bad_events: Mapping[Slo, int] = field(default_factory=dict)
    durations: Mapping[tuple[Clock, Temperature], Distribution] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TOKEN_KINDS, 0))
    budget: Budget = field(default_factory=Budget)
    consecutive_failures: int = 0
    busy_in_a_row: int = 0  # probes that were not sent because the lane was busy
    refused_in_a_row: int = 0  # with 429 or 503
    passive: int = 0
    last: Attempt | None = None
    last_outcome: Outcome | None = None
    last_answered: Attempt | None = None
    is_cold: bool = False  # the lane had just started when `last` was asked
    skipped: Outcome | None = None  # why nothing was asked when its time came last; None: it was asked
    turn_at: float | None = None  # Unix time at which its time came last, asked or not
    last_direct: Attempt | None = None
    last_direct_outcome: Outcome | None = None
    direct_before: Outcome | None = None  # what the lane itself said last when `last` was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneAccount:
    """What is counted for one lane asked directly with one kind of question."""

    outcomes: Mapping[Outcome, int] = field(default_factory=_no_outcomes)
    last_outcome: Outcome | None = None
    last_answered: Attempt | None = None


def open_account(alias: Alias) -> Account:
    """Return the account of an alias that was never asked: what it promises, at 0."""
    none, histogram = dict.fromkeys(promised(alias), 0), histogram_of(alias)
    # cold and queue begin when they are first seen: most lanes never tell a queue, and each clock costs twenty series
    clocks = _OF_STREAMS if alias.kind in STREAMED else _OF_WHOLE_ANSWERS
    return Account(events=none, bad_events=none, durations={(clock, "warm"): histogram.nothing() for clock in clocks})


def carry(account: Account, before: Alias, after: Alias) -> Account:
    """Return what an alias has counted when its configuration changes: another kind of question begins anew.

    What was seen of another lane says nothing of this one; times are counted anew where their buckets change.
    """
    if before.kind != after.kind:
        return open_account(after)
    new = open_account(after)
    account = dataclasses.replace(
        account,
        events={slo: account.events.get(slo, 0) for slo in new.events},
        bad_events={slo: account.bad_events.get(slo, 0) for slo in new.bad_events},
    )
    if histogram_of(before).edges != histogram_of(after).edges:
        account = dataclasses.replace(account, durations=new.durations)
    if before.lane == after.lane:
        return account
    fresh = {name: getattr(new, name) for name in _OF_THE_LANE}
    return dataclasses.replace(account, **fresh)


def histogram_of(alias: Alias) -> Metric:
    """Return the histogram of the alias's times, whose edges include its thresholds."""
    metric = catalogue.PROBE_DURATION
    thresholds = {seconds for slo in promised(alias) if (seconds := threshold(alias, slo)) is not None}
    return dataclasses.replace(metric, edges=tuple(sorted(thresholds.union(metric.edges))))


def enter(account: Account, alias: Alias, attempt: Attempt, outcome: Outcome, *, is_cold: bool = False) -> Account:
    """Enter a probe through the gateway whose time had come."""
    policy = POLICY[outcome]
    counts = _counted(alias, attempt, outcome, is_cold=is_cold)
    temperature: Temperature = "cold" if is_cold else "warm"
    return dataclasses.replace(
        enter_cost(account, alias, attempt, outcome),
        events=_plus(account.events, dict.fromkeys(counts, 1)),
        bad_events=_plus(account.bad_events, dict.fromkeys(counts & _missed(alias, attempt, outcome), 1)),
        durations=_observe(account, alias, attempt, temperature) if policy.is_answered else account.durations,
        consecutive_failures=_failures_in_a_row(account, policy.availability),
        busy_in_a_row=0,
        refused_in_a_row=account.refused_in_a_row + 1 if attempt.status in {429, 503} else 0,
        last=attempt,
        last_outcome=outcome,
        last_answered=attempt if policy.is_answered else account.last_answered,
        is_cold=is_cold,
        skipped=None,
        turn_at=attempt.ended_at,
        direct_before=account.last_direct_outcome,
    )


def enter_cost(account: Account, alias: Alias, attempt: Attempt, outcome: Outcome) -> Account:
    """Enter what a probe through the gateway cost and came to, and nothing that it says about the alias."""
    return dataclasses.replace(_spend(account, alias, attempt), outcomes=_plus(account.outcomes, {outcome: 1}))


def enter_skip(account: Account, outcome: Outcome, *, at: float, is_passive: bool) -> Account:
    """Enter that nothing was asked at Unix time `at`; the last result stays, with its age."""
    return dataclasses.replace(
        account,
        outcomes=_plus(account.outcomes, {outcome: 1}),
        passive=account.passive + is_passive,
        busy_in_a_row=account.busy_in_a_row + 1 if outcome == "skipped_busy" else 0,
        skipped=outcome,
        turn_at=at,
    )


def enter_direct(account: Account, alias: Alias, attempt: Attempt, outcome: Outcome) -> Account:
    """Enter what a question past the gateway cost the alias; what it came to is the lane's."""
    return dataclasses.replace(_spend(account, alias, attempt), last_direct=attempt, last_direct_outcome=outcome)


def enter_lane(account: LaneAccount, attempt: Attempt, outcome: Outcome) -> LaneAccount:
    """Enter a question to the lane itself; one that was not asked leaves the last result alone."""
    is_skipped = outcome.startswith("skipped_")
    return LaneAccount(
        outcomes=_plus(account.outcomes, {outcome: 1}),
        last_outcome=account.last_outcome if is_skipped else outcome,
        last_answered=attempt if POLICY[outcome].is_answered else account.last_answered,
    )


def is_repeated(account: Account) -> bool:
    """Whether the failure came again, and was not the lane's own before: one that heals is well before its gateway."""
    before = account.direct_before
    return account.consecutive_failures > 1 and (before is None or POLICY[before].availability != "bad")


def clocks(attempt: Attempt) -> Iterator[tuple[Clock, float]]:
    """Yield each time that the attempt has."""
    times: Mapping[Clock, float | None] = {
        "first_chunk": attempt.phases.get("first_chunk"),
        "first_token": attempt.first_token,
        "first_output": attempt.phases.get("first_output"),
        "inter_token": attempt.inter_token_seconds,
        "total": attempt.phases.get("complete"),
        "queue": attempt.queue_seconds,
    }
    yield from ((clock, seconds) for clock, seconds in times.items() if seconds is not None)


def _counted(alias: Alias, attempt: Attempt, outcome: Outcome, *, is_cold: bool) -> frozenset[Slo]:
    """Return the objectives that the attempt says something about; a cold lane's times may be left out."""
    policy = POLICY[outcome]
    availability: set[Slo] = {"availability"} if policy.availability != "excluded" else set()
    has_times = policy.is_answered and not (is_cold and alias.when_cold == "excluded")
    return frozenset(availability | (set(measured(attempt, alias)) if has_times else set()))


def _missed(alias: Alias, attempt: Attempt, outcome: Outcome) -> frozenset[Slo]:
    is_bad = POLICY[outcome].availability == "bad"
    return misses(attempt, alias) | (frozenset[Slo]({"availability"}) if is_bad else frozenset())


def _observe(
    account: Account, alias: Alias, attempt: Attempt, temperature: Temperature
) -> Mapping[tuple[Clock, Temperature], Distribution]:
    histogram, after = histogram_of(alias), dict(account.durations)
    for clock, seconds in clocks(attempt):
        before = after.get((clock, temperature)) or histogram.nothing()
        after[clock, temperature] = histogram.observe(before, seconds)
    return after


def _spend(account: Account, alias: Alias, attempt: Attempt) -> Account:
    tokens = {kind: getattr(attempt.tokens, kind) or 0 for kind in TOKEN_KINDS}
    return dataclasses.replace(
        account,
        tokens=_plus(account.tokens, tokens),
        budget=spend(account.budget, _cost(alias, attempt), attempt.ended_at),
    )


def _cost(alias: Alias, attempt: Attempt) -> int:
    """Return the tokens to book: what the server counted, or where it counts nothing the most that was asked for."""
    counted = (attempt.tokens.prompt, attempt.tokens.completion)
    if counted == (None, None) and attempt.first_token is not None:
        return alias.max_tokens
    return sum(count or 0 for count in counted)


def _plus(counts: Mapping[Name, int], more: Mapping[Name, int]) -> dict[Name, int]:
    return {name: count + int(more.get(name, 0)) for name, count in counts.items()}


def _failures_in_a_row(account: Account, availability: str) -> int:
    """Count on after a failure, begin anew after a success; what says nothing changes nothing."""
    if availability == "excluded":
        return account.consecutive_failures
    return account.consecutive_failures + 1 if availability == "bad" else 0
