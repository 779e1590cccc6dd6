"""When aliases are probed, on a clock that only the test moves."""

import asyncio
import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config_path import Alias
from fakes.probing import DEAD, GOOD, LIMITED, Rig
from probes.attempt import Attempt
from probes.schedule import first_offset

FAST = Alias(name="fast", interval_seconds=60)
CHAT = Alias(name="chat", interval_seconds=60)
OVERLOADED = Attempt(alias="fast", status=503)
ALIASES = st.lists(
    st.builds(
        Alias,
        name=st.just("alias"),
        lane=st.sampled_from(["", "a", "b"]),
        interval_seconds=st.floats(min_value=1, max_value=100),
        direct=st.sampled_from(["on_failure", "always", "never"]),
    ),
    min_size=1,
    max_size=4,
).map(lambda found: tuple(_named(alias, number) for number, alias in enumerate(found)))


def _named(alias: Alias, number: int) -> Alias:
    return Alias(name=f"alias-{number}", lane=alias.lane, interval_seconds=alias.interval_seconds, direct=alias.direct)


def test_first_probe_comes_at_once() -> None:
    """Within two seconds of the start every alias is probed, not all in the same instant."""
    aliases = tuple(Alias(name=f"alias-{number}") for number in range(20))
    starts = Rig(aliases, probe_seconds=0.0).run(2.0)
    assert len(starts) == 20
    assert len(set(starts)) == 20


def test_grid_does_not_drift() -> None:
    """Probes that take time do not push the later ones: an hour has sixty of them."""
    starts = Rig((FAST,), probe_seconds=7.0).run(3600)
    assert [round(at - starts[0], 6) for at in starts] == [60.0 * number for number in range(60)]


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_jitter_is_a_tenth(chance: float) -> None:
    """A probe comes at most a tenth of the interval early or late."""
    starts = Rig((FAST,), chance=chance, probe_seconds=0.0).run(600)
    shifts = {round(at - starts[0] - 60 * number, 6) for number, at in enumerate(starts[1:], 1)}
    assert shifts == {(2 * chance - 1) * 6.0}


def test_missed_slots_are_not_made_up_for() -> None:
    """A probe that outlasts its interval is followed by one probe, not by a burst."""
    starts = Rig((FAST,), probe_seconds=150.0).run(1000)
    assert [round(at - starts[0], 6) for at in starts] == [0, 180, 360, 540, 720, 900]


def test_aliases_of_one_lane_take_turns() -> None:
    """Two aliases that share a lane never load it at once; two lanes may be probed together."""
    same = Rig(tuple(Alias(name=name, lane="a", interval_seconds=5) for name in ("x", "y", "z")), probe_seconds=3.0)
    same.run(100)
    assert same.most_in_flight == 1
    apart = Rig(tuple(Alias(name=name, lane=name, interval_seconds=5) for name in ("x", "y", "z")), probe_seconds=3.0)
    apart.run(100)
    assert apart.most_in_flight == 3


@settings(max_examples=40)
@given(
    aliases=ALIASES,
    probe_seconds=st.floats(min_value=0, max_value=50),
    chance=st.floats(min_value=0, max_value=1),
    gateway=st.sampled_from([GOOD, DEAD]),
)
def test_never_too_often_and_never_two_at_once(
    aliases: tuple[Alias, ...], probe_seconds: float, chance: float, gateway: object
) -> None:
    """Whatever the configuration, no alias gets more turns than its grid has slots, and no lane two questions."""
    rig = Rig(aliases, probe_seconds=probe_seconds, chance=chance, gateway=gateway)  # type: ignore[arg-type]  # sampled
    rig.run(300)
    for alias in aliases:
        questions = [question for question, _ in rig.asked if question.alias == alias.name]
        assert max(Counter(question.target for question in questions).values()) <= 300 / alias.interval_seconds + 2
    lane_of = {alias.name: alias.lane or alias.name for alias in aliases}
    spans = sorted((at, lane_of[question.alias]) for question, at in rig.asked)
    for lane in set(lane_of.values()):
        starts = [at for at, name in spans if name == lane]
        assert all(later - earlier >= probe_seconds - 1e-6 for earlier, later in itertools.pairwise(starts))


@settings(max_examples=20)
@given(jumps=st.lists(st.floats(min_value=-3600, max_value=3600), min_size=1, max_size=5))
def test_jumps_of_the_wall_clock_change_nothing(jumps: list[float]) -> None:
    """A clock that is set, back or forward, neither doubles nor drops a probe."""
    offsets = itertools.cycle([1_000_000.0 + jump for jump in jumps])
    jumping = Rig((FAST,), wall_offset=lambda: next(offsets)).run(1800)
    assert jumping == Rig((FAST,)).run(1800)


def test_rate_limited_alias_is_probed_at_most_twice_a_minute() -> None:
    """A fast schedule slows down while it is refused."""
    rig = Rig((Alias(name="fast", interval_seconds=1),), probe_seconds=0.1, gateway=LIMITED)
    assert len(rig.run(600)) <= 21


def test_overloaded_gateway_is_asked_less_and_less() -> None:
    """A 503 that comes again and again doubles the wait, up to half a minute; the first good answer ends it."""
    rig = Rig((Alias(name="fast", interval_seconds=1),), probe_seconds=0.0, gateway=OVERLOADED)
    starts = rig.run(200)
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(starts)]
    assert waits[:7] == [1, 2, 4, 8, 16, 30, 30]


def test_stop_ends_what_is_asked_out_of_turn() -> None:
    """Nobody waits at the end for a question that somebody asked for."""
    rig = Rig((FAST, CHAT), probe_seconds=1e6)

    async def ask(rig: Rig) -> None:
        waiting = asyncio.create_task(rig.turns.demand(CHAT, "gateway"))
        await rig.time.run_until(rig.time.seconds + 1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    rig.run(0.001, ask)
    assert rig.in_flight == []


def test_cancelling_ends_a_probe_in_flight() -> None:
    """A stop does not wait for a slow gateway, and enters nothing."""
    rig = Rig((FAST,), probe_seconds=1e6)
    rig.run(10)
    assert rig.in_flight == []
    assert rig.ledger.account("fast").last is None


def test_offset_is_the_same_at_each_start() -> None:
    """The offset depends on the name only and is at most two seconds, or the interval."""
    assert first_offset(FAST) == first_offset(Alias(name="fast"))
    assert all(0 <= first_offset(Alias(name=str(number), interval_seconds=1)) <= 1 for number in range(100))
