"""Events to facts: what a chat answer says about its beginning, its end and its cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.recorded_gateway import FIXTURES, facts_of, found_in, question_of
from probes.found import ErrorFacts, Tokens
from probes.kinds.transcript import BadChunkError, Transcript, error_facts
from probes.sse import Event


@pytest.mark.parametrize(
    ("name", "tokens", "finish_reason", "is_done"),
    [
        ("sse-healthy-direct.sse", Tokens(prompt=23, completion=2, cached=22), "stop", True),
        ("sse-healthy-gateway-include-usage.sse", Tokens(prompt=23, completion=2, cached=22), "stop", True),
        ("sse-fallback-gateway.sse", Tokens(prompt=23, completion=2, cached=22), "stop", True),
        ("sse-length-direct.sse", Tokens(prompt=23, completion=8, cached=22), "length", True),
        ("sse-tool-call-gateway.sse", Tokens(prompt=377, completion=78, cached=376), "tool_calls", True),
        ("sse-midstream-death-gateway.sse", Tokens(), "", False),
        ("sse-midstream-death-late-gateway.sse", Tokens(), "", False),
        ("sse-stall-gateway-cut-5s.sse", Tokens(), "", False),
    ],
)
def test_recorded_stream(name: str, tokens: Tokens, finish_reason: str, is_done: bool) -> None:  # noqa: FBT001
    """Each recorded stream gives the facts that a reader sees in it."""
    found = found_in((FIXTURES / name).read_bytes(), question_of())
    assert {"first_token", "first_output"} <= set(found.phases)
    assert (tokens, finish_reason, is_done) == (found.tokens, found.finish_reason, found.is_done)


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.glob("*.sse")))
@given(chunk_size=st.integers(min_value=1, max_value=400))
def test_slicing_never_changes_facts(name: str, chunk_size: int) -> None:
    """A recorded stream in chunks of any size gives the same facts."""
    stream = (FIXTURES / name).read_bytes()
    whole, sliced = (found_in(stream, question_of(), chunk_size=size) for size in (1 << 20, chunk_size))
    assert facts_of(whole) == facts_of(sliced)


@pytest.mark.parametrize(
    ("delta", "first_token", "first_output"),
    [
        pytest.param('{"role":"assistant","content":null}', None, None, id="a role is no token"),
        pytest.param('{"content":""}', None, None, id="an empty text is no token"),
        pytest.param('{"tool_calls":[]}', None, None, id="no calls are no token"),
        pytest.param('{"content":"a"}', 1.0, 1.0, id="content is output"),
        pytest.param('{"tool_calls":[{"index":0}]}', 1.0, 1.0, id="a tool call is output"),
        pytest.param('{"reasoning_content":"a"}', 1.0, None, id="reasoning is a token but no output"),
        pytest.param('{"reasoning":"a"}', 1.0, None, id="reasoning has two names"),
    ],
)
def test_first_token(delta: str, first_token: float | None, first_output: float | None) -> None:
    """The first token is the first thing that a model said."""
    transcript = Transcript()
    transcript.add(Event("", f'{{"choices":[{{"delta":{delta}}}]}}'), 1.0)
    assert (first_token, first_output) == (transcript.first_token, transcript.first_output)


def test_gap_is_the_longest_silence_between_tokens() -> None:
    """A stall in the middle shows although the mean is good; what comes before the first token is no gap."""
    transcript = Transcript()
    for at, delta in ((1.0, "{}"), (2.0, '{"content":"a"}'), (2.6, '{"reasoning":"b"}'), (2.7, '{"content":"c"}')):
        transcript.add(Event("", f'{{"choices":[{{"delta":{delta}}}]}}'), at)
    found = transcript.found()
    assert (found.first_token, found.last_token) == (2.0, 2.7)
    assert found.largest_gap == pytest.approx(0.6)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("pong", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"choices":7}', id="choices that are no list"),
        pytest.param('{"choices":[{"delta":{"content":7}}]}', id="content that is no text"),
        pytest.param('{"usage":{"completion_tokens":-1}}', id="a count below zero: a counter would go back"),
        pytest.param('{"usage":' + "[" * 200_000, id="nesting without an end"),
    ],
)
def test_bad_chunk(data: str) -> None:
    """What is no chunk of a chat answer is refused, whatever it is."""
    with pytest.raises(BadChunkError):
        Transcript().add(Event("", data), 0.0)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param(Event("", '{"error":{"message":"died","code":500}}'), "died", id="as LiteLLM says it"),
        pytest.param(Event("", '{"error":"died"}'), "died", id="as a bare text"),
        pytest.param(Event("error", "{}"), "an `error` event without words", id="by the name of the event"),
    ],
)
def test_error_event(event: Event, message: str) -> None:
    """An error inside a stream ends it, and nothing that follows is believed."""
    transcript = Transcript()
    transcript.add(event, 0.0)
    transcript.add(Event("", "[DONE]"), 1.0)
    assert (message, False) == (transcript.error and transcript.error.message, transcript.done_at is not None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":{"message":"m","type":"t","code":"400"}}', ErrorFacts(message="m", type="t", code="400")),
        (b'{"error":{"message":null,"type":null,"code":400}}', ErrorFacts(code="400")),
        (b"Internal Server Error", ErrorFacts(message="Internal Server Error")),
        (b'{"error":{"message":"cut of', ErrorFacts(message='{"error":{"message":"cut of')),
        (b'{"detail":"Not Found"}', ErrorFacts(message='{"detail":"Not Found"}')),
        (b"\xff", ErrorFacts(message="\ufffd")),
    ],
)
def test_error_body(body: bytes, expected: ErrorFacts) -> None:
    """An error body says what it can, JSON or not, whole or not."""
    assert expected == error_facts(body)
