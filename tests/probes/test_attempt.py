"""Attempts against a real server on loopback that says whatever a script tells it."""

import asyncio
import gzip
import itertools
import time
from collections.abc import Iterable

import pytest

from exporter.config_path import KINDS, Alias, Kind, Lane
from exporter.secret import Secret
from fakes.gateway import (
    DONE,
    HANG,
    HEALTHY,
    PONG,
    ROLE,
    STOP,
    USAGE,
    FakeGateway,
    Step,
    chunk,
    error,
    fake_gateway,
    head,
    question_to,
    whole,
)
from probes.attempt import Attempt, ask
from probes.found import Tokens
from probes.outcome import judge
from probes.question import direct_question
from probes.version import user_agent

ERROR_EVENT = b'data: {"error":{"message":"died"}}\n\n'
LIMIT = 0.4  # seconds; what must end by it, ends by it and half a second


def attempt_at(steps: Iterable[Step], *, timeout: float = 5.0, kind: Kind = "chat") -> tuple[Attempt, FakeGateway]:
    """Probe a gateway that plays `steps`."""

    async def attempt() -> tuple[Attempt, FakeGateway]:
        async with fake_gateway(steps) as fake:
            return await ask(question_to(fake.url, kind, timeout=timeout)), fake

    return asyncio.run(attempt())


def test_healthy_answer_gives_every_fact() -> None:
    """A good stream gives tokens, the end, who served, and the phases in their order."""
    attempt, _ = attempt_at((*HEALTHY[:2], 0.02, *HEALTHY[2:]))
    assert (attempt.failure, attempt.status, attempt.finish_reason, attempt.is_done) == (None, 200, "stop", True)
    assert Tokens(prompt=23, completion=2, cached=0) == attempt.tokens
    assert attempt.served.model_id == "lane-fast"
    assert list(attempt.phases) == ["dns", "connect", "first_chunk", "first_token", "first_output", "complete"]
    assert sorted(attempt.phases.values()) == list(attempt.phases.values())
    assert attempt.phases["first_token"] >= attempt.phases["first_chunk"] + 0.01


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param(HEALTHY, "ok", id="a healthy stream"),
        pytest.param((head(), ROLE, PONG, STOP), "truncated", id="no DONE"),
        pytest.param((head(), ROLE, PONG, DONE), "truncated", id="no finish reason"),
        pytest.param((head(), STOP, USAGE, DONE), "bad_output", id="no token"),
        pytest.param((head(), b"data: pong\n\n", DONE), "bad_output", id="no JSON"),
        pytest.param((head(kind="text/html"), b"<html>sign in</html>"), "bad_output", id="a sign-in page with 200"),
        pytest.param((head(kind="application/json"), b"{}"), "bad_output", id="JSON where a stream was asked for"),
        pytest.param((b"SSH-2.0-OpenSSH_9.2\r\n\r\n",), "bad_output", id="no HTTP at all"),
        pytest.param((), "truncated", id="closed without a word"),
        pytest.param((head(Content_Length="999"), PONG), "truncated", id="closed in the middle"),
        pytest.param((error(500, "boom"),), "http_5xx", id="500"),
        pytest.param((head(503, "text/plain", Content_Length="99"), b"busy"), "http_5xx", id="an error cut short"),
        pytest.param((error(429, "too many", Retry_After="7"),), "rate_limited", id="429"),
        pytest.param((head(500), b"x" * 100_000), "http_5xx", id="a large error body"),
        pytest.param((head(), PONG, ERROR_EVENT, HANG), "stream_error", id="an error event"),
    ],
)  # fmt: skip
def test_answer(steps: tuple[Step, ...], expected: str) -> None:
    """Each answer of a server has its outcome."""
    assert expected == judge(attempt_at(steps)[0], Alias(name="fast"), ())


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param((HANG,), "timeout_first", id="silence"),
        pytest.param((head(), HANG), "timeout_first", id="headers, then silence"),
        pytest.param((head(), ROLE, HANG), "timeout_first", id="a role, then silence"),
        pytest.param((head(), PONG, HANG), "stalled", id="a token, then silence"),
        pytest.param((head(), *(PONG, 0.02) * 200), "timeout_total", id="tokens without an end"),
        pytest.param((head(), *(b"d", 0.02) * 200), "timeout_first", id="a drip of bytes"),
        pytest.param((head(500), b"oops", HANG), "http_5xx", id="an error whose body never ends"),
    ],
)  # fmt: skip
def test_one_deadline_holds_for_everything(steps: tuple[Step, ...], expected: str) -> None:
    """No server keeps a probe beyond its limit."""
    begun = time.monotonic()
    attempt, _ = attempt_at(steps, timeout=LIMIT)
    assert expected == judge(attempt, Alias(name="fast"), ())
    assert time.monotonic() - begun < LIMIT + 0.5


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(b"x" * 65536, id="a line without an end"),
        pytest.param(b": ping\n\n" * 8192, id="comments without an end"),
        pytest.param(b"data: {}\n\n" * 6554, id="events without an end"),
    ],
)
def test_flood_is_given_up(flood: bytes) -> None:
    """A server that sends without an end is cut off at the limit of bytes, long before the limit of time."""
    attempt, _ = attempt_at(itertools.chain([head()], itertools.repeat(flood)))
    assert attempt.failure == "too_large"
    assert attempt.seconds < 4


