"""A key that can be recognised, through every kind of route and every failure: it is seen in one header only."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import pytest

from exporter.config_path import KINDS, Kind
from exporter.secret import Secret
from fakes.gateway import (
    DONE,
    HANG,
    PONG,
    STOP,
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

CANARY: Final = 'sk-canary/7f3a+9c"d'  # its forms in a URL and in JSON differ from it
FORMS: Final = (CANARY, quote(CANARY, safe=""), json.dumps(CANARY)[1:-1])
QUOTED: Final = CANARY.encode()
JSON: Final = "application/json"
ECHO: Final = {
    "x_litellm_model_id": CANARY,
    "x_litellm_model_api_base": f"http://h/?key={quote(CANARY, safe='')}",
    "x_litellm_model_group": CANARY,
    "x_litellm_attempted_fallbacks": CANARY,
    "Retry_After": CANARY,
    "Date": CANARY,
    "Content_Type": CANARY,
}
SAID: Final = f"received Authorization: Bearer {CANARY} at http://g/?key={quote(CANARY, safe='')}"

FAULTS: Final[Mapping[str, tuple[Step, ...]]] = {
    "an error that echoes it": (error(500, SAID, kind=CANARY, x_litellm_model_id=CANARY, Retry_After=CANARY),),
    "an error that is no JSON": (head(401, "text/plain"), SAID.encode()),
    "an error that is cut within it": (head(500), b" " * 8180 + QUOTED + b"x" * 20),
    "an error that never ends": (head(500), SAID.encode(), HANG),
    "headers that echo it": (head(200, JSON, **ECHO), b"{}"),
    "an error in the stream": (head(), PONG, chunk(error={"message": SAID, "type": CANARY, "code": CANARY})),
    "an error event by name": (head(), b"event: error\ndata: " + json.dumps({"said": SAID}).encode() + b"\n\n"),
    "a stream that says it": (head(), chunk({"content": CANARY}, CANARY), STOP, DONE),
    "a stream that ends for it": (head(), PONG, chunk(finish_reason=CANARY), DONE),
    "a chunk that is it": (head(), b"data: " + QUOTED + b"\n\n"),
    "an error in JSON with 200": (whole({"error": {"message": SAID}}),),
    "JSON that says it": (whole({"text": CANARY, "data": [{"id": CANARY, "embedding": CANARY}], "results": CANARY}),),
    "JSON that is it": (head(kind=JSON), QUOTED),
    "a media type that is it": (head(kind=CANARY), QUOTED),
    "a status line that is it": (QUOTED + b"\r\n\r\n",),
    "a header that is bad": (b"HTTP/1.1 200 OK\r\n" + QUOTED + b"\r\n\r\n",),
    "a redirect to it": (head(302, Location=f"http://h/?key={CANARY}"),),
    "silence": (HANG,),
    "nothing": (),
}


def attempt_at(kind: Kind, steps: tuple[Step, ...], key: str = CANARY) -> tuple[Attempt, FakeGateway]:
    async def attempt() -> tuple[Attempt, FakeGateway]:
        async with fake_gateway(steps) as fake:
            return await ask(question_to(fake.url, kind, key=key, timeout=0.3)), fake

    return asyncio.run(attempt())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_key_is_seen_in_one_header(fault: str, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a server echoes, the key is in no fact of the attempt and in no log at debug level; it was sent once."""
    caplog.set_level(logging.DEBUG)
    attempt, fake = attempt_at(kind, FAULTS[fault])
    assert _leaks(attempt, caplog) == []
    assert [request.count(QUOTED) for request in fake.requests] == [1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://lanewatch.invalid", "http://127.0.0.1:9/v1?x"]
)
def test_key_is_not_seen_without_a_connection(url: str, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    """What was never sent is not shown either."""
    caplog.set_level(logging.DEBUG)
    assert _leaks(asyncio.run(ask(question_to(url, kind, key=CANARY, timeout=0.5))), caplog) == []


def test_key_that_no_header_can_hold(caplog: pytest.LogCaptureFixture) -> None:
    """The HTTP library shows such a key in its exception; we do not."""
    caplog.set_level(logging.DEBUG)
    attempt, fake = attempt_at("chat", (HANG,), key=f"{CANARY}\nx")
    assert (attempt.failure, attempt.failure_words, fake.requests) == ("error", "LocalProtocolError", [])
    assert _leaks(attempt, caplog) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"a {CANARY} b {CANARY}", "a *** b ***", id="as it is"),
        pytest.param(f"?key={quote(CANARY, safe='')}&x", "?key=***&x", id="in a URL"),
        pytest.param(json.dumps({"key": CANARY}), '{"key": "***"}', id="in JSON"),
        pytest.param(f"Bearer {CANARY[:9]}", "Bearer ***", id="cut short"),
        pytest.param("ask me", "ask me", id="a word that ends like its beginning"),
    ],
)
def test_key_is_hidden_in_all_its_forms(text: str, expected: str) -> None:
    """A text that holds the key in any form says `***` there."""
    assert expected == Secret(CANARY).hide_in(text)


def _leaks(attempt: Attempt, caplog: pytest.LogCaptureFixture) -> list[str]:
    shown = "\n".join((repr(attempt), caplog.text, *(str(record.args) for record in caplog.records)))
    return [form for form in (*FORMS, CANARY[:10]) if form in shown]
