"""What looks prove of a server: the decision alone, without any server."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.backend import BACKEND_STATES, BackendState, Engine
from probes.backends.look import Memory, Moment, as_backend, decide
from probes.backends.sight import Life, Sight, Work

PATIENCE: Final = 60.0
SERVING: Final = frozenset({"idle", "busy"})


def at(seconds: float) -> Moment:
    return Moment(1_795_219_200.0 + seconds, seconds)


def idle(decodes: float = 0) -> Sight:
    return Sight(life="well", work="told", engine=Engine(running=0, waiting=0), pulse={"decodes": decodes})


def busy(decodes: float = 0, waiting: float = 0) -> Sight:
    return Sight(life="well", work="told", engine=Engine(running=1, waiting=waiting), pulse={"decodes": decodes})


SILENT: Final = Sight(life="silent")
DOWN: Final = Sight(life="refused")
LOADING: Final = Sight(life="loading")
DEAF: Final = Sight(life="well", work="silent")
HEALTHY: Final = Sight(life="well")


def states_of(*looks: tuple[float, Sight]) -> list[BackendState]:
    memory, states = Memory(), []
    for seconds, sight in looks:
        memory = decide(sight, memory, at(seconds), PATIENCE)
        states.append(memory.state)
    return states


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, idle())], "idle", id="no request"),
        pytest.param([(0, busy())], "busy", id="a request, seen once"),
        pytest.param([(0, busy()), (70, busy(5))], "busy", id="a request that moves"),
        pytest.param([(0, busy()), (59, busy())], "busy", id="nothing has moved, not for long"),
        pytest.param([(0, busy()), (60, busy())], "stalled", id="nothing has moved for long"),
        pytest.param([(0, busy()), (60, busy()), (70, busy(1))], "busy", id="it moves again"),
        pytest.param([(0, idle()), (900, idle()), (910, busy())], "busy", id="a request after a long rest"),
        pytest.param([(0, busy()), (60, busy(waiting=9))], "stalled", id="requests that come are no movement"),
        pytest.param([(0, busy(900)), (60, busy(0))], "busy", id="a new process has just begun"),
        pytest.param([(0, Sight(life="well", work="told", engine=Engine(waiting=1)))], "busy", id="one only waits"),
        pytest.param([(0, SILENT)], "stopped", id="silence at the first look"),
        pytest.param([(0, idle()), (10, SILENT)], "unknown", id="one silence after an answer proves nothing"),
        pytest.param([(0, idle()), (10, SILENT), (20, SILENT)], "stopped", id="a second silence does"),
        pytest.param([(0, SILENT), (10, SILENT), (20, idle())], "idle", id="it goes on"),
        pytest.param([(0, idle()), (10, DEAF)], "unknown", id="its work is silent once"),
        pytest.param([(0, busy()), (10, DEAF)], "busy", id="a busy one may be in a long batch"),
        pytest.param([(0, busy()), (10, DEAF), (69, DEAF)], "busy", id="a very long batch"),
        pytest.param([(0, busy()), (10, DEAF), (70, DEAF)], "wedged", id="no batch is that long"),
        pytest.param([(0, DEAF), (60, DEAF), (70, DEAF)], "wedged", id="it stays wedged"),
        pytest.param([(0, DEAF), (60, DEAF), (70, idle())], "idle", id="it is no longer wedged"),
        pytest.param([(0, busy()), (60, DEAF), (61, busy(9)), (62, DEAF), (121, DEAF)], "busy", id="silent twice"),
        pytest.param([(0, idle()), (10, DOWN)], "down", id="no process, at once"),
        pytest.param([(0, DOWN), (10, LOADING)], "loading", id="it starts"),
        pytest.param([(0, busy()), (30, DOWN), (60, LOADING), (90, busy())], "busy", id="a request after a restart"),
        pytest.param([(0, HEALTHY)], "idle", id="it says no more than that it is healthy"),
        pytest.param([(0, idle()), (10, Sight(life="ill"))], "unknown", id="it says that it is ill"),
        pytest.param([(0, idle()), (10, Sight(life="unreachable"))], "unknown", id="the way to it is broken"),
        pytest.param([(0, Sight())], "unknown", id="nothing could be read"),
        pytest.param([(0, Sight(life="asleep"))], "asleep", id="its model is unloaded"),
    ],
)
def test_state(looks: list[tuple[float, Sight]], expected: BackendState) -> None:
    """The last of a row of looks proves the state."""
    assert expected == states_of(*looks)[-1]


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, idle(5))], None, id="one look sees no movement"),
        pytest.param([(0, idle(5)), (10, idle(5))], None, id="nothing has moved"),
        pytest.param([(0, idle(5)), (10, idle(6)), (20, idle(6))], 10, id="a request came and went between two looks"),
        pytest.param([(0, idle(5)), (10, idle(6)), (20, idle(0))], 10, id="a restart is no movement"),
        pytest.param([(0, busy(5)), (10, DEAF), (20, busy(6))], 20, id="it moved through a silence"),
    ],
)
def test_moved_at(looks: list[tuple[float, Sight]], expected: float | None) -> None:
    """Work moves when a number that only rises has risen."""
    memory = Memory()
    for seconds, sight in looks:
        memory = decide(sight, memory, at(seconds), PATIENCE)
    assert memory.moved_at == (None if expected is None else at(expected).at)


SIGHTS: Final = st.builds(
    Sight,
    life=st.sampled_from(Life.__args__),  # type: ignore[attr-defined]  # of a Literal
    work=st.sampled_from(Work.__args__),  # type: ignore[attr-defined]  # the same
    engine=st.builds(Engine, running=st.sampled_from([None, 0, 1]), waiting=st.sampled_from([None, 0, 1])),
    pulse=st.dictionaries(st.sampled_from("ab"), st.integers(0, 3)),
)
ROWS: Final = st.lists(st.tuples(st.integers(0, 100), SIGHTS), min_size=1, max_size=8)


def play(row: list[tuple[int, Sight]], wall: list[float]) -> list[BackendState]:
    memory, steady, states = Memory(), 0.0, []
    for number, (pause, sight) in enumerate(row):
        steady += pause
        memory = decide(sight, memory, Moment(wall[number % len(wall)], steady), PATIENCE)
        states.append(memory.state)
    return states


@given(ROWS)
def test_only_a_healthy_server_serves(row: list[tuple[int, Sight]]) -> None:
    """Whatever came before, a server that did not say that it is healthy is neither idle nor busy."""
    states = play(row, [0.0])
    assert set(states) <= set(BACKEND_STATES)
    assert all(sight.life == "well" for (_, sight), state in zip(row, states, strict=True) if state in SERVING)


@given(ROWS, st.lists(st.floats(-3600, 3600), min_size=1, max_size=8))
def test_the_clock_of_the_wall(row: list[tuple[int, Sight]], wall: list[float]) -> None:
    """Somebody who sets the clock changes no state."""
    assert play(row, wall) == play(row, [0.0])


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0, idle())], (), id="nothing to say"),
        pytest.param([(0, busy()), (70, busy())], ("the lane is busy, and nothing has moved for 70 s",), id="stalled"),
        pytest.param(
            [(0, idle()), (10, DEAF), (80, DEAF)],
            ("the lane's server says that it is healthy, and its work has not answered for 70 s",),
            id="wedged",
        ),
        pytest.param(
            [(0, Sight(life="well", work="told", scrape="forbidden"))],
            ("its metrics page wants another key",),
            id="the scrape is a finding of its own",
        ),
        pytest.param(
            [(0, Sight(life="refused", scrape="refused"))],
            ("the lane's server refuses connections: no process listens",),
            id="the scrape of a dead server is none",
        ),
    ],
)
def test_evidence(looks: list[tuple[float, Sight]], expected: tuple[str, ...]) -> None:
    """A sentence says what a person can act on, once."""
    memory = Memory()
    for seconds, sight in looks:
        memory = decide(sight, memory, at(seconds), PATIENCE)
    seconds, sight = looks[-1]
    assert expected == as_backend("fast", sight, memory, at(seconds)).evidence