def test_compressed_answer_is_not_inflated() -> None:
    """A gzip bomb stays what it is on the wire."""
    bomb = gzip.compress(b"data: {}\n\n" * 3_000_000)
    attempt, fake = attempt_at((head(Content_Encoding="gzip"), bomb))
    assert attempt.failure == "encoding"
    assert b"accept-encoding: identity\r\n" in fake.requests[0].lower()


def test_redirect_is_not_followed() -> None:
    """The second server, to which a redirect would carry the key, sees nothing."""

    async def attempt() -> tuple[Attempt, FakeGateway]:
        async with fake_gateway(HEALTHY) as other, fake_gateway((head(307, Location=f"{other.url}/v1"),)) as first:
            return await ask(question_to(first.url)), other

    redirected, other = asyncio.run(attempt())
    assert (redirected.status, other.requests) == (307, [])


def test_one_request_on_one_connection() -> None:
    """A failure is not tried again."""
    _, fake = attempt_at((error(500, "boom"),))
    assert len(fake.requests) == 1


def test_name_stays_in_the_request() -> None:
    """The connection goes to an address, the `Host` header to the name, the path below a base that ends with /v1."""

    async def attempt() -> bytes:
        async with fake_gateway(HEALTHY) as fake:
            url = f"http://localhost:{fake.port}/v1/"
            await ask(question_to(url, key=""))
            return fake.requests[0]

    lines = asyncio.run(attempt()).split(b"\r\n")
    assert lines[0] == b"POST /v1/chat/completions HTTP/1.1"
    assert any(line.lower().startswith(b"host: localhost:") for line in lines)
    assert not any(line.lower().startswith(b"authorization") for line in lines)


@pytest.mark.parametrize(
    ("url", "failure", "words"),
    [
        ("http://127.0.0.1:9", "connect", "Connection refused"),
        ("http://lanewatch.invalid", "dns", "Name or service not known"),
        ("http://" + "a" * 70 + ".invalid", "dns", ""),
    ],
)
def test_no_connection(url: str, failure: str, words: str) -> None:
    """What keeps a connection from standing is told apart."""
    attempt = asyncio.run(ask(question_to(url)))
    assert failure == attempt.failure
    assert words in attempt.failure_words


def test_rates_count_tokens_not_chunks() -> None:
    """Times between tokens are what the server counted from the first to the last, however many a chunk packs."""
    usage = chunk(usage={"prompt_tokens": 9, "completion_tokens": 11})
    attempt, _ = attempt_at((head(), PONG, 0.1, PONG, STOP, 0.2, usage, DONE))
    assert 0.009 < (attempt.inter_token_seconds or 0) < 0.05
    assert attempt.decode_rate == 1 / (attempt.inter_token_seconds or 0)
    assert 0.09 < (attempt.largest_gap_seconds or 0) < 0.5


