"""When aliases are probed, on a clock that only the test moves."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Alias, Config, Gateway, Lane
from probes.attempt import Attempt
from probes.ledger import Ledger
from probes.schedule import Clock, ProbeSchedule, first_offset, pause_after, probe_alias


@dataclass
class VirtualTime:
    """A clock that jumps to the next sleeper whenever nothing else can happen."""

    seconds: float = 0.0
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.seconds + seconds, next(self.numbers), future))
        await future

    async def run_until(self, end: float) -> None:
        while True:
            for _ in range(12):  # enough turns of the loop for everyone to go to sleep
                await asyncio.sleep(0)
            if not self.sleepers or self.sleepers[0][0] > end:
                return
            self.seconds, _, future = heapq.heappop(self.sleepers)
            if not future.done():
                future.set_result(None)


@dataclass
class Rig:
    """A schedule whose probes take as long as the test says and answer what it says."""

    aliases: tuple[Alias, ...]
    probe_seconds: float = 0.5
    attempt: Attempt = field(default_factory=lambda: Attempt(alias="fast", status=200))
    chance: float = 0.5
    time: VirtualTime = field(default_factory=VirtualTime)
    started: list[tuple[str, float]] = field(default_factory=list)
    in_flight: list[str] = field(default_factory=list)
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        lanes = tuple(Lane(name=name) for name in sorted({alias.lane for alias in self.aliases if alias.lane}))
        config = Config(gateway=Gateway(url="http://gateway"), aliases=self.aliases, lanes=lanes)
        self.ledger = Ledger(config)
        clock = Clock(now=self.time.now, sleep=self.time.sleep, chance=lambda: self.chance)
        self.schedule = ProbeSchedule(config, self.ledger, probe=self._probe, clock=clock)

    async def _probe(self, alias: Alias) -> Attempt:
        assert alias.name not in self.in_flight
        self.started.append((alias.name, self.time.seconds))
        self.in_flight.append(alias.name)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await self.time.sleep(self.probe_seconds)
        finally:
            self.in_flight.remove(alias.name)
        return self.attempt

    def run(self, seconds: float, during: Callable[["Rig"], Awaitable[None]] | None = None) -> list[float]:
        """Run for so long, then cancel, and return when probes started."""

        async def run() -> None:
            task = asyncio.create_task(self.schedule.run())
            await self.time.run_until(seconds)
            if during is not None:
                await during(self)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert len(asyncio.all_tasks()) == 1  # nothing is left behind

        asyncio.run(run())
        return [at for _, at in self.started]


FAST = Alias(name="fast", interval_seconds=60)


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


@given(
    intervals=st.lists(st.floats(min_value=1, max_value=100), min_size=1, max_size=4),
    lanes=st.lists(st.sampled_from(["", "a", "b"]), min_size=4, max_size=4),
    probe_seconds=st.floats(min_value=0, max_value=50),
    chance=st.floats(min_value=0, max_value=1),
)
def test_never_too_often(intervals: list[float], lanes: list[str], probe_seconds: float, chance: float) -> None:
    """Whatever the configuration, no alias is probed more often than its grid has slots."""
    aliases = tuple(
        Alias(name=f"alias-{number}", lane=lanes[number], interval_seconds=interval)
        for number, interval in enumerate(intervals)
    )
    rig = Rig(aliases, probe_seconds=probe_seconds, chance=chance)
    rig.run(300)
    for alias in aliases:
        starts = [at for name, at in rig.started if name == alias.name]
        assert len(starts) <= 300 / alias.interval_seconds + 2


@pytest.mark.parametrize(
    ("attempt", "pause"),
    [
        pytest.param(Attempt(alias="fast", status=200), 0, id="a good answer asks for none"),
        pytest.param(Attempt(alias="fast", status=429), 30, id="429 without a time"),
        pytest.param(Attempt(alias="fast", status=429, retry_after_seconds=5), 30, id="429 with a short time"),
        pytest.param(Attempt(alias="fast", status=429, retry_after_seconds=90), 90, id="429 with a time"),
        pytest.param(Attempt(alias="fast", status=429, retry_after_seconds=9e9), 300, id="429 with an absurd time"),
    ],
)
def test_pause(attempt: Attempt, pause: float) -> None:
    """A gateway that says it is asked too often is left alone, but not for ever."""
    assert pause == pause_after(attempt)


def test_rate_limited_alias_is_probed_at_most_twice_a_minute() -> None:
    """A fast schedule slows down while it is refused."""
    rig = Rig((Alias(name="fast", interval_seconds=1),), probe_seconds=0.1, attempt=Attempt(alias="fast", status=429))
    assert len(rig.run(600)) <= 21


def test_probe_now_joins_the_one_in_flight() -> None:
    """However many ask at once, one probe is sent, and all get its answer."""

    async def ask(rig: Rig) -> None:
        asked = [asyncio.create_task(rig.schedule.probe_now(FAST)) for _ in range(100)]
        await rig.time.run_until(31)
        assert {id(await one) for one in asked} == {id(rig.attempt)}

    starts = Rig((FAST,)).run(30, ask)
    assert len(starts) == 2


def test_cancelling_ends_a_probe_in_flight() -> None:
    """A stop does not wait for a slow gateway, and enters nothing."""
    rig = Rig((FAST,), probe_seconds=1e6)
    rig.run(10)
    assert rig.in_flight == []
    assert rig.ledger.account("fast").last is None


def test_each_attempt_is_recorded_and_announced() -> None:
    """After each probe the ledger has it and whoever prepares pages is told."""
    rig, told = Rig((FAST,)), list[int]()
    rig.schedule.on_change = lambda: told.append(sum(rig.ledger.account("fast").outcomes.values()))
    rig.run(125)
    assert told == [1, 2, 3]


def test_offset_is_the_same_at_each_start() -> None:
    """The offset depends on the name only and is at most two seconds, or the interval."""
    assert first_offset(FAST) == first_offset(Alias(name="fast"))
    assert all(0 <= first_offset(Alias(name=str(number), interval_seconds=1)) <= 1 for number in range(100))


def test_unreadable_key_is_an_attempt_that_failed() -> None:
    """A key file that went away is data, not the end of probing."""
    config = Config(gateway=Gateway(url="http://127.0.0.1:9", key_file="/nowhere"), aliases=(FAST,))
    attempt = asyncio.run(probe_alias(config, FAST))
    assert (attempt.failure, attempt.failure_words[:9]) == ("error", "/nowhere:")
