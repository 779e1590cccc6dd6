"""The verdicts as series, and in words at /explain."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from exporter import catalogue, words
from exporter.config import Config
from exporter.config_path import Gateway
from exporter.exposition import Exposition
from exporter.history import History
from exporter.metric import Metric
from exporter.route import Request
from exporter.snapshot import Snapshot
from exporter.status import AliasStatus
from exporter.status_rows import status_of
from fakes.alias_world import FAST, LANE, NOW, POD, answered, card, direct, refused, server, well, world
from fakes.shown import IDENTITY
from probes.first_token_cause import FIRST_TOKEN_CAUSES
from probes.layer.case import Probed
from probes.layers import CAUSES, LAYER_STATES, LAYERS
from probes.ledger import Ledger
from probes.verdict_families import Verdicts

CONFIG = Config(gateway=Gateway(url="http://gateway.example.com:4000"), aliases=(FAST,), lanes=(LANE,))
SLOW = answered("slow", first=4.0)
HOT = world(POD, cards=(card(clock_events={"hw_thermal": True}),))


def verdicts(*entries: Probed) -> tuple[Verdicts, Ledger]:
    ledger = Ledger(CONFIG)
    for entry in entries:
        enter(ledger, entry)
    return Verdicts(CONFIG, ledger), ledger


def enter(ledger: Ledger, entry: Probed) -> None:
    record = ledger.record_direct if entry.attempt.target == "direct" else ledger.record
    record(FAST, entry.attempt, entry.outcome)


def series(of: Verdicts, metric: Metric, snapshot: Snapshot, now: float = NOW) -> Mapping[tuple[str, ...], float]:
    families = {family.metric: family for family in of.families(snapshot, now)}
    return {sample.labels: sample.value for sample in families[metric].samples}


def ones(of: Verdicts, metric: Metric, snapshot: Snapshot, now: float = NOW) -> list[tuple[str, ...]]:
    return [labels[1:] for labels, value in series(of, metric, snapshot, now).items() if value]


def test_every_cause_has_a_series() -> None:
    """The cause is one-hot over the closed list, from before the first probe: unknown, not none."""
    of, _ = verdicts()
    expected = {("fast", cause): float(cause == "unknown") for cause in CAUSES}
    assert expected == series(of, catalogue.ALIAS_ROOT_CAUSE, well())


def test_every_layer_has_one_state() -> None:
    """Each layer has a series a state, and exactly one of them is 1."""
    of, _ = verdicts(answered())
    found = series(of, catalogue.ALIAS_LAYER, well())
    assert {("fast", layer, state) for layer in LAYERS for state in LAYER_STATES} == set(found)
    assert sorted(ones(of, catalogue.ALIAS_LAYER, well())) == sorted((layer, "ok") for layer in LAYERS)


def test_cause_of_a_late_first_token_is_of_the_time_of_its_probe() -> None:
    """A card that was hot then explains the late token still when it is cool; the next probe is judged anew."""
    of, ledger = verdicts(SLOW)
    assert ones(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, HOT) == [("throttling",)]
    assert ones(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, well()) == [("throttling",)]
    enter(ledger, answered("slow", first=4.0, at=NOW + 28))
    assert ones(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, well()) == [("unknown",)]


def test_no_first_token_no_cause_of_it() -> None:
    """Where no first token was seen there is no series that says why it was late."""
    of, ledger = verdicts(refused())
    assert series(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, well()) == {}
    enter(ledger, answered())
    assert set(series(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, well())) == {("fast", one) for one in FIRST_TOKEN_CAUSES}


def test_lanes_own_steady_state_is_learnt() -> None:
    """What a card held while the lane was in time is what later memory is compared with."""
    nearly_full = world(POD, cards=(card(memory_used_bytes=int(23.9 * (1 << 30))),))
    of, ledger = verdicts(answered())
    assert ones(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, well()) == [("none",)]
    enter(ledger, SLOW)
    assert ones(of, catalogue.ALIAS_FIRST_TOKEN_CAUSE, nearly_full) == [("vram",)]


def test_verdict_stands_while_the_lane_is_asked() -> None:
    """A failure that comes again does not change its cause for the second that the lane is being asked."""
    of, ledger = verdicts(refused(at=NOW - 30), refused(), direct())
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well()) == [("network",)]
    enter(ledger, refused(at=NOW + 28))
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well(), NOW + 29.5) == [("network",)]
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well(), NOW + 60) == [("backend_process",)]


def test_nothing_is_named_while_the_lane_is_asked() -> None:
    """What only the outcome speaks for waits for the lane's own answer; what is proven is told at once."""
    of, _ = verdicts(refused())
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well()) == [("unknown",)]
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well(), NOW + 9) == [("backend_process",)]
    lost, _ = verdicts(refused())
    assert ones(lost, catalogue.ALIAS_ROOT_CAUSE, world(POD, cards=(card(unavailable="lost"),))) == [("device",)]