def test_lane_tells_how_long_it_read() -> None:
    """What passed before the first token and was not spent on the prompt was spent waiting; a gateway tells neither."""
    timings = chunk(timings={"prompt_n": 40, "prompt_ms": 50.0})
    attempt, _ = attempt_at((0.3, head(), PONG, STOP, timings, DONE))
    assert attempt.prefill_rate == 800
    assert 0.2 < (attempt.queue_seconds or 0) < (attempt.first_token or 0) - 0.049
    silent, _ = attempt_at(HEALTHY)
    assert (silent.prefill_rate, silent.queue_seconds) == (None, None)


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        pytest.param("embeddings", {"data": [{"embedding": [1, 2]}]}, "ok", id="an embedding"),
        pytest.param("embeddings", {"data": [{"embedding": [0, 0]}]}, "bad_output", id="an embedding of zeros"),
        pytest.param("rerank", {"results": [{"index": i, "score": -i} for i in range(3)]}, "ok", id="a ranking"),
        pytest.param("speech", {"text": "", "usage": None}, "ok", id="a transcript"),
        pytest.param("models", {"data": [{"id": "fast"}]}, "ok", id="a list"),
        pytest.param("models", {"data": [{"id": "slow"}]}, "bad_output", id="a list without the alias"),
    ],
)
def test_whole_answer(kind: Kind, body: object, expected: str) -> None:
    """An answer that comes at once has no first token, and is judged when it is whole."""
    attempt, _ = attempt_at((whole(body),), kind=kind)
    assert expected == judge(attempt, Alias(name="fast", kind=kind), ())
    assert list(attempt.phases) == ["dns", "connect", "first_chunk", "complete"]
    assert (attempt.kind, attempt.first_token, attempt.is_done) == (kind, None, True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_one_request(kind: Kind) -> None:
    """Whatever is asked, it is one request with one key, a fixed name, no retries of the gateway and its limit."""
    attempt, fake = attempt_at((error(500, "boom"),), kind=kind)
    lines = fake.requests[0].partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert (attempt.status, len(fake.requests)) == (500, 1)
    assert lines[0].startswith(b"get /v1/" if kind == "models" else b"post /v1/")
    assert {
        b"authorization: bearer sk-test",
        f"user-agent: {user_agent()}".encode(),
        b"x-litellm-num-retries: 0",
        b"x-litellm-timeout: 4.000",
        b"accept-encoding: identity",
        b"connection: close",
    } <= set(lines)


def test_lane_is_asked_directly() -> None:
    """A lane is told nothing that is meant for a gateway, by its own name for the model, and its answer is its own."""

    async def attempt() -> tuple[Attempt, bytes]:
        async with fake_gateway(HEALTHY) as fake:
            lane = Lane(name="a", url=fake.url)
            question = direct_question(lane, Alias(name="fast"), Secret(""), "tiny")
            return await ask(question), fake.requests[0].lower()

    facts, request = asyncio.run(attempt())
    assert (facts.target, facts.lane, facts.is_from_lane, facts.is_done) == ("direct", "a", True, True)
    assert b"litellm" not in request
    assert b'"model": "tiny"' in request
    assert judge(facts, Alias(name="fast", lane="b"), (Lane(name="b", model_id="b"),)) == "ok"


def test_date_to_retry_after() -> None:
    """A server that names an hour is understood by its own clock."""
    headers = {"Date": "Sat, 21 Nov 2026 00:00:00 GMT", "Retry_After": "Sat, 21 Nov 2026 00:00:42 GMT"}
    attempt, _ = attempt_at((error(503, "Loading model", **headers),))
    assert attempt.retry_after_seconds == 42


def test_text_from_outside_is_tamed() -> None:
    """An error text becomes one short line that cannot steer a terminal."""
    attempt, _ = attempt_at((error(500, "a\x1b[31m\n\tb " + "x" * 900),))
    assert attempt.error is not None
    assert attempt.error.message.startswith("a [31m b xxx")
    assert len(attempt.error.message) == 500
