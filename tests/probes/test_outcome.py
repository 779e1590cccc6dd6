"""Attempts to outcomes: the recorded answers of a real gateway, and what each outcome means."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config_path import Alias, Kind, Lane, Objectives
from fakes.recorded_gateway import recorded_attempt
from probes.attempt import Attempt
from probes.found import ErrorFacts
from probes.outcome import OUTCOMES, POLICY, Outcome, judge, measured, misses, promised
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


SET_ASIDE = ErrorFacts(message="No deployments available for selected model, Try again in 5 seconds.")


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
        pytest.param(_with(status=429, error=SET_ASIDE), "lane_refused", id="429 of a gateway that asks no lane"),
        pytest.param(_with(status=429, error=SET_ASIDE, is_from_lane=True), "rate_limited", id="passed on by it"),
        pytest.param(
            _with(status=429, error=ErrorFacts(message="No deployments available for selected model. Passed model=a")),
            "rate_limited",
            id="every lane at the limit that the gateway has for it",
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


@pytest.mark.parametrize("served", [Served(model_id="lane-b"), Served(fallbacks=1)])
def test_lane_asked_directly_is_itself(served: Served) -> None:
    """Whatever the headers of a lane say, nobody chose another one."""
    assert judge(_with(served=served, target="direct"), Alias(name="chat", lane="a"), LANES) == "ok"


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        pytest.param(_with(kind="embeddings", phases={}, finish_reason=""), "ok", id="no token is needed"),
        pytest.param(_with(kind="embeddings", phases={}, is_done=False), "truncated", id="a body that is not whole"),
        pytest.param(_with(kind="rerank", phases={}, flaw="wrong_order"), "bad_output", id="a flaw"),
        pytest.param(
            _with(kind="speech", phases={}, flaw="bad_body", error=ErrorFacts(message="no")),
            "bad_output",
            id="an error",
        ),
        pytest.param(_with(kind="tools", flaw="no_tool_call"), "bad_output", id="a stream with a flaw"),
        pytest.param(
            _with(kind="tools", flaw="bad_tool_call", finish_reason=""), "truncated", id="cut off, then flawed"
        ),
        pytest.param(_with(kind="models", phases={}, failure="not_json"), "bad_output", id="no JSON"),
    ],
)
def test_kinds(attempt: Attempt, expected: Outcome) -> None:
    """An answer that comes at once is good without a first token, but not with a flaw."""
    assert expected == judge(attempt, Alias(name="chat", kind=attempt.kind), LANES)


@pytest.mark.parametrize(
    "name", ["chat-dead-v-gateway.json", "rerank-dead-r-gateway.json", "speech-dead-s-gateway.json"]
)
def test_dead_lane_has_two_wordings(name: str) -> None:
    """LiteLLM has two clients for lanes, and each says in its own words that nobody listens."""
    assert judge(recorded_attempt(name, folder="routes"), CHAT, LANES) == "lane_refused"


def test_translation_stays_recognisable() -> None:
    """What LiteLLM cannot read of a lane that answered well is its own 500: no word of the lane, and its own words."""
    attempt = recorded_attempt("speech-stt-real-gateway.json", folder="routes")
    assert judge(attempt, Alias(name="chat", kind="speech"), ()) == "http_5xx"
    assert attempt.error is not None
    assert "Invalid response object" in attempt.error.message
    assert (attempt.is_from_gateway, attempt.is_from_lane) == (True, False)


PROMISING = Objectives(first_token_seconds=0.5, inter_token_seconds=0.02, total_seconds=2.0)


@pytest.mark.parametrize(
    ("kind", "objectives", "expected"),
    [
        ("chat", Objectives(), ("availability", "first_token")),
        ("chat", PROMISING, ("availability", "first_token", "inter_token", "total")),
        ("tools", Objectives(total_seconds=1), ("availability", "first_token", "total")),
        ("completion", PROMISING, ("availability", "first_token", "inter_token", "total")),
        ("embeddings", Objectives(), ("availability",)),
        ("rerank", PROMISING, ("availability", "total")),
        ("speech", PROMISING, ("availability", "total")),
        ("models", Objectives(), ("availability",)),
    ],
)
def test_promised(kind: Kind, objectives: Objectives, expected: tuple[str, ...]) -> None:
    """A time is promised where it is configured, and a time of tokens only where there are tokens."""
    assert expected == promised(Alias(name="chat", kind=kind, objectives=objectives))


@pytest.mark.parametrize(
    ("first_token", "inter_token", "complete", "expected"),
    [
        pytest.param(0.5, 0.02, 2.0, set(), id="all at their thresholds"),
        pytest.param(0.51, 0.02, 2.0, {"first_token"}, id="a late first token"),
        pytest.param(0.5, 0.021, 2.0, {"inter_token"}, id="slow tokens"),
        pytest.param(0.5, 0.02, 2.01, {"total"}, id="a late end"),
        pytest.param(0.6, 0.03, 3.0, {"first_token", "inter_token", "total"}, id="all"),
        pytest.param(0.5, None, 2.0, set(), id="a server that does not count tokens"),
    ],
)
def test_misses(first_token: float, inter_token: float | None, complete: float, expected: set[str]) -> None:
    """A promised time is missed above its threshold, and an answer that misses any is slow."""
    attempt = _with(phases={"first_token": first_token, "complete": complete}, inter_token_seconds=inter_token)
    alias = Alias(name="chat", objectives=PROMISING)
    assert expected == misses(attempt, alias)
    assert judge(attempt, alias, LANES) == ("slow" if expected else "ok")


@given(st.floats(min_value=0.001, max_value=600), st.floats(min_value=0.001, max_value=600))
def test_threshold_is_exact(limit: float, seconds: float) -> None:
    """No rounding, no bucket: a time is missed if and only if it is longer than promised."""
    alias = Alias(name="chat", objectives=Objectives(first_token_seconds=limit))
    assert ("first_token" in misses(_with(phases={"first_token": seconds}), alias)) == (seconds > limit)


def test_only_what_was_measured_counts() -> None:
    """A server that does not count its tokens gives no time between them, neither good nor bad."""
    alias = Alias(name="chat", objectives=PROMISING)
    assert measured(_with(phases={"first_token": 0.1, "complete": 1.0}), alias) == {"first_token": 0.1, "total": 1.0}


@pytest.mark.parametrize(
    ("outcome", "availability", "lane"),
    [
        ("ok", "good", "good"),
        ("slow", "good", "good"),
        ("fallback", "good", "bad"),
        ("wrong_lane", "bad", "bad"),
        ("http_5xx", "bad", "bad"),
        ("loading", "bad", "bad"),
        ("auth", "bad", "excluded"),
        ("connect", "bad", "excluded"),
        ("bad_route", "bad", "excluded"),
        ("skipped_busy", "excluded", "excluded"),
        ("skipped_budget", "excluded", "excluded"),
        ("skipped_unloaded", "excluded", "excluded"),
        ("error", "excluded", "excluded"),
    ],
)
def test_alias_and_lane_are_judged_apart(outcome: Outcome, availability: str, lane: str) -> None:
    """A fallback serves the user and not for its lane; what never reached the lane says nothing of it."""
    assert (availability, lane) == (POLICY[outcome].availability, POLICY[outcome].lane)


def test_policy_covers_every_outcome() -> None:
    """Each outcome has its policy, in the order of the list."""
    assert tuple(POLICY) == OUTCOMES


def test_fallback_is_good_for_availability_and_warns() -> None:
    """Whoever is served by a fallback is served."""
    assert (POLICY["fallback"].availability, POLICY["fallback"].grade) == ("good", "warn")


def test_lateness_does_not_depend_on_the_outcome() -> None:
    """A late fallback is late."""
    alias = Alias(name="chat", objectives=Objectives(first_token_seconds=0.1))
    assert misses(_with(served=Served(fallbacks=1)), alias) == {"first_token"}
