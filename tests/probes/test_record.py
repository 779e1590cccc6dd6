"""From what was found to the numbers of an attempt."""

import dataclasses

import pytest

from fakes.gateway import question_to
from probes.found import Found, Timings, Tokens
from probes.record import Record, inter_token_seconds, prefill_rate


@pytest.mark.parametrize(
    ("first", "last", "tokens", "expected"),
    [
        pytest.param(1.0, 3.0, 5, 0.5, id="four gaps between five tokens"),
        pytest.param(1.0, 3.0, 2, 2.0, id="one gap"),
        pytest.param(1.0, 3.0, 1, None, id="one token"),
        pytest.param(1.0, 3.0, None, None, id="a server that does not count"),
        pytest.param(1.0, 1.0, 5, None, id="one chunk that held them all"),
        pytest.param(None, None, 5, None, id="no token"),
    ],
)
def test_inter_token(first: float | None, last: float | None, tokens: int | None, expected: float | None) -> None:
    """The time between two tokens is by the server's count, and absent where it cannot be told."""
    phases = {} if first is None else {"first_token": first}
    assert expected == inter_token_seconds(Found(phases=phases, last_token=last, tokens=Tokens(completion=tokens)))


@pytest.mark.parametrize(
    ("timings", "expected"),
    [
        pytest.param(Timings(prompt_tokens=40, prompt_seconds=0.05), 800.0, id="a prompt that was read"),
        pytest.param(Timings(prompt_tokens=1, prompt_seconds=0.05), None, id="a prompt out of the cache"),
        pytest.param(Timings(prompt_tokens=40, prompt_seconds=0.0), None, id="no time"),
        pytest.param(Timings(prompt_seconds=0.05), None, id="no count"),
        pytest.param(Timings(), None, id="a server that does not tell"),
    ],
)
def test_prefill_rate(timings: Timings, expected: float | None) -> None:
    """The rate is of the tokens that were read, not of those that the cache gave."""
    assert expected == prefill_rate(Found(timings=timings))


@pytest.mark.parametrize(
    ("phases", "first", "reading", "expected"),
    [
        pytest.param({"dns": 0.1, "connect": 0.2}, 1.0, 0.3, 0.5, id="after the connection, less the reading"),
        pytest.param({"connect": 0.2, "tls": 0.4}, 1.0, 0.3, 0.3, id="after the handshake"),
        pytest.param({"connect": 0.2}, 0.3, 0.5, 0.0, id="never below zero: two clocks"),
        pytest.param({"connect": 0.2}, None, 0.5, None, id="no token"),
        pytest.param({"connect": 0.2}, 1.0, None, None, id="a server that does not tell"),
    ],
)
def test_queue(phases: dict[str, float], first: float | None, reading: float | None, expected: float | None) -> None:
    """What passed before the first token and was not spent on the prompt was spent waiting."""
    record = Record(question_to("https://l"), ())
    for phase, at in phases.items():
        record.mark(phase, at)
    found = Found(
        phases={} if first is None else {"first_token": first}, timings=Timings(prompt_tokens=9, prompt_seconds=reading)
    )
    assert record.facts(found)["queue_seconds"] == (expected if expected is None else pytest.approx(expected))


def test_attempt_says_what_was_asked() -> None:
    """A direct attempt names its lane."""
    question = dataclasses.replace(question_to("http://l", "rerank"), target="direct", lane="a")
    facts = Record(question, ()).facts(Found())
    assert tuple(facts[name] for name in ("alias", "kind", "target", "lane")) == ("fast", "rerank", "direct", "a")
