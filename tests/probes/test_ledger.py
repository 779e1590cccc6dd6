"""Counters that begin at 0, and what each attempt adds to them."""

from collections.abc import Mapping

import pytest

from exporter import catalogue
from exporter.config import Alias, Config, Gateway, Lane, Objectives
from exporter.metric import Metric
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.chat import Tokens
from probes.ledger import Ledger
from probes.outcome import OUTCOMES, SLOS, Outcome
from probes.served import Served
from probes.verdict import CAUSES

FAST = Alias(name="fast", lane="a", objectives=Objectives(first_token_seconds=1.0))
CONFIG = Config(
    gateway=Gateway(url="http://gateway"),
    aliases=(FAST, Alias(name="chat")),
    lanes=(Lane(name="a", model_id="lane-a"),),
)
NOTHING = Snapshot(node="n")
ANSWER = Attempt(
    alias="fast",
    started_at=1000.0,
    seconds=2.0,
    status=200,
    phases={"dns": 0.1, "first_token": 0.5, "complete": 2.0},
    tokens=Tokens(prompt=20, completion=16),
    served=Served(model_id="lane-a"),
)
LATE = Attempt(alias="fast", phases={"first_token": 1.1}, status=200)
DEAD = Attempt(alias="fast", status=500, seconds=0.1, phases={"dns": 0.01})


def series(ledger: Ledger, metric: Metric) -> Mapping[tuple[str, ...], float]:
    families = {family.metric: family for family in ledger.families(NOTHING, 0.0)}
    return {sample.labels: sample.value for sample in families[metric].samples}


def ledger_of(*entries: tuple[Attempt, Outcome]) -> Ledger:
    ledger = Ledger(CONFIG)
    for attempt, outcome in entries:
        ledger.record(FAST, attempt, outcome)
    return ledger


def test_every_counter_is_born_at_zero() -> None:
    """Before the first probe each label set that a rule reads exists, at 0: a series born at 1 never fires."""
    ledger = ledger_of()
    aliases = ("fast", "chat")
    assert series(ledger, catalogue.PROBE_ATTEMPTS) == {(a, "chat", o): 0 for a in aliases for o in OUTCOMES}
    assert series(ledger, catalogue.PROBE_SLO_EVENTS) == {(a, slo): 0 for a in aliases for slo in SLOS}
    assert series(ledger, catalogue.PROBE_SLO_BAD_EVENTS) == {(a, slo): 0 for a in aliases for slo in SLOS}
    assert series(ledger, catalogue.PROBE_TOKENS) == {(a, k): 0 for a in aliases for k in ("prompt", "completion")}
    assert series(ledger, catalogue.PROBE_CONSECUTIVE_FAILURES) == {("fast",): 0, ("chat",): 0}


def test_unknown_before_the_first_probe() -> None:
    """What was not probed has no last anything, and its cause is unknown, not none."""
    ledger = ledger_of()
    for metric in (catalogue.PROBE_LAST_OUTCOME, catalogue.PROBE_LAST_ATTEMPT, catalogue.PROBE_PHASE):
        assert series(ledger, metric) == {}
    causes = series(ledger, catalogue.ALIAS_ROOT_CAUSE)
    assert causes == {(a, cause): float(cause == "unknown") for a in ("fast", "chat") for cause in CAUSES}


def test_every_probe_family_is_given() -> None:
    """No metric about probes is forgotten."""
    given = {family.metric.name for family in ledger_of().families(NOTHING, 0.0)}
    expected = {
        metric.name for metric in catalogue.METRICS if metric.name.startswith(("lanewatch_probe", "lanewatch_al"))
    }
    assert expected == given


def test_configuration_is_exported() -> None:
    """Rules read objectives, thresholds and intervals from series."""
    ledger = ledger_of()
    assert series(ledger, catalogue.PROBE_SLO_OBJECTIVE)["fast", "availability"] == 0.99
    assert series(ledger, catalogue.PROBE_SLO_THRESHOLD) == {("fast", "first_token"): 1.0, ("chat", "first_token"): 1.5}
    assert series(ledger, catalogue.PROBE_INTERVAL) == {("fast",): 60, ("chat",): 60}


def test_good_answer() -> None:
    """A good answer is an event of both objectives, bad for none, and leaves its facts."""
    ledger = ledger_of((ANSWER, "ok"))
    assert series(ledger, catalogue.PROBE_SLO_EVENTS)["fast", "first_token"] == 1
    assert sum(series(ledger, catalogue.PROBE_SLO_BAD_EVENTS).values()) == 0
    assert series(ledger, catalogue.PROBE_FIRST_TOKEN) == {("fast",): 0.5}
    assert series(ledger, catalogue.PROBE_DECODE_RATE) == {("fast",): 10.0}
    assert series(ledger, catalogue.PROBE_LAST_ATTEMPT) == {("fast",): 1002.0}
    assert series(ledger, catalogue.PROBE_SERVED_INFO) == {("fast", "a", "false"): 1}
    assert series(ledger, catalogue.PROBE_TOKENS)["fast", "completion"] == 16


@pytest.mark.parametrize(
    ("attempt", "outcome", "events", "bad"),
    [
        pytest.param(LATE, "slow", (1, 1), (0, 1), id="slow is available but late"),
        pytest.param(ANSWER, "fallback", (1, 1), (0, 0), id="a fallback serves"),
        pytest.param(LATE, "fallback", (1, 1), (0, 1), id="a late fallback is late"),
        pytest.param(DEAD, "lane_refused", (1, 0), (1, 0), id="what never answered misses availability only"),
        pytest.param(ANSWER, "wrong_lane", (1, 1), (1, 0), id="the wrong lane is not what is promised"),
        pytest.param(DEAD, "skipped_busy", (0, 0), (0, 0), id="what was skipped does not count"),
        pytest.param(DEAD, "error", (0, 0), (0, 0), id="our own trouble does not count"),
    ],
)
def test_objectives(attempt: Attempt, outcome: Outcome, events: tuple[int, int], bad: tuple[int, int]) -> None:
    """Each outcome counts for the objectives that it says something about."""
    account = ledger_of((attempt, outcome)).account("fast")
    assert (events, bad) == (tuple(account.events.values()), tuple(account.bad_events.values()))


def test_failures_in_a_row() -> None:
    """Failures add up until something good comes; what says nothing leaves them alone."""
    ledger = ledger_of((DEAD, "lane_refused"), (DEAD, "error"), (DEAD, "http_5xx"))
    assert ledger.account("fast").consecutive_failures == 2
    ledger.record(FAST, ANSWER, "fallback")
    assert ledger.account("fast").consecutive_failures == 0


def test_failure_keeps_the_last_answer_apart() -> None:
    """After a failure the phases are the failure's, the first token is that of the last answer, nobody served."""
    ledger = ledger_of((ANSWER, "ok"), (DEAD, "lane_refused"))
    assert series(ledger, catalogue.PROBE_PHASE) == {("fast", "dns"): 0.01}
    assert series(ledger, catalogue.PROBE_FIRST_TOKEN) == {("fast",): 0.5}
    assert series(ledger, catalogue.PROBE_SERVED_INFO) == {}
    assert series(ledger, catalogue.PROBE_LAST_OUTCOME)["fast", "lane_refused"] == 1
