"""Counters that begin at 0, and what each attempt adds to them."""

import dataclasses
from collections.abc import Mapping

import pytest

from exporter import catalogue
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane, Objectives
from exporter.metric import Metric
from exporter.snapshot import Snapshot
from probes.accounts import Account
from probes.attempt import Attempt
from probes.found import Tokens
from probes.ledger import Ledger
from probes.outcome import OUTCOMES, Outcome
from probes.served import Served

FAST = Alias(
    name="fast",
    lane="a",
    tokens_per_day=1000,
    objectives=Objectives(first_token_seconds=1.0, inter_token_seconds=0.12, total_seconds=3.0),
)
EMBED = Alias(name="embed", kind="embeddings", lane="b", tokens_per_day=0)
CONFIG = Config(
    gateway=Gateway(url="http://gateway"),
    aliases=(FAST, EMBED),
    lanes=(Lane(name="a", url="http://a", model_id="lane-a"), Lane(name="b", model_id="lane-b")),
)
NOTHING = Snapshot(node="n")
ANSWER = Attempt(
    alias="fast",
    started_at=1000.0,
    seconds=2.0,
    status=200,
    phases={"dns": 0.1, "first_chunk": 0.4, "first_token": 0.5, "first_output": 0.5, "complete": 2.0},
    tokens=Tokens(prompt=20, completion=16, cached=8),
    served=Served(model_id="lane-a"),
    inter_token_seconds=0.1,
)
LATE = dataclasses.replace(ANSWER, phases={"first_token": 1.1, "complete": 3.0})
DEAD = Attempt(alias="fast", status=500, seconds=0.1, phases={"dns": 0.01})
SLOS = ("availability", "first_token", "inter_token", "total")


def series(ledger: Ledger, metric: Metric, now: float = 2000.0) -> Mapping[tuple[str, ...], float]:
    families = {family.metric: family for family in ledger.families(NOTHING, now)}
    return {sample.labels: sample.value for sample in families[metric].samples}


def buckets(ledger: Ledger, *labels: str) -> Mapping[float, float]:
    families = {family.metric: family for family in ledger.families(NOTHING, 0.0)}
    samples = families[catalogue.PROBE_DURATION].samples
    return {one.edge: one.value for one in samples if one.suffix == "_bucket" and one.labels == labels}


def ledger_of(*entries: tuple[Attempt, Outcome]) -> Ledger:
    ledger = Ledger(CONFIG)
    for attempt, outcome in entries:
        ledger.record(FAST, attempt, outcome)
    return ledger


def test_every_counter_is_born_at_zero() -> None:
    """Before the first probe each label set that a rule reads exists, at 0: a series born at 1 never fires."""
    ledger = ledger_of()
    kinds = {"fast": "chat", "embed": "embeddings"}
    promises = {("fast", slo): 0 for slo in SLOS} | {("embed", "availability"): 0}
    assert series(ledger, catalogue.PROBE_ATTEMPTS) == {(a, k, o): 0 for a, k in kinds.items() for o in OUTCOMES}
    assert series(ledger, catalogue.PROBES) == {(alias,): 0 for alias in kinds}
    assert series(ledger, catalogue.PROBE_SLO_EVENTS) == promises
    assert series(ledger, catalogue.PROBE_SLO_BAD_EVENTS) == promises
    assert series(ledger, catalogue.PROBE_TOKENS) == {
        (a, k): 0 for a in kinds for k in ("prompt", "completion", "cached")
    }
    assert series(ledger, catalogue.PROBE_CONSECUTIVE_FAILURES) == {("fast",): 0, ("embed",): 0}
    assert series(ledger, catalogue.PROBE_PASSIVE) == {("fast",): 0, ("embed",): 0}
    assert series(ledger, catalogue.LANE_SERVED_EVENTS) == {("a",): 0, ("b",): 0}
    assert series(ledger, catalogue.LANE_SERVED_BAD_EVENTS) == {("a",): 0, ("b",): 0}
    assert series(ledger, catalogue.LANE_PROBE_ATTEMPTS) == {("a", "chat", outcome): 0 for outcome in OUTCOMES}


def test_times_are_born_at_zero_for_what_the_kind_has() -> None:
    """An answer that comes whole has no first token; what is seen rarely begins when it is seen."""
    born = set(series(ledger_of(), catalogue.PROBE_DURATION))
    streamed = ("first_chunk", "first_token", "first_output", "inter_token", "total")
    expected = {("fast", clock, "warm") for clock in streamed}
    assert born == expected | {("embed", clock, "warm") for clock in ("first_chunk", "total")}


