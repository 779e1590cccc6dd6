"""A password and a token that can be recognised: whatever an agent echoes, they are seen in one header only."""

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import pytest

from exporter.config_agents import AgentsOf
from exporter.snapshot import Agents
from exporter.sources.agent_access import AgentAccess
from exporter.sources.agents import AgentsSource
from fakes import reference_node
from fakes.metrics_server import Step, answering, head

_CANARY: Final = 'canary/7f3a+9c"d'  # its forms in a URL, in JSON and in a header differ from it
_PAIR: Final = base64.b64encode(f"carol:{_CANARY}".encode()).decode()
_FORMS: Final = (_CANARY, quote(_CANARY, safe=""), json.dumps(_CANARY)[1:-1], _CANARY[:8])
_OF_A_PAIR: Final = (_PAIR, quote(_PAIR, safe=""), _PAIR[:8])
_ELSEWHERE: Final = f'lanewatch_gpus{{node="{quote(_CANARY, safe="")}",view="driver"}} 1\n'
_NODE: Final = "gpu-worker-1"
_PAGE: Final = reference_node.page().text.plain
_NAMED: Final = _PAGE.replace(b"RTX PRO 4000", json.dumps(_CANARY)[1:-1].encode())
_SAID: Final = f"received Basic {_PAIR}, which is {_CANARY}, or {quote(_CANARY, safe='')}".encode()
_DOORS: Final[Mapping[str, Mapping[str, str]]] = {
    "a password": {"username": "carol", "password_file": "secret"},
    "a token": {"bearer_token_file": "secret"},
}
_ECHOES: Final[Mapping[str, tuple[Step, ...]]] = {
    "a refusal that echoes it": (head(401), _SAID),
    "a failure that is cut within it": (head(500), b"x" * 110 + _SAID[15:]),
    "a web page that echoes it": (head(), b"<html>" + _SAID),
    "a coding that is it": (head(Content_Encoding=_CANARY), b""),
    "a coding that is the header": (head(Content_Encoding=_PAIR), b""),
    "a status line that is it": (_CANARY.encode() + b"\r\n\r\n",),
    "a header that is bad": (b"HTTP/1.1 200 OK\r\n" + _SAID + b"\r\n\r\n",),
    "a redirect to it": (head(302, Location=f"http://h/?key={quote(_CANARY, safe='')}"),),
    "a page of another node": (
        head(),
        f'lanewatch_gpus{{node="{quote(_CANARY, safe="")}",view="driver"}} 1\n'.encode(),
    ),
    "metrics that say it": (head(), _PAGE + b"# " + _SAID),
    "a card that is named so": (head(), _NAMED),
    "nothing": (),
}


@pytest.mark.parametrize("door", _DOORS)
@pytest.mark.parametrize("echo", _ECHOES)
def test_what_is_shown_to_an_agent_does_not_come_back(
    echo: str, door: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "secret"
    path.write_text(_CANARY)
    named = {key: str(path) if value == "secret" else value for key, value in _DOORS[door].items()}
    agents = asyncio.run(_asked(named, _ECHOES[echo]))
    assert agents.by_node == {}
    assert list(agents.silent) == [_NODE]
    shown = "\n".join((repr(agents), caplog.text, *(str(record.args) for record in caplog.records)))
    forms = (*_FORMS, *_OF_A_PAIR) if "username" in named else _FORMS
    assert [form for form in forms if form in shown] == []


def test_a_password_that_is_a_word_of_the_page_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    """A weak password is not ours to punish with cards that are not seen."""
    path = tmp_path / "secret"
    path.write_text("lanewatch")
    named = {"username": "carol", "password_file": str(path)}
    assert list(asyncio.run(_asked(named, (head(), _PAGE))).by_node) == [_NODE]


def test_what_opens_the_doors_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(_CANARY)
    access = AgentAccess(msgspec.convert({"username": "carol", "password_file": str(path)}, AgentsOf)).now()
    assert [form for form in (*_FORMS, *_OF_A_PAIR) if form in f"{access}{access.secrets}{access.authorization}"] == []
    assert access.headers() == {"Authorization": f"Basic {_PAIR}"}


def test_a_page_without_it_would_have_been_taken() -> None:
    """Or the table above would say nothing of the two that hold it."""
    assert list(asyncio.run(_asked({}, (head(), _NAMED))).by_node) == [_NODE]
    assert _CANARY in repr(asyncio.run(_asked({}, (head(), _NAMED))))


async def _asked(named: Mapping[str, str], steps: tuple[Step, ...]) -> Agents:
    async with answering(steps) as url:
        source = AgentsSource(msgspec.convert({"urls": {_NODE: url}, **named}, AgentsOf), [])
        try:
            return await source.read()
        finally:
            await source.close()
