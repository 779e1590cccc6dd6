"""What happens to a lane's pods is counted once, from the beginning of the watcher on."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Container, Controller, Pod, Termination, Workloads
from exporter.collectors.lane_events import LaneEventCollector
from exporter.config_cluster import Pool
from exporter.facts.lane_events import EVENTS, Seen, look
from exporter.snapshot import Snapshot
from exporter.sources.pod_json import read_pod
from fakes import k8s_fixtures

_POOL: Final = Pool(name="llm", labels={"gpu-llm": "true"})
_LANE: Final = Controller(namespace="vllm", name="fast", desired_replicas=1, labels=_POOL.labels)
_SERVER: Final = Container(name="server", asks_gpu=True, started_at=1020.0)
_LOADING: Final = Pod(
    namespace="vllm",
    name="fast-1",
    uid="u1",
    lane="fast",
    phase="Running",
    labels=_POOL.labels,
    containers=(_SERVER,),
    created_at=1000.0,
    ready_changed_at=1002.0,
)
_READY: Final = replace(_LOADING, is_ready=True, ready_changed_at=1080.0, containers=(replace(_SERVER, is_ready=True),))
_OOM: Final = Termination(reason="OOMKilled", exit_code=137, started_at=1020.0, at=1100.0)
_ERROR: Final = replace(_OOM, reason="Error", exit_code=1)
_DONE: Final = replace(_OOM, reason="Completed", exit_code=0)


def _ended(pod: Pod, run: Termination, *, waiting: str = "") -> Pod:
    """Return the pod after a run of its server ended: not ready, since then only if it was ready before."""
    server = replace(_SERVER, started_at=None, ended=run)
    if waiting:
        server = replace(_SERVER, started_at=None, last=run, waiting=waiting)
    changed_at = run.at if pod.is_ready else pod.ready_changed_at
    return replace(pod, is_ready=False, ready_changed_at=changed_at, containers=(server,))


def _restarted(pod: Pod, run: Termination, number: int = 1) -> Pod:
    """Return the pod with the next run of its server under way."""
    began_at = (run.at or 0.0) + 10
    server = replace(_SERVER, restarts=number, started_at=began_at, last=run)
    return replace(_ended(pod, run), containers=(server,))


def _flapped(at: float, *, ready: bool) -> Pod:
    return replace(_READY, is_ready=ready, ready_changed_at=at)


def _snapshot(*pods: Pod) -> Snapshot:
    return Snapshot(node="n", workloads=Workloads(pods=pods, controllers=(_LANE,)))


def _counts_after(looks: Iterable[Snapshot], collector: LaneEventCollector | None = None) -> dict[str, float]:
    """Return the counters that are not 0 after a watcher looked so, first at a lane without a pod."""
    collector = collector or LaneEventCollector([_POOL])
    for number, seen in enumerate([_snapshot(), *looks]):
        families = list(collector.collect(seen, 1000.0 + number))
    return {sample.labels[-1]: sample.value for sample in families[0].samples if sample.value}


_AGAIN: Final = _restarted(_READY, _OOM)
_OTHER_OOM: Final = replace(_OOM, started_at=1110.0, at=1200.0)
_LOOPING: Final = _ended(_LOADING, _ERROR, waiting="CrashLoopBackOff")

_Case = tuple[list[Pod], dict[str, float]]

_CASES: Final[Mapping[str, _Case]] = {
    "a start that goes well": ([_LOADING, _READY, _READY], {}),
    "one OOM kill, seen as ended and then as the last run": (
        [_READY, _ended(_READY, _OOM), _AGAIN, _AGAIN],
        {"oom_killed": 1, "readiness_change": 1},
    ),
    "a second one, while the model loads": (
        [_READY, _AGAIN, _restarted(_AGAIN, _OTHER_OOM, 2)],
        {"oom_killed": 2, "readiness_change": 1, "model_load_failure": 1},
    ),
    "a server that ends before it is ready": ([_LOADING, _ended(_LOADING, _ERROR)], {"model_load_failure": 1}),
    "a server that ends well loaded nothing, but failed not": ([_LOADING, _ended(_LOADING, _DONE)], {}),
    "a server that was ready, crashed and is ready again": (
        [_READY, _ended(_READY, _ERROR), _restarted(_READY, _ERROR), replace(_READY, ready_changed_at=1190.0)],
        {"readiness_change": 2},
    ),
    "it was ready and crashed between two looks": ([_LOADING, _ended(_READY, _ERROR)], {"readiness_change": 1}),
    "it crashed and was ready again between two looks": (
        [_READY, replace(_restarted(_READY, _ERROR), is_ready=True, ready_changed_at=1190.0)],
        {"readiness_change": 2},
    ),
    "a lane that is parked while it loads": (
        [_LOADING, replace(_ended(_LOADING, replace(_ERROR, exit_code=143)), is_terminating=True)],
        {},
    ),
    "an eviction is no failure to load": (
        [_LOADING, replace(_ended(_LOADING, _ERROR), reason="Evicted", phase="Failed")],
        {"evicted": 1},
    ),
    "preempted": ([replace(_READY, reason="Preempted", phase="Failed")] * 2, {"evicted": 1}),
    "a crash loop is entered once": (
        [_LOOPING, _restarted(_LOADING, _ERROR), replace(_LOOPING)],
        {"crash_loop": 1, "model_load_failure": 1},
    ),
    "a loop that was left and entered again": (
        [_LOOPING, _READY, _ended(_READY, _OTHER_OOM, waiting="CrashLoopBackOff")],
        {"crash_loop": 2, "model_load_failure": 1, "oom_killed": 1, "readiness_change": 1},
    ),
    "readiness that was lost and came back": (
        [_READY, _flapped(1100, ready=False), _flapped(1105, ready=True)],
        {"readiness_change": 2},
    ),
    "there and back between two looks": ([_READY, _flapped(1105, ready=True)], {"readiness_change": 2}),
    "ready at first, and lost, between two looks": ([_LOADING, _flapped(1105, ready=False)], {"readiness_change": 1}),
    "a pod that is told to go": ([_READY, replace(_flapped(1100, ready=False), is_terminating=True)], {}),
    "a pod that has ended": ([_READY, replace(_flapped(1100, ready=False), phase="Failed")], {}),
}


@pytest.mark.parametrize(("pods", "expected"), _CASES.values(), ids=_CASES)
def test_what_happened(pods: list[Pod], expected: dict[str, float]) -> None:
    """Each thing counts once, however often it is seen."""
    assert _counts_after(_snapshot(pod) for pod in pods) == expected


@given(st.data(), st.sampled_from(list(_CASES.values())))
def test_looking_more_often_counts_no_more(data: st.DataObject, case: _Case) -> None:
    """Looks that show nothing new, blind ones and ones that miss the pod change no counter."""
    pods, expected = case
    looks = []
    for pod in pods:
        fillers = st.sampled_from([_snapshot(replace(pod)), _snapshot(), Snapshot(node="n")])
        looks += [_snapshot(pod), *data.draw(st.lists(fillers, max_size=3))]
    assert _counts_after([*looks, _snapshot(pods[-1])]) == expected


def test_every_counter_of_every_lane_is_born_at_zero() -> None:
    """A parked lane has them too: a series that is born at 1 hides the first event."""
    collector = LaneEventCollector([_POOL])
    (family,) = collector.collect(_snapshot(), 1000.0)
    assert [sample.labels for sample in family.samples] == sorted(("llm", "vllm", "fast", event) for event in EVENTS)
    assert {sample.value for sample in family.samples} == {0.0}


def test_what_happened_before_the_watcher_began_is_not_counted() -> None:
    """The pod of the first look carries its past; what happens to it from then on counts."""
    collector = LaneEventCollector([_POOL])
    (before,) = collector.collect(_snapshot(_AGAIN), 1300.0)
    (after,) = collector.collect(_snapshot(_restarted(_AGAIN, _OTHER_OOM, 2)), 1301.0)
    assert sum(sample.value for sample in before.samples) == 0
    assert {sample.labels[-1]: sample.value for sample in after.samples if sample.value} == {
        "oom_killed": 1,
        "model_load_failure": 1,
    }


def test_a_pod_that_joins_its_pool_late_brings_no_past_along() -> None:
    """It is much older than the watcher, and was not there at the first look."""
    joined = replace(_AGAIN, created_at=100.0)
    assert _counts_after([_snapshot(joined)]) == {}


def test_a_lane_that_is_gone_keeps_its_counters() -> None:
    """A rise that was not scraped yet is not lost with the Deployment."""
    gone = Snapshot(node="n", workloads=Workloads(controllers=(replace(_LANE, name="other"),)))
    assert _counts_after([_snapshot(_ended(_LOADING, _OOM)), gone, gone]) == {"oom_killed": 1, "model_load_failure": 1}


def test_other_pools_and_pods_outside_are_not_counted() -> None:
    """A pod that only asks for a GPU is of no lane of the pool."""
    outside = replace(_ended(_LOADING, _OOM), labels={})
    assert _counts_after([_snapshot(outside)]) == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("pod-running-ready", set(), id="a pod that runs"),
        pytest.param("pod-crashloop", {"crash_loop", "model_load_failure"}, id="a crash loop"),
        pytest.param("pod-imagepull", set(), id="an image that cannot be pulled"),
        pytest.param("pod-pending-insufficient-gpu", set(), id="a pod that waits for a card"),
        pytest.param("pod-failed-unexpected-admission", set(), id="a pod that the kubelet refused"),
    ],
)
def test_what_a_pod_of_the_api_server_shows(name: str, expected: set[str]) -> None:
    """The same out of the API server's own words."""
    (pod,) = [read_pod(one) for one in k8s_fixtures.raw(name, "Pod")]
    assert set(look(Seen(), pod)[1]) == expected


def test_a_collector_of_a_changed_configuration_counts_on() -> None:
    """An event is counted once, by whichever of the two was there; the lanes of a pool that went are gone."""
    before = LaneEventCollector([_POOL])
    _counts_after([_snapshot(_READY), _snapshot(_ended(_READY, _OOM))], before)
    after = LaneEventCollector([Pool(name="other", labels={"x": "y"}), _POOL])
    after.adopt(before)
    assert _counts_after([_snapshot(_ended(_READY, _OOM))], after)["oom_killed"] == 1
    gone = LaneEventCollector([Pool(name="other", labels={"x": "y"})])
    gone.adopt(after)
    assert _counts_after([_snapshot(_READY)], gone) == {}
