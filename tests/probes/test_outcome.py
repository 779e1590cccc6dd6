"""Attempts to outcomes: the recorded answers of a real gateway, and what each outcome means."""

import dataclasses

import pytest

from exporter.config import Alias, Lane, Objectives
from fakes.recorded_gateway import recorded_attempt
from probes.attempt import Attempt
from probes.chat import ErrorFacts
from probes.outcome import OUTCOMES, POLICY, Outcome, is_late, judge
from probes.served import Served, served_lane

CHAT = Alias(name="chat")
LANES = (
    Lane(name="a", url="http://10.0.0.1:8080", model_id="lane-a"),
    Lane(name="b", url="http://10.0.0.1:8081"),
    Lane(name="nameless"),
)
GOOD = Attempt(alias="chat", status=200, is_done=True, finish_reason="stop", seconds=1.0, phases={"first_token": 0.5})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sse-healthy-gateway-include-usage.sse", "ok"),
        ("sse-healthy-direct.sse", "ok"),
        ("sse-length-direct.sse", "ok"),
        ("sse-tool-call-gateway.sse", "ok"),
        ("sse-fallback-gateway.sse", "fallback"),
        ("sse-midstream-death-gateway.sse", "stream_error"),
        ("sse-midstream-death-late-gateway.sse", "stream_error"),
        ("sse-stall-gateway-cut-5s.sse", "truncated"),
        ("sse-early-death-gateway.json", "http_5xx"),
        ("error-dead.json", "lane_refused"),
        ("error-err503.json", "loading"),
        ("error-nope.json", "bad_route"),
        ("error-no-key.json", "auth"),
        ("error-wrong-key.json", "auth"),
        ("error-timeout.json", "timeout_first"),
        ("error-context.json", "context_too_long"),
    ],
)
def test_recorded_answer(name: str, expected: Outcome) -> None:
    """Each recorded answer of LiteLLM 1.106.2 has its outcome."""
    assert expected == judge(recorded_attempt(name), CHAT, LANES)


