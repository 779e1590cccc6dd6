"""When a lane gave its last first token, out of what the probes entered."""

import asyncio
from dataclasses import replace

import pytest

from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane
from exporter.snapshot import Answers
from probes.answers import ProbeAnswers
from probes.attempt import Attempt
from probes.ledger import Ledger
from probes.served import Served
from probes.wiring import wire_probes

FAST, CHAT = Alias(name="fast", lane="a"), Alias(name="chat")
CONFIG = Config(
    gateway=Gateway(url="http://gateway"),
    aliases=(FAST, CHAT),
    lanes=(Lane(name="a", model_id="lane-a"), Lane(name="b", model_id="lane-b")),
)
ANSWER = Attempt(
    alias="fast", started_at=1000.0, status=200, phases={"first_token": 0.5}, served=Served(model_id="lane-a")
)
DEAD = Attempt(alias="fast", started_at=1100.0, status=500)


def read(*entries: tuple[Alias, Attempt]) -> Answers:
    """Return what the source says after the last of these, having looked after each."""
    ledger = Ledger(CONFIG)
    source = ProbeAnswers(ledger, ["fast", "chat"], CONFIG.lanes)
    for alias, attempt in entries:
        ledger.record(alias, attempt, "ok")
        asyncio.run(source.read())
    return asyncio.run(source.read())


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], {}, id="nothing was probed"),
        pytest.param([(FAST, ANSWER)], {"a": 1000.5}, id="one answer"),
        pytest.param([(FAST, DEAD)], {}, id="no first token"),
        pytest.param([(FAST, ANSWER), (FAST, DEAD)], {"a": 1000.5}, id="an answer, then none"),
        pytest.param([(FAST, replace(ANSWER, failure="timeout"))], {"a": 1000.5}, id="a first token and no last one"),
        pytest.param(
            [(FAST, replace(ANSWER, started_at=1200.0)), (CHAT, ANSWER)], {"a": 1200.5}, id="two aliases of one lane"
        ),
        pytest.param(
            [(FAST, replace(ANSWER, served=Served(model_id="lane-b", fallbacks=1)))],
            {"b": 1000.5},
            id="a fallback answered: it, and not the lane that was asked",
        ),
        pytest.param([(FAST, replace(ANSWER, served=Served(model_id="lane-x")))], {}, id="a lane that nobody knows"),
        pytest.param([(FAST, replace(ANSWER, served=Served()))], {}, id="the gateway does not say who answered"),
    ],
)
def test_the_last_first_token_of_each_lane(entries: list[tuple[Alias, Attempt]], expected: dict[str, float]) -> None:
    """The lane that answered counts, by the names of the configuration; what is not known is absent."""
    assert dict(read(*entries).by_lane) == expected


def test_nothing_new_is_the_same_object() -> None:
    """Facts are made anew only when a part of the snapshot is another object."""
    ledger = Ledger(CONFIG)
    source = ProbeAnswers(ledger, ["fast"], CONFIG.lanes)
    ledger.record(FAST, ANSWER, "ok")
    first = asyncio.run(source.read())
    ledger.record(FAST, DEAD, "http_5xx")
    assert asyncio.run(source.read()) is first


def test_it_is_wired_wherever_something_is_probed() -> None:
    """Its readings go into the snapshot's `answers`; without an alias there is no source that could fail."""
    assert ("answers", "answers") in [(one.name, one.slot) for one in wire_probes(CONFIG).schedules]
    assert wire_probes(Config()).schedules == ()