def test_once_is_no_proof() -> None:
    """A lane that answers us right after one failure may have begun anew or been busy: only the second tells."""
    of, ledger = verdicts(refused(), direct())
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well()) == [("unknown",)]
    enter(ledger, refused(at=NOW + 28))
    enter(ledger, direct(at=NOW + 29))
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, well(), NOW + 30) == [("network",)]


def test_a_lane_that_works_for_users_is_cleared() -> None:
    """When the lane is seen busy and moving at the next due time, what broke in it before is no cause any more."""
    of, ledger = verdicts(refused(), direct("connect", first=None))
    busy = world(POD, backend=server("busy"))
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, busy) == [("backend_process",)]
    ledger.record_skip(FAST, "skipped_busy", at=0.0, is_passive=True)
    assert ones(of, catalogue.ALIAS_ROOT_CAUSE, busy) == [("none",)]


def explained(of: Verdicts, **query: str) -> tuple[int, str]:
    reply = asyncio.run(of.explain(Request(query=query)))
    return reply.status, reply.body.decode()


def test_explanation() -> None:
    """The page tells every layer in order with its evidence, and neither an address nor a key."""
    of, _ = verdicts(refused(), direct("connect", first=None))
    list(of.families(world(POD, backend=server("down")), NOW))
    status, body = explained(of, alias="fast")
    told = json.loads(body)
    (one,) = told["aliases"]
    assert (status, told["schema"], one["alias"], one["cause"]) == (200, 1, "fast", "backend_process")
    assert [row["layer"] for row in one["layers"]] == list(LAYERS)
    assert {"layer": "driver", "state": "ok", "evidence": ["the driver of node gpu-worker-1 answers"]} in one["layers"]
    assert not any(word in body for word in ("http://", "gateway.example.com", "8080", "4000"))


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"alias": "fast"}, 200, id="a configured alias"),
        pytest.param({}, 200, id="all aliases"),
        pytest.param({"alias": "http://10.0.0.1/"}, 400, id="a name that is not configured"),
    ],
)
def test_names_are_those_of_the_configuration(query: dict[str, str], status: int) -> None:
    """Only configured aliases are explained; another name is not even repeated."""
    of, _ = verdicts()
    found, body = explained(of, **query)
    assert found == status
    assert "10.0.0.1" not in body


def row(of: Verdicts, ledger: Ledger, snapshot: Snapshot) -> AliasStatus:
    """Return what the page for people is made of."""
    page = Exposition({"probes": ledger.families, "verdicts": of.families}).prepare(snapshot, NOW)
    return status_of(page, IDENTITY, NOW, History()).aliases[0]


@pytest.mark.parametrize(
    ("entry", "snapshot", "expected"),
    [
        pytest.param(answered(), well(), ("good", "answers", 0.4, ""), id="well"),
        pytest.param(
            SLOW, HOT, ("quiet", "it answers too late", 4.0, "the card is held back by heat or power"), id="late"
        ),
        pytest.param(refused(at=NOW - 9), well(), ("bad", "the server of its lane fails", None, ""), id="refused"),
    ],
)
def test_what_the_page_for_people_says(entry: Probed, snapshot: Snapshot, expected: tuple[object, ...]) -> None:
    """The cause in words; of an alias that does not answer no time of yesterday."""
    found = row(*verdicts(entry), snapshot)
    assert (found.light, found.words, found.first_token_seconds, found.late) == expected


def test_every_layer_is_a_light_in_its_order() -> None:
    """From the node up; the one that is the cause is bad."""
    found = row(*verdicts(refused(at=NOW - 9)), well())
    assert tuple(one.layer for one in found.layers) == LAYERS
    assert [one.layer for one in found.layers if one.light == "bad"] == ["backend_process"]


def test_the_words_of_the_page_know_every_layer_and_cause() -> None:
    """A layer without words would be a light without a name."""
    assert tuple(words.LAYERS) == LAYERS
    assert [cause for cause in FIRST_TOKEN_CAUSES if cause != "none" and not words.explain_late(cause)] == []
    assert words.explain_late("none") == ""
