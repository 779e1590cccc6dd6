"""The key stays where it belongs: in one header of one request."""

import asyncio
import copy
import dataclasses
import json
import logging
import pickle
from pathlib import Path

import pytest

from exporter.config import Config
from exporter.config_path import Alias, Gateway
from exporter.errors import ConfigError
from exporter.secret import Secret, read_key
from exporter.snapshot import Snapshot
from fakes.gateway import HEALTHY, PONG, FakeGateway, Step, error, fake_gateway, head, question_to
from probes.attempt import Attempt, ask
from probes.found import ErrorFacts, Found
from probes.layers import Verdict
from probes.ledger import Ledger
from probes.objects import as_object
from probes.outcome import judge
from probes.record import Record
from probes.report import Report
from probes.verdict import root_cause
from probes.waterfall import as_text

CANARY = "sk-canary-7f3a9c"
ECHO = {"x_litellm_model_id": CANARY, "x_litellm_model_api_base": f"http://h/{CANARY}", "x_litellm_model_group": CANARY}


@pytest.mark.parametrize(
    "show",
    [str, repr, "{}".format, "{0!r:>9}".format, lambda secret: f"{secret:>9}", lambda secret: "%s" % secret],  # noqa: UP031
)
def test_secret_shows_nothing(show: object) -> None:
    """No way to make a text of it gives the key."""
    assert callable(show)
    assert show(Secret(CANARY)).strip() == "***"


def test_secret_does_not_travel() -> None:
    """A pickle or a deep copy of it is empty of the key."""
    travelled = pickle.loads(pickle.dumps(Secret(CANARY)))  # noqa: S301  # our own bytes
    assert (travelled.reveal(), copy.deepcopy(Secret(CANARY)).reveal()) == ("***", "***")


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(HEALTHY, id="a healthy stream"),
        pytest.param((error(500, f"received Bearer {CANARY}", kind=CANARY, **ECHO),), id="an error that echoes it"),
        pytest.param((head(500, **ECHO), f"not JSON: {CANARY}".encode()), id="a body that echoes it"),
        pytest.param((head(), PONG, f'data: {{"error":"{CANARY}"}}\n\n'.encode()), id="a stream that echoes it"),
        pytest.param((head(), f"data: {CANARY}\n\n".encode()), id="a chunk that is it"),
        pytest.param((head(**ECHO), *HEALTHY[1:]), id="headers that echo it"),
        pytest.param((f"{CANARY}\r\n\r\n".encode(),), id="a status line that is it"),
        pytest.param((head(302, Location=f"http://{CANARY}/"),), id="a redirect to it"),
        pytest.param((), id="nothing"),
    ],
)
def test_key_leaves_in_one_header_only(steps: tuple[Step, ...], caplog: pytest.LogCaptureFixture) -> None:
    """Whatever a gateway does, the key is in no log, metric, object or text, and it was sent once."""
    caplog.set_level(logging.DEBUG)
    attempt, fake = asyncio.run(_attempt(steps))
    shown = "\n".join((*_everything_shown(attempt), caplog.text, *(str(record.args) for record in caplog.records)))
    assert CANARY not in shown
    assert [request.count(CANARY.encode()) for request in fake.requests] == [1]


def test_prompt_is_not_shown() -> None:
    """An error that quotes the question does not bring it out."""
    question = "0a1b2c3d Count from one to fifty in words."
    record = Record(question_to("http://g"), (question,))
    record.note_error(f"received: {question}".encode())
    assert record.facts(Found())["error"] == ErrorFacts(message="received: …")


async def _attempt(steps: tuple[Step, ...]) -> tuple[Attempt, FakeGateway]:
    async with fake_gateway(steps) as fake:
        return await ask(question_to(fake.url, key=CANARY)), fake


def _everything_shown(attempt: Attempt) -> list[str]:
    alias = Alias(name="fast")
    config = Config(gateway=Gateway(url="http://gateway"), aliases=(alias,))
    outcome, ledger = judge(attempt, alias, ()), Ledger(config)
    ledger.record(alias, attempt, outcome)
    verdict: Verdict = root_cause(outcome, attempt, alias=alias, snapshot=Snapshot(node="n"))
    report = Report(attempt=attempt, outcome=outcome, verdict=verdict, lane="", version="0")
    families = repr(list(ledger.families(Snapshot(node="n"), 0.0)))
    return [repr(attempt), families, json.dumps(as_object(report)), as_text(report, lambda text, _: text)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            b"sk canary", "expected a key of visible ASCII characters, found others (not shown)", id="a space"
        ),
        pytest.param(b"sk-\xff", "expected a key of visible ASCII characters, found others (not shown)", id="no text"),
        pytest.param(b"x" * 9000, "expected a key of at most 8192 characters, found more", id="a large file"),
    ],
)
def test_bad_key_file(content: bytes, message: str, tmp_path: Path) -> None:
    """A key that cannot be sent is refused without being shown."""
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_key(Gateway(url="http://g", key_file=str(path)))
    assert f"{path}: {message}" == str(caught.value)


def test_key_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes before the variable, white space around the key is not part of it, and no key is no error."""
    path = tmp_path / "key"
    path.write_text(" from-file\n")
    gateway = Gateway(url="http://g", key_variable="KEY_OF_THIS_TEST")
    monkeypatch.delenv("KEY_OF_THIS_TEST", raising=False)
    assert not read_key(gateway)
    monkeypatch.setenv("KEY_OF_THIS_TEST", "from-variable")
    assert read_key(gateway).reveal() == "from-variable"
    with_file = Gateway(url="http://g", key_file=str(path), key_variable="KEY_OF_THIS_TEST")
    assert read_key(with_file).reveal() == "from-file"


def test_missing_key_file() -> None:
    """A key file that is not there is a mistake in the configuration."""
    with pytest.raises(ConfigError, match=r"^/nowhere: expected a file that holds the key, found: No such"):
        read_key(Gateway(url="http://g", key_file="/nowhere"))


def test_request_does_not_show_its_key() -> None:
    """The question can be printed."""
    question = question_to("http://g", key=CANARY)
    assert CANARY not in f"{question}{dataclasses.asdict(question)}"