def test_unknown_before_the_first_probe() -> None:
    """What was not probed has no last anything."""
    ledger = ledger_of()
    for metric in (catalogue.PROBE_LAST_OUTCOME, catalogue.PROBE_LAST_ATTEMPT, catalogue.PROBE_PHASE):
        assert series(ledger, metric) == {}
    assert series(ledger, catalogue.LANE_PROBE_LAST_OUTCOME) == {}


def test_every_probe_family_is_given() -> None:
    """No metric about probes is forgotten."""
    given = {family.metric.name for family in ledger_of().families(NOTHING, 0.0)}
    ours = ("lanewatch_probe", "lanewatch_lane_probe", "lanewatch_lane_served")
    assert {metric.name for metric in catalogue.METRICS if metric.name.startswith(ours)} <= given


def test_configuration_is_exported() -> None:
    """Rules read objectives, thresholds, intervals and budgets from series; what is not promised has none."""
    ledger = ledger_of()
    assert series(ledger, catalogue.PROBE_SLO_OBJECTIVE) == {
        ("fast", "availability"): 0.99,
        ("fast", "first_token"): 0.95,
        ("fast", "inter_token"): 0.95,
        ("fast", "total"): 0.95,
        ("embed", "availability"): 0.99,
    }
    thresholds = {("fast", "first_token"): 1.0, ("fast", "inter_token"): 0.12, ("fast", "total"): 3.0}
    assert series(ledger, catalogue.PROBE_SLO_THRESHOLD) == thresholds
    assert series(ledger, catalogue.PROBE_INTERVAL) == {("fast",): 60, ("embed",): 60}
    assert series(ledger, catalogue.PROBE_BUDGET) == {("fast",): 1000}


def test_good_answer() -> None:
    """A good answer is an event of each objective, bad for none, and leaves its facts."""
    ledger = ledger_of((ANSWER, "ok"))
    assert {series(ledger, catalogue.PROBE_SLO_EVENTS)["fast", slo] for slo in SLOS} == {1}
    assert sum(series(ledger, catalogue.PROBE_SLO_BAD_EVENTS).values()) == 0
    assert series(ledger, catalogue.PROBE_FIRST_TOKEN) == {("fast",): 0.5}
    assert series(ledger, catalogue.PROBE_DECODE_RATE) == {("fast",): 10.0}
    assert series(ledger, catalogue.PROBE_INTER_TOKEN) == {("fast",): 0.1}
    assert series(ledger, catalogue.PROBE_LAST_ATTEMPT) == {("fast",): 1002.0}
    assert series(ledger, catalogue.PROBE_SERVED_INFO) == {("fast", "a", "false"): 1}
    assert series(ledger, catalogue.PROBE_QUEUE) == {}
    assert [series(ledger, catalogue.PROBE_TOKENS)["fast", kind] for kind in ("completion", "cached")] == [16, 8]


@pytest.mark.parametrize(
    ("attempt", "outcome", "events", "bad"),
    [
        pytest.param(
            LATE, "slow", (1, 1, 1, 1), (0, 1, 0, 0), id="slow is available but late; a limit that is met is met"
        ),
        pytest.param(ANSWER, "fallback", (1, 1, 1, 1), (0, 0, 0, 0), id="a fallback serves"),
        pytest.param(LATE, "fallback", (1, 1, 1, 1), (0, 1, 0, 0), id="a late fallback is late"),
        pytest.param(DEAD, "lane_refused", (1, 0, 0, 0), (1, 0, 0, 0), id="no answer misses availability only"),
        pytest.param(ANSWER, "wrong_lane", (1, 1, 1, 1), (1, 0, 0, 0), id="the wrong lane is not what is promised"),
        pytest.param(LATE, "stalled", (1, 0, 0, 0), (1, 0, 0, 0), id="times count only where something was answered"),
        pytest.param(DEAD, "error", (0, 0, 0, 0), (0, 0, 0, 0), id="our own trouble does not count"),
        pytest.param(
            dataclasses.replace(ANSWER, inter_token_seconds=None),
            "ok",
            (1, 1, 0, 1),
            (0, 0, 0, 0),
            id="a time that was not measured is neither met nor missed",
        ),
    ],
)
def test_objectives(attempt: Attempt, outcome: Outcome, events: tuple[int, ...], bad: tuple[int, ...]) -> None:
    """Each outcome counts for the objectives that it says something about."""
    account = ledger_of((attempt, outcome)).account("fast")
    assert (events, bad) == (tuple(account.events.values()), tuple(account.bad_events.values()))


