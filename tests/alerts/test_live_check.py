"""`lanewatch rules check`: which rule sees nothing on a server, and why, in words, in JSON and as an exit code."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alerts.groups import GROUPS
from alerts.live_check import ONLY_WHEN_ILL, Checked, Why, check, verdict
from alerts.rule import Alert, Group, Record
from alerts.selectors import SOURCES, Selector, selectors
from exporter.catalogue import GPU_UP, POOL_STATE
from exporter.notable import NOTABLE
from fakes.answering_prometheus import answering
from fakes.expositions import GOLDEN, emitted
from lanewatch import main

_UP = str(GPU_UP)
_STATE = POOL_STATE.where(state="none")


class _Has:
    """A server that has what is in a set."""

    def __init__(self, *there: str) -> None:
        self._there = there
        self.asked: Counter[str] = Counter()

    async def has(self, selector: str) -> bool:
        self.asked[selector] += 1
        return selector in self._there


def _alert(expr: str, name: str = "LanewatchOne") -> Alert:
    return Alert(
        name=name, expr=expr, severity="page", layer="card", action="investigate", summary="s", description="d"
    )


def _checked(server: _Has, *rules: Alert | Record) -> tuple[Checked, ...]:
    return asyncio.run(check(server, [Group(name="g", rules=rules)]))


def _run(url: str, *arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(main, ["rules", "check", "--prometheus", url, *arguments], env=variables)


@pytest.mark.parametrize(
    ("there", "expr", "state", "why"),
    [
        pytest.param([_UP], f"{_UP} == 0", "ok", "found", id="it is there"),
        pytest.param([], f"{_UP} == 0", "blind", "metric_absent", id="nobody exports it"),
        pytest.param(
            [str(POOL_STATE)], f"{_STATE} == 1", "blind", "matcher_never_matches", id="the label never has the value"
        ),
        pytest.param(
            [],
            'lanewatch:probe_bad:ratio_rate1h{slo="availability"} > 1',
            "blind",
            "not_recorded_yet",
            id="the rules are not loaded",
        ),
        pytest.param(
            [], "vllm:num_requests_waiting > 1", "nothing_to_see", "source_not_scraped", id="nobody runs vLLM"
        ),
    ],
)
def test_why_a_rule_sees_nothing(there: list[str], expr: str, state: str, why: Why) -> None:
    """Each reason has another remedy."""
    (found,) = _checked(_Has(*there), _alert(expr))
    assert (found.state, set(found.found.values())) == (state, {why})


def test_what_shows_only_when_something_is_wrong_is_not_missed() -> None:
    """No such series is on the page of the well reference node, and each is on another."""
    reference = tuple(path for path in GOLDEN if path.stem == "reference-node")
    assert sorted(ONLY_WHEN_ILL & emitted(reference).keys()) == sorted(ONLY_WHEN_ILL - emitted(GOLDEN).keys()) == []
    (found,) = _checked(_Has(_UP), _alert(f"{_UP} == 0 and on (node) {min(ONLY_WHEN_ILL)}"))
    assert (found.state, verdict([found])) == ("ok", "pass")


def test_a_rule_that_sees_a_part_is_a_warning_and_what_is_not_scraped_costs_nothing() -> None:
    rules = (
        _alert(f"{_UP} == 0 and {_STATE} == 1", "LanewatchPartly"),
        _alert(f"{_UP} == 0 or vllm:num_requests_waiting", "LanewatchWell"),
    )
    found = _checked(_Has(_UP), *rules)
    assert [one.state for one in found] == ["partial", "ok"]
    assert verdict(found) == "warn"


def test_a_recorded_series_that_is_blind_is_a_warning_and_an_alert_blocks() -> None:
    record = _checked(_Has(), Record(name="lanewatch:one:ratio", expr=_UP))
    assert (verdict(record), verdict(_checked(_Has(), _alert(_UP))), verdict([])) == ("warn", "block", "pass")


def test_who_runs_no_gateway_is_not_told_that_its_alerts_are_blind() -> None:
    """Nor of what is recorded out of what is recorded from it: nothing of ours is missing there."""
    of_users = ("lanewatch:gateway", "lanewatch:users_", "lanewatch:lane_answers", "lanewatch:lane_seconds")
    promised = ("lanewatch:users_promise", "lanewatch:users_budget", "lanewatch:users_pool")

    def has(selector: str) -> bool:
        return selector.startswith(promised) or not selector.startswith((*SOURCES, *of_users))

    with answering(has) as asked:
        result = _run(asked.url)
    assert (result.exit_code, result.output[:5]) == (0, "pass:")


def test_each_selector_is_asked_for_once() -> None:
    """However many rules name it; a bare name is asked for only where its matchers found nothing."""
    server = _Has(_UP)
    _checked(server, _alert(_UP, "LanewatchA"), _alert(f"{_UP} and {_STATE}", "LanewatchB"))
    assert server.asked == {_UP: 1, _STATE: 1, str(POOL_STATE): 1}


def test_the_whole_pack_is_asked_for_in_a_bounded_number_of_questions() -> None:
    """One question a distinct selector, and one a name, at most."""
    wanted = {one for group in GROUPS for rule in group.rules for one in selectors(rule.expr)}
    server = _Has()
    asyncio.run(check(server, GROUPS))
    assert max(server.asked.values()) == 1
    told_again = {str(again.metric): str(metric) for metric, again in NOTABLE.items()}
    wanted |= {replace(one, name=told_again[one.name]) for one in wanted if one.name in told_again}
    assert set(server.asked) <= {str(one) for one in wanted} | {one.name for one in wanted}
    assert not any(one.startswith(tuple(told_again)) for one in server.asked)


def test_a_server_with_everything_passes() -> None:
    with answering(lambda _selector: True) as asked:
        result = _run(asked.url)
    count = sum(len(group.rules) for group in GROUPS)
    assert result.exit_code == 0
    assert result.output.startswith(f"pass: {count} rules: ok ")
    assert len(asked.queries) == len(set(asked.queries))


def test_a_server_with_all_but_one_metric_names_the_rules_that_miss_it() -> None:
    """And other people's exporters are not missed."""
    mine = tuple(SOURCES)
    with answering(lambda selector: not selector.startswith((_UP, *mine))) as asked:
        result = _run(asked.url, "--output", "json")
    told = json.loads(result.output)
    missed = {one["name"] for one in told["rules"] if any(m["why"] == "metric_absent" for m in one["missing"])}
    expected = {r.name for group in GROUPS for r in group.rules if Selector(_UP) in selectors(r.expr)}
    # what asks for what was found misses what it is found in, and what asks for what is told again the whole of it
    lost = {"LanewatchGpuUnavailable", "lanewatch:gpu_unavailable:found", "lanewatch:card_found:pool"}
    shared = {"LanewatchGpuSharingChanged", "lanewatch:gpu_sharing_changed:found", "lanewatch:ownership_found:pool"}
    dies = {"LanewatchGpuMemoryRetiring", "lanewatch:gpu_memory_retiring:found", "lanewatch:ecc_found:pool"}
    asking = {
        *lost,
        *shared,
        *dies,
        "lanewatch:gpu_lost:now",
        "lanewatch:gpu_lost:last2m",
        "lanewatch:fleet_gpus_up:sum",
    }
    assert (missed, told["verdict"], result.exit_code) == (expected | asking, "warn", 10)


