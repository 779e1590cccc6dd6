"""When a lane counts as cold."""

import pytest

from exporter.backend import Backend, Backends, BackendState
from exporter.cluster import Pod, Workloads
from exporter.snapshot import Snapshot
from probes.temperature import Temperatures

NOTHING = Snapshot(node="n")
WALL = 1_000_000.0


def pod(name: str, ready_ago: float | None, *, is_ready: bool = True, lane: str = "a") -> Pod:
    at = None if ready_ago is None else WALL - ready_ago
    return Pod(
        namespace="vllm", name=name, uid=name, lane=lane, phase="Running", is_ready=is_ready, ready_changed_at=at
    )


@pytest.mark.parametrize(
    ("state", "ago", "expected"),
    [
        pytest.param("loading", 59.0, True, id="it loaded a minute ago"),
        pytest.param("loading", 61.0, False, id="it loaded longer ago"),
        pytest.param("down", 10.0, True, id="it was not there"),
        pytest.param("asleep", 10.0, True, id="its model was unloaded"),
        pytest.param("idle", 10.0, False, id="it was there all the time"),
        pytest.param("busy", 10.0, False, id="it worked"),
        pytest.param("stopped", 10.0, False, id="a process that was stopped is loaded"),
        pytest.param("unknown", 10.0, False, id="it was not seen"),
    ],
)
def test_cold_by_its_server(*, state: BackendState, ago: float, expected: bool) -> None:
    """A server that was seen not to serve yet is cold for the configured time."""
    now = [100.0]
    temperatures = Temperatures(60.0, lambda: now[0])
    temperatures.note_all(Snapshot(node="n", backends=Backends(by_lane={"a": Backend(lane="a", state=state)})))
    now[0] += ago
    assert expected == temperatures.is_cold("a", NOTHING, WALL)
    assert not temperatures.is_cold("b", NOTHING, WALL)


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        pytest.param((pod("x", 59.0),), True, id="its pod became ready just now"),
        pytest.param((pod("x", 60.0),), False, id="its pod has been ready for long"),
        pytest.param((pod("x", 5.0), pod("y", 600.0)), False, id="an older pod may have answered"),
        pytest.param((pod("x", 5.0, is_ready=False),), False, id="a pod that is not ready answers nobody"),
        pytest.param((pod("x", None),), False, id="since when is not known"),
        pytest.param((pod("x", -5.0),), False, id="a time to come proves nothing"),
        pytest.param((pod("x", 5.0, lane="b"),), False, id="another lane's pod"),
        pytest.param((), False, id="no pod is known"),
    ],
)
def test_cold_by_its_pods(*, pods: tuple[Pod, ...], expected: bool) -> None:
    """Where pods are known, their readiness tells of a start that no look saw."""
    snapshot = Snapshot(node="n", workloads=Workloads(pods=pods))
    assert expected == Temperatures(60.0, lambda: 0.0).is_cold("a", snapshot, WALL)


def test_nothing_is_cold_for_no_time() -> None:
    """A configured time of 0 turns it off."""
    temperatures = Temperatures(0.0, lambda: 0.0)
    temperatures.note_loading("a")
    assert not temperatures.is_cold("a", Snapshot(node="n", workloads=Workloads(pods=(pod("x", 0.0),))), WALL)


def test_no_lane_is_never_cold() -> None:
    """An alias that any lane may serve has no start."""
    stray = Workloads(pods=(pod("x", 1.0, lane=""),))
    assert not Temperatures(60.0, lambda: 0.0).is_cold("", Snapshot(node="n", workloads=stray), WALL)