@pytest.mark.parametrize(
    ("when_cold", "events"),
    [
        pytest.param("excluded", {"availability": 1, "first_token": 0, "inter_token": 0, "total": 0}, id="left out"),
        pytest.param("counted", dict.fromkeys(SLOS, 1), id="counted where that is wanted"),
    ],
)
def test_cold_lane(when_cold: str, events: Mapping[str, int]) -> None:
    """A lane that just started must answer, but its first times may be slow; they are seen apart."""
    alias = Alias(name="fast", lane="a", when_cold=when_cold, objectives=FAST.objectives)  # type: ignore[arg-type]  # of a table
    ledger = Ledger(Config(gateway=CONFIG.gateway, aliases=(alias,), lanes=CONFIG.lanes))
    ledger.record(alias, LATE, "slow", is_cold=True)
    assert events == ledger.account("fast").events
    assert buckets(ledger, "fast", "first_token", "cold")[2.5] == 1
    assert buckets(ledger, "fast", "first_token", "warm")[2.5] == 0


def test_every_threshold_is_an_edge() -> None:
    """A histogram can tell exactly how many met an objective."""
    found = buckets(ledger_of((ANSWER, "ok"), (LATE, "slow")), "fast", "first_token", "warm")
    assert {1.0, 0.12, 3.0} <= set(found)
    assert (found[1.0], found[2.5]) == (1, 2)


def test_times_of_failures_are_in_no_histogram() -> None:
    """A probe that was given up says how long we waited, not how long the lane takes."""
    assert set(buckets(ledger_of((LATE, "stalled")), "fast", "total", "warm").values()) == {0}


def test_failures_in_a_row() -> None:
    """Failures add up until something good comes; what says nothing leaves them alone."""
    ledger = ledger_of((DEAD, "lane_refused"), (DEAD, "error"), (DEAD, "http_5xx"))
    assert ledger.account("fast").consecutive_failures == 2
    ledger.record(FAST, ANSWER, "fallback")
    assert ledger.account("fast").consecutive_failures == 0


def test_a_lane_that_healed_before_its_gateway_is_no_repetition() -> None:
    """Only where the lane itself was well both times is it the way to it that fails again."""
    ledger = ledger_of((DEAD, "lane_refused"))
    ledger.record_direct(FAST, DEAD, "connect")
    ledger.record(FAST, DEAD, "lane_refused")
    ledger.record_direct(FAST, ANSWER, "ok")
    assert not ledger.case("fast", Snapshot(node="n")).is_repeated
    ledger.record(FAST, DEAD, "lane_refused")
    assert ledger.case("fast", Snapshot(node="n")).is_repeated


def test_failure_keeps_the_last_answer_apart() -> None:
    """After a failure the phases are the failure's, the first token is that of the last answer, nobody served."""
    ledger = ledger_of((ANSWER, "ok"), (DEAD, "lane_refused"))
    assert series(ledger, catalogue.PROBE_PHASE) == {("fast", "dns"): 0.01}
    assert series(ledger, catalogue.PROBE_FIRST_TOKEN) == {("fast",): 0.5}
    assert series(ledger, catalogue.PROBE_SERVED_INFO) == {}
    assert series(ledger, catalogue.PROBE_LAST_OUTCOME)["fast", "lane_refused"] == 1


def test_a_skipped_probe_leaves_the_last_result() -> None:
    """What was not asked is counted as such, is no event, and does not make an old answer look new."""
    ledger = ledger_of((ANSWER, "ok"))
    before = ledger.account("fast")
    ledger.record_skip(FAST, "skipped_busy", at=1060.0, is_passive=True)
    after = ledger.account("fast")
    assert (after.last, after.last_outcome, after.events) == (before.last, "ok", before.events)
    assert (after.passive, after.busy_in_a_row, after.skipped) == (1, 1, "skipped_busy")
    assert series(ledger, catalogue.PROBE_ATTEMPTS)["fast", "chat", "skipped_busy"] == 1
    assert series(ledger, catalogue.PROBES)[("fast",)] == 2