def _with(**changes: object) -> Attempt:
    return dataclasses.replace(GOOD, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        pytest.param(GOOD, "ok", id="a whole answer in time"),
        pytest.param(_with(phases={"first_token": 1.6}), "slow", id="a first token after the objective"),
        pytest.param(_with(phases={"first_token": 1.5}), "ok", id="a first token at the objective"),
        pytest.param(_with(is_done=False), "truncated", id="no [DONE]"),
        pytest.param(_with(finish_reason=""), "truncated", id="no finish reason"),
        pytest.param(_with(phases={}), "bad_output", id="a stream without a token"),
        pytest.param(_with(status=302, is_done=False), "bad_output", id="a redirect"),
        pytest.param(_with(status=204, is_done=False), "bad_output", id="a success that is none"),
        pytest.param(_with(status=401), "auth", id="401"),
        pytest.param(_with(status=403), "auth", id="403"),
        pytest.param(_with(status=404), "http_4xx", id="another 4xx"),
        pytest.param(_with(status=429), "rate_limited", id="429"),
        pytest.param(_with(status=502), "http_5xx", id="another 5xx"),
        pytest.param(_with(status=504), "timeout_first", id="a proxy's time-out"),
        pytest.param(_with(status=500, failure="closed"), "http_5xx", id="a status outweighs a broken body"),
        pytest.param(_with(status=500, error=ErrorFacts(message="Connection error.")), "lane_refused", id="no lane"),
        pytest.param(
            _with(status=500, error=ErrorFacts(message="Connection error."), is_from_lane=True),
            "http_5xx",
            id="the same words from a lane",
        ),
        pytest.param(_with(status=None, failure="dns"), "dns", id="no address"),
        pytest.param(_with(status=None, failure="connect"), "connect", id="no connection"),
        pytest.param(_with(status=None, failure="tls"), "tls", id="no trust"),
        pytest.param(_with(status=None, failure="closed"), "truncated", id="closed before a word"),
        pytest.param(_with(status=None, failure="protocol"), "bad_output", id="no HTTP"),
        pytest.param(_with(failure="encoding"), "bad_output", id="compressed"),
        pytest.param(_with(failure="not_a_stream"), "bad_output", id="no stream"),
        pytest.param(_with(failure="too_large"), "bad_output", id="without an end"),
        pytest.param(_with(status=None, failure="error"), "error", id="our own trouble"),
        pytest.param(_with(failure="timeout", phases={}), "timeout_first", id="our limit before a token"),
        pytest.param(_with(failure="timeout", silent_seconds=0.1), "timeout_total", id="our limit while it talks"),
        pytest.param(_with(failure="timeout", silent_seconds=0.9), "stalled", id="our limit after a silence"),
        pytest.param(_with(error=ErrorFacts(message="Timeout on reading")), "stalled", id="the gateway's limit"),
        pytest.param(
            _with(error=ErrorFacts(message="Timeout on reading"), phases={}),
            "timeout_first",
            id="the gateway's limit before a token",
        ),
    ],
)
def test_attempt(attempt: Attempt, expected: Outcome) -> None:
    """Each way to end has one outcome."""
    assert expected == judge(attempt, CHAT, LANES)


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        pytest.param(Served(model_id="lane-a", api_base="http://elsewhere"), "a", id="the model id decides"),
        pytest.param(Served(model_id="9d1f", api_base="http://10.0.0.1:8081/v1"), "b", id="the address, with /v1"),
        pytest.param(Served(api_base="http://10.0.0.1:8081"), "b", id="the address alone"),
        pytest.param(Served(api_base="http://10.0.0.1:80811/v1"), "", id="another port that begins alike"),
        pytest.param(Served(model_id="9d1f", api_base="http://10.0.0.1:8080/v1"), "", id="another id at its address"),
        pytest.param(Served(api_base="http://[::1/v1"), "", id="an address that is none"),
        pytest.param(Served(), "", id="a gateway that does not say"),
    ],
)
def test_served_lane(served: Served, expected: str) -> None:
    """The lane that answered is found by what the gateway names."""
    assert expected == served_lane(served, LANES)


@pytest.mark.parametrize(
    ("lane", "served", "expected"),
    [
        pytest.param("a", Served(model_id="lane-a"), "ok", id="the lane that it must be"),
        pytest.param("a", Served(model_id="lane-b"), "wrong_lane", id="another lane"),
        pytest.param("b", Served(api_base="http://10.0.0.1:9/v1"), "wrong_lane", id="another address"),
        pytest.param("a", Served(model_id="lane-b", model_group="other"), "fallback", id="another lane and alias"),
        pytest.param("a", Served(model_id="lane-a", fallbacks=1), "fallback", id="a fallback to the same lane"),
        pytest.param("a", Served(), "ok", id="a gateway that does not say"),
        pytest.param("nameless", Served(model_id="lane-b"), "ok", id="a lane that cannot be told"),
        pytest.param("", Served(model_id="lane-b"), "ok", id="no lane is expected"),
    ],
)
def test_expected_lane(lane: str, served: Served, expected: Outcome) -> None:
    """An answer of another lane is not what the alias promises, and one of a fallback is told apart."""
    assert expected == judge(_with(served=served), Alias(name="chat", lane=lane), LANES)


def test_policy_covers_every_outcome() -> None:
    """Each outcome has its policy, in the order of the list."""
    assert tuple(POLICY) == OUTCOMES


def test_fallback_is_good_for_availability_and_warns() -> None:
    """Whoever is served by a fallback is served."""
    assert (POLICY["fallback"].availability, POLICY["fallback"].grade) == ("good", "warn")


def test_lateness_does_not_depend_on_the_outcome() -> None:
    """A late fallback is late."""
    alias = Alias(name="chat", objectives=Objectives(first_token_seconds=0.1))
    assert is_late(_with(served=Served(fallbacks=1)), alias)