def test_an_empty_server_blocks_and_says_why() -> None:
    with answering(lambda _selector: False) as asked:
        result = _run(asked.url)
    assert result.exit_code == 20
    assert "blind      LanewatchGpuUnavailable" in result.output
    assert f"{_UP}: no series of that name within 15m" in result.output


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(401, b"", "the server refused to answer: HTTP 401", id="it asks for a token"),
        pytest.param(
            200, b"<html>", "expected the answer of a Prometheus, found something else", id="something else answers"
        ),
        pytest.param(200, b"[]", "expected the answer of a Prometheus, found something else", id="other JSON"),
        pytest.param(
            200, b" " * (2 << 20), "expected an answer of at most 1048576 bytes, found more", id="it never ends"
        ),
    ],
)
def test_a_server_that_cannot_be_asked_is_told_apart(status: int, body: bytes, words: str) -> None:
    """No verdict about the rules: one line, and the code of what blocks."""
    with answering(lambda _selector: True, status, body) as asked:
        result = _run(asked.url)
    assert (result.exit_code, result.output) == (20, f"lanewatch: {asked.url}: {words}\n")


def test_nobody_listens() -> None:
    result = _run("http://127.0.0.1:1")
    assert (result.exit_code, result.output) == (
        20,
        "lanewatch: http://127.0.0.1:1: the server did not answer: no connection\n",
    )


def test_the_token_comes_from_a_variable_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    """A word on the command line is in everybody's list of processes."""
    file = tmp_path / "token"
    file.write_text("from-a-file\n", encoding="utf-8")
    with answering(lambda _selector: True) as asked:
        by_variable = _run(asked.url, LANEWATCH_PROMETHEUS_TOKEN="from-a-variable")  # noqa: S106  # a made-up one
        by_file = _run(asked.url, "--token-file", str(file))
    assert asked.tokens == {"Bearer from-a-variable", "Bearer from-a-file"}
    assert "from-a-" not in by_variable.output + by_file.output


def test_a_token_that_is_none_is_refused(tmp_path: Path) -> None:
    result = _run("http://127.0.0.1:1", "--token-file", str(tmp_path / "gone"))
    assert result.exit_code == 2
    assert "expected a file that holds the key" in result.output