def test_a_skip_is_a_turn_and_no_attempt() -> None:
    """An alias that is left alone on purpose is looked after: only one that nobody asks any more is stale."""
    ledger = ledger_of((ANSWER, "ok"))
    ledger.record_skip(FAST, "skipped_busy", at=1060.0, is_passive=True)
    assert series(ledger, catalogue.PROBE_LAST_TURN) == {("fast",): 1060.0}
    assert series(ledger, catalogue.PROBE_LAST_ATTEMPT) == {("fast",): 1002.0}


def test_only_skips_of_a_busy_lane_add_up() -> None:
    """Three skips in a row mean that the lane was busy three times; a probe begins the count anew."""
    ledger = ledger_of()
    for outcome in ("skipped_busy", "skipped_busy", "skipped_unloaded", "skipped_busy"):
        ledger.record_skip(FAST, outcome, at=1060.0, is_passive=outcome == "skipped_busy")
    assert ledger.account("fast").busy_in_a_row == 1
    ledger.record(FAST, ANSWER, "ok")
    assert (ledger.account("fast").busy_in_a_row, ledger.account("fast").skipped) == (0, None)


def test_on_demand_costs_and_counts_for_nothing_else() -> None:
    """Who asks out of turn spends tokens, and cannot move an objective or the last result."""
    ledger = ledger_of((ANSWER, "ok"))
    ledger.record_on_demand(FAST, DEAD, "http_5xx")
    ledger.record_on_demand(FAST, ANSWER, "ok")
    account = ledger.account("fast")
    assert account.tokens["completion"] == 32
    assert (account.outcomes["http_5xx"], account.events["availability"], account.last_outcome) == (1, 1, "ok")


def test_lane_answers_for_what_it_should_have_served() -> None:
    """A fallback is good for the alias and bad for its lane; a gateway that is down says nothing of the lane."""
    ledger = ledger_of((ANSWER, "ok"), (ANSWER, "fallback"), (DEAD, "connect"), (DEAD, "http_5xx"))
    assert series(ledger, catalogue.LANE_SERVED_EVENTS) == {("a",): 3, ("b",): 0}
    assert series(ledger, catalogue.LANE_SERVED_BAD_EVENTS) == {("a",): 2, ("b",): 0}


def test_direct_question_is_the_lanes() -> None:
    """The alias pays for a question past the gateway, the lane answers for it, no objective hears of it."""
    ledger = ledger_of((DEAD, "http_5xx"))
    ledger.record_direct(FAST, dataclasses.replace(ANSWER, target="direct", lane="a"), "ok")
    account: Account = ledger.account("fast")
    assert (account.events["availability"], account.last_outcome, account.last_direct_outcome) == (1, "http_5xx", "ok")
    assert account.tokens["completion"] == 16
    assert series(ledger, catalogue.LANE_PROBE_ATTEMPTS)["a", "chat", "ok"] == 1
    assert series(ledger, catalogue.LANE_PROBE_LAST_OUTCOME)["a", "chat", "ok"] == 1
    assert series(ledger, catalogue.LANE_PROBE_FIRST_TOKEN) == {("a", "chat"): 0.5}


def test_skipped_direct_question_leaves_the_last_one() -> None:
    """A lane that a user took meanwhile is not asked, and that is no result."""
    ledger = ledger_of()
    ledger.record_direct(FAST, ANSWER, "ok")
    ledger.record_direct(FAST, Attempt(alias="fast", target="direct"), "skipped_busy")
    assert series(ledger, catalogue.LANE_PROBE_LAST_OUTCOME)["a", "chat", "ok"] == 1
    assert series(ledger, catalogue.LANE_PROBE_ATTEMPTS)["a", "chat", "skipped_busy"] == 1
    assert ledger.account("fast").last_direct_outcome == "ok"


@pytest.mark.parametrize(
    ("attempt", "left"),
    [
        pytest.param(ANSWER, 964, id="what the server counted"),
        pytest.param(
            dataclasses.replace(ANSWER, tokens=Tokens()), 984, id="what was asked for, where it counts nothing"
        ),
        pytest.param(DEAD, 1000, id="nothing was answered"),
    ],
)
def test_budget(attempt: Attempt, left: float) -> None:
    """Each probe costs what it cost; the next day all is there again."""
    ledger = ledger_of((attempt, "ok"))
    assert series(ledger, catalogue.PROBE_BUDGET_LEFT) == {("fast",): left}
    assert series(ledger, catalogue.PROBE_BUDGET_LEFT, now=90_000.0) == {("fast",): 1000}
