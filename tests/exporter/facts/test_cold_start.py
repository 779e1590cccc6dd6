"""The phases of one start, as one look at its pod shows them."""

from dataclasses import replace
from typing import Final

import pytest

from exporter.cluster import Container, ImagePull, Pod, Termination
from exporter.facts.cold_start import LATEST_FIRST_TOKEN, is_new, server_of, starts

_SERVER: Final = Container(name="server", asks_gpu=True, is_ready=True, started_at=120.0)
_READY: Final = Pod(
    namespace="vllm",
    name="fast-1",
    uid="u1",
    lane="fast",
    phase="Running",
    is_ready=True,
    containers=(_SERVER,),
    created_at=100.0,
    scheduled_at=101.5,
    sandbox_at=103.0,
    ready_changed_at=180.0,
)
_FOUR: Final = {"scheduling": 1.5, "image_pull": 17.0, "model_load": 60.0, "warm_up": 4.5}
_CRASHED: Final = Termination(reason="Error", exit_code=1, started_at=120.0, at=150.0)
_RESTARTED: Final = replace(_SERVER, restarts=1, started_at=155.0, last=_CRASHED)


def _pull(seconds: float) -> ImagePull:
    return ImagePull(namespace="vllm", pod="fast-1", pod_uid="u1", seconds=seconds, at=119.0)


def _without(*phases: str) -> dict[str, float]:
    return {phase: seconds for phase, seconds in _FOUR.items() if phase not in phases}


@pytest.mark.parametrize(
    ("pod", "pulls", "answered_at", "expected"),
    [
        pytest.param(_READY, (), 184.5, _FOUR, id="all four"),
        pytest.param(_READY, (), None, _without("warm_up"), id="nobody has asked yet"),
        pytest.param(_READY, (), 179.0, _without("warm_up"), id="an answer from before it was ready is another's"),
        pytest.param(
            _READY, (), 180.0 + LATEST_FIRST_TOKEN + 1, _without("warm_up"), id="who asks an hour later did not wait"
        ),
        pytest.param(_READY, (_pull(11.4), _pull(0.6)), 184.5, _FOUR | {"image_pull": 12.0}, id="the kubelet's word"),
        pytest.param(_READY, (_pull(0.0),), 184.5, _FOUR | {"image_pull": 0.0}, id="an image that was there already"),
        pytest.param(
            replace(_READY, sandbox_at=None),
            (),
            184.5,
            _FOUR | {"image_pull": 18.5},
            id="a server that tells no sandbox",
        ),
        pytest.param(
            replace(_READY, is_ready=False, ready_changed_at=100.0),
            (),
            184.5,
            _without("model_load", "warm_up"),
            id="it loads",
        ),
        pytest.param(
            replace(
                _READY, is_ready=False, containers=(replace(_SERVER, started_at=None, waiting="ImagePullBackOff"),)
            ),
            (_pull(3.0),),
            None,
            {"scheduling": 1.5},
            id="one image of several is pulled",
        ),
        pytest.param(replace(_READY, scheduled_at=None, sandbox_at=None, containers=()), (), None, {}, id="pending"),
        pytest.param(
            replace(_READY, created_at=102.0, sandbox_at=121.0, ready_changed_at=119.0),
            (),
            119.0,
            {"scheduling": 0.0, "image_pull": 0.0, "model_load": 0.0, "warm_up": 0.0},
            id="clocks that disagree",
        ),
        pytest.param(
            replace(_READY, is_ready=False, containers=(replace(_SERVER, started_at=None, ended=_CRASHED),)),
            (),
            None,
            _without("model_load", "warm_up"),
            id="a server that ended at once",
        ),
    ],
)
def test_phases_of_a_new_pod(
    pod: Pod, pulls: tuple[ImagePull, ...], answered_at: float | None, expected: dict[str, float]
) -> None:
    """A phase that has not ended, or cannot be told, is absent; none is ever negative."""
    (start,) = starts(pod, pulls, answered_at)
    assert (start.run, dict(start.phases)) == (0, expected)


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(
            replace(_READY, containers=(_RESTARTED,)),
            [(0, _without("model_load", "warm_up")), (1, {"model_load": 25.0, "warm_up": 4.5})],
            id="ready again",
        ),
        pytest.param(
            replace(_READY, containers=(_RESTARTED,), ready_changed_at=150.0),
            [(0, _without("model_load", "warm_up")), (1, {})],
            id="ready since before this run: that was the run before",
        ),
        pytest.param(
            replace(_READY, containers=(replace(_RESTARTED, restarts=2),)),
            [(0, {"scheduling": 1.5}), (2, {"model_load": 25.0, "warm_up": 4.5})],
            id="the first run is forgotten",
        ),
    ],
)
def test_a_restart_is_a_start_of_two_phases(pod: Pod, expected: list[tuple[int, dict[str, float]]]) -> None:
    """Its node and its image are there: only loading and warming up are done again."""
    assert [(start.run, dict(start.phases)) for start in starts(pod, (), 184.5)] == expected


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        pytest.param(
            (Container(name="a"), Container(name="b", asks_gpu=True)), "b", id="the one that asks for the GPU"
        ),
        pytest.param((Container(name="i", is_init=True, asks_gpu=True), Container(name="a")), "a", id="else the first"),
        pytest.param((), None, id="none that is known yet"),
    ],
)
def test_which_container_is_the_server(containers: tuple[Container, ...], expected: str | None) -> None:
    """The model is loaded by the container that has the card."""
    server = server_of(replace(_READY, containers=containers))
    assert (server.name if server else None) == expected


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [(1000.0, True), (950.0, True), (900.0, False), (None, True)],
    ids=["made since", "clocks may differ by a minute", "it joined its pool later", "nobody knows"],
)
def test_whether_a_pod_is_of_our_time(created_at: float | None, expected: bool) -> None:  # noqa: FBT001  # a table
    """A pod that is older than the watcher and comes into sight late has a past that nobody here saw."""
    assert is_new(replace(_READY, created_at=created_at), 1000.0) is expected
