"""Attempts against a real server on loopback that says whatever a script tells it."""

import asyncio
import gzip
import itertools
import time
from collections.abc import Iterable

import pytest

from exporter.config import Alias
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
)
from probes.attempt import Attempt, ChatRequest, attempt_chat
from probes.chat import Tokens
from probes.outcome import judge
from probes.secret import Secret

ERROR_EVENT = b'data: {"error":{"message":"died"}}\n\n'
LIMIT = 0.4  # seconds; what must end by it, ends by it and half a second


def attempt_at(steps: Iterable[Step], *, timeout: float = 5.0) -> tuple[Attempt, FakeGateway]:
    """Probe a gateway that plays `steps`."""

    async def attempt() -> tuple[Attempt, FakeGateway]:
        async with fake_gateway(steps) as fake:
            request = ChatRequest(alias="fast", gateway_url=fake.url, key=Secret("sk-test"), timeout_seconds=timeout)
            return await attempt_chat(request), fake

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
            request = ChatRequest(alias="fast", gateway_url=first.url, key=Secret("sk-test"))
            return await attempt_chat(request), other

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
            await attempt_chat(ChatRequest(alias="fast", gateway_url=url, key=Secret("")))
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
    attempt = asyncio.run(attempt_chat(ChatRequest(alias="fast", gateway_url=url, key=Secret(""))))
    assert failure == attempt.failure
    assert words in attempt.failure_words


def test_decode_rate_counts_tokens_not_chunks() -> None:
    """The rate is what the server counted after the first token, however many tokens a chunk packs."""
    usage = chunk(usage={"prompt_tokens": 9, "completion_tokens": 11})
    attempt, _ = attempt_at((head(), PONG, 0.1, PONG, STOP, usage, DONE))
    assert attempt.decode_rate is not None
    assert 20 < attempt.decode_rate < 120


def test_text_from_outside_is_tamed() -> None:
    """An error text becomes one short line that cannot steer a terminal."""
    attempt, _ = attempt_at((error(500, "a\x1b[31m\n\tb " + "x" * 900),))
    assert attempt.error is not None
    assert attempt.error.message.startswith("a [31m b xxx")
    assert len(attempt.error.message) == 500
