"""What is concluded from attempts, and the tables that show it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config_path import Alias, Gateway, Lane, Objectives
from exporter.snapshot import Snapshot
from probes.asked import Plan
from probes.attempt import Attempt
from probes.clocks import spreads
from probes.layers import Verdict
from probes.nagios import status_code
from probes.paint import plain
from probes.report import ANSWERED, Report, conclude, exit_code
from probes.rows import gateway_adds, rows
from probes.table import as_line, as_table
from probes.verdict import Case, Probed, judge_layers
from probes.waterfall import as_text

ALIAS = Alias(name="fast", lane="lane-a", objectives=Objectives(first_token_seconds=1.0, total_seconds=5.0))
PLAN = Plan(alias=ALIAS, gateway=Gateway(url="http://g"), lanes=(Lane(name="lane-a", url="http://l", model_id="a"),))
WELL = Attempt(
    alias="fast",
    seconds=2.0,
    phases={"dns": 0.1, "connect": 0.2, "first_chunk": 0.5, "first_token": 0.5, "first_output": 0.6, "complete": 2.0},
    status=200,
    finish_reason="stop",
    is_done=True,
    inter_token_seconds=0.01,
)
DIRECT = dataclasses.replace(WELL, target="direct", lane="lane-a", phases={"first_token": 0.3, "complete": 1.5})
REFUSED = Attempt(alias="fast", seconds=0.1, failure="connect", failure_words="Connection refused")


def report(attempt: Attempt) -> Report:
    return next(iter(conclude([attempt], PLAN)))


def test_an_answer_proves_what_the_verdict_says_of_it() -> None:
    """What an answer that is well is taken for without a look at the layers is what the layers' judge says of it."""
    case = Case(alias=ALIAS, snapshot=Snapshot(node=""), gateway=Probed(WELL, "ok"))
    judged = judge_layers(case)
    assert judged.cause == report(WELL).verdict.cause
    assert {layer: one.state for layer, one in judged.layers.items()} == {
        layer: one.state for layer, one in ANSWERED.items()
    }


def test_the_gateway_adds_the_difference_of_both_ways() -> None:
    """Of each time that both have; a rate is not added."""
    adds = gateway_adds(rows([report(WELL), report(DIRECT)]))
    assert adds["fast"] == pytest.approx({"first_token_seconds": 0.2, "total_seconds": 0.5, "inter_token_seconds": 0.0})


def test_a_failing_lane_does_not_blame_an_alias_that_is_well() -> None:
    """The lane's own report says that something is wrong, and that nobody knows what."""
    past = dataclasses.replace(REFUSED, target="direct", lane="lane-a")
    through, direct = conclude([WELL, past], PLAN)
    assert (through.verdict.cause, direct.verdict.cause, exit_code([through, direct])) == ("none", "unknown", 20)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        pytest.param(WELL, "first_token 0.500 s of 1 s: met", id="met"),
        pytest.param(
            dataclasses.replace(WELL, phases={**WELL.phases, "first_token": 1.5}),
            "first_token 1.500 s of 1 s: missed",
            id="missed",
        ),
    ],
)
def test_waterfall_says_what_was_promised(attempt: Attempt, words: str) -> None:
    """Each promised time stands beside what was measured."""
    assert words in as_text(report(attempt), plain)


def test_waterfall_shows_the_layers_of_a_failure() -> None:
    """Every layer has its line where something failed."""
    shown = as_text(report(REFUSED), plain)
    assert "gateway_process      bad" in shown
    assert "lane_pod             not looked at" in shown


def test_table_gives_the_reason_below() -> None:
    """What failed is explained once, below the lines."""
    shown = as_table([report(WELL), report(REFUSED), report(REFUSED)], plain).splitlines()
    assert shown[1].split()[:6] == ["fast", "gateway", "connect", "2,", "ok", "1"]
    assert shown[3] == "fast gateway: root cause gateway_process"


def test_line() -> None:
    """A line has what a person looks for first."""
    assert as_line(report(WELL)) == "fast gateway ok: first token 0.500 s, total 2.000 s, 100.0 tok/s"


def test_our_own_trouble_is_unknown_to_a_plugin() -> None:
    """A plugin must not page somebody for an alias that was never asked."""
    ours = Report(
        attempt=Attempt(alias="fast", failure="error"),
        outcome="error",
        verdict=Verdict("unknown"),
        lane="",
        version="0",
    )
    assert (status_code([ours]), status_code([ours, report(REFUSED)]), status_code([report(WELL)])) == (3, 2, 0)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=20))
def test_spread(values: list[float]) -> None:
    """The middle lies between the least and the most, and half of the values on each side."""
    attempts = [dataclasses.replace(WELL, phases={"complete": value}) for value in values]
    spread = spreads(attempts)["total_seconds"]
    below = sum(value < spread.middle for value in values)
    above = sum(value > spread.middle for value in values)
    assert (spread.least, spread.most) == (min(values), max(values))
    assert max(below, above) <= len(values) / 2
