"""What a ledger takes over from the one before it, of an older configuration."""

import pytest

from exporter import catalogue as c
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane, Objectives
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.found import Tokens
from probes.ledger import Ledger
from probes.served import Served

_FAST = Alias(name="fast", lane="a", tokens_per_day=1000)
_LANES = (Lane(name="a", url="http://a"), Lane(name="b", url="http://b"))
_ANSWER = Attempt(
    alias="fast",
    started_at=1000.0,
    seconds=1.0,
    status=200,
    phases={"first_chunk": 0.4, "first_token": 0.5, "first_output": 0.5, "complete": 1.0},
    tokens=Tokens(prompt=20, completion=16, cached=8),
    served=Served(model_id="a"),
)


def _config(*aliases: Alias, lanes: tuple[Lane, ...] = _LANES) -> Config:
    return Config(gateway=Gateway(url="http://gateway"), aliases=aliases, lanes=lanes)


def _after(change: Config) -> Ledger:
    """Return a ledger that took over one answer through the gateway and one of the lane."""
    before = Ledger(_config(_FAST))
    before.record(_FAST, _ANSWER, "ok")
    before.record_direct(_FAST, _ANSWER, "ok")
    after = Ledger(change)
    after.adopt(before)
    return after


def _changed(**keys: object) -> Alias:
    return Alias(**{**{name: getattr(_FAST, name) for name in Alias.__struct_fields__}, **keys})


@pytest.mark.parametrize(
    ("alias", "counted", "timed", "is_seen"),
    [
        pytest.param(_FAST, 1, 1, True, id="nothing changed"),
        pytest.param(_changed(interval_seconds=300.0), 1, 1, True, id="another interval"),
        pytest.param(_changed(objectives=Objectives(availability=0.5)), 1, 1, True, id="another share"),
        pytest.param(
            _changed(objectives=Objectives(first_token_seconds=0.77)), 1, 0, True, id="a threshold between two buckets"
        ),
        pytest.param(_changed(lane="b"), 1, 1, False, id="another lane: what was seen of the old one is forgotten"),
        pytest.param(_changed(kind="embeddings"), 0, 0, False, id="another kind of question: all begins anew"),
    ],
)
def test_an_alias_that_stays_counts_on(alias: Alias, counted: int, timed: int, is_seen: bool) -> None:  # noqa: FBT001  # a table
    account = _after(_config(alias)).account("fast")
    times = account.durations.get(("first_token", "warm"), c.PROBE_DURATION.nothing())
    found = account.outcomes["ok"], sum(times.counts), account.last is not None
    assert found == (counted, timed, is_seen)


def test_every_page_of_a_ledger_that_took_over_can_be_made() -> None:
    """Buckets and objectives of another configuration must not be left in it."""
    alias = _changed(objectives=Objectives(first_token_seconds=0.77, total_seconds=5.0))
    after = _after(_config(alias))
    after.record(alias, _ANSWER, "ok")
    families = {family.metric: family for family in after.families(Snapshot(node="n"), 2000.0)}
    edges = {sample.edge for sample in families[c.PROBE_DURATION].samples}
    assert {0.77, 5.0} <= edges
    assert after.account("fast").events["first_token"] == 2


def test_an_alias_and_a_lane_that_come_begin_at_0_and_those_that_go_are_gone() -> None:
    chat = Alias(name="chat", lane="b")
    after = _after(_config(chat, lanes=_LANES[1:]))
    families = {family.metric: family for family in after.families(Snapshot(node="n"), 2000.0)}
    assert {sample.labels[0] for sample in families[c.PROBE_ATTEMPTS].samples} == {"chat"}
    assert sum(sample.value for sample in families[c.PROBE_ATTEMPTS].samples) == 0


def test_what_a_lane_said_itself_is_counted_on() -> None:
    assert _after(_config(_FAST)).lane_account("a", "chat").outcomes["ok"] == 1
