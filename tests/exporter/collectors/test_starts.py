"""Each start is counted once a phase, whatever the watcher saw of it and in whatever order."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue as c
from exporter.cluster import Container, Controller, Events, ImagePull, Pod, Termination, Workloads
from exporter.collectors.roster import GONE_KEPT
from exporter.collectors.starts import StartCollector
from exporter.config_cluster import Pool
from exporter.facts.cold_start import PHASES
from exporter.metric import Metric
from exporter.snapshot import Answers, Snapshot

_POOL: Final = Pool(name="llm", labels={"gpu-llm": "true"})
_LANE: Final = Controller(namespace="vllm", name="fast", desired_replicas=1, labels=_POOL.labels)
_PULL: Final = 11.0
_LONG_AFTER: Final = 10_000.0

Look = tuple[Pod, bool]
"""The pod, and whether the event of its image is there."""


def _life(uid: str, created: float) -> list[Pod]:
    """Return a pod as it is made, bound, run, ready, crashed, run again and ready again."""
    made = Pod(
        namespace="vllm", name=uid, uid=uid, lane="fast", phase="Pending", labels=_POOL.labels, created_at=created
    )
    server = Container(name="server", asks_gpu=True)
    bound = replace(made, scheduled_at=created + 2, containers=(server,), ready_changed_at=created + 2)
    runs = replace(server, started_at=created + 20)
    loading = replace(bound, phase="Running", sandbox_at=created + 3, containers=(runs,))
    ready = replace(loading, is_ready=True, ready_changed_at=created + 80)
    crash = Termination(reason="Error", exit_code=1, started_at=created + 20, at=created + 200)
    again = replace(server, restarts=1, started_at=created + 210, last=crash)
    reloading = replace(ready, is_ready=False, ready_changed_at=created + 200, containers=(again,))
    return [made, bound, loading, ready, reloading, replace(reloading, is_ready=True, ready_changed_at=created + 250)]


def _snapshot(pods: Iterable[Pod], *, pulled: bool = False, answered: float | None = None) -> Snapshot:
    pods = tuple(pods)
    pulls = [ImagePull(namespace="vllm", pod=pod.name, pod_uid=pod.uid, seconds=_PULL, at=0) for pod in pods]
    return Snapshot(
        node="n",
        workloads=Workloads(pods=pods, controllers=(_LANE,)),
        events=Events(pulls=tuple(pulls) if pulled else ()),
        answers=Answers(by_lane={} if answered is None else {"fast": answered}),
    )


def _collector() -> StartCollector:
    """Return a watcher that has looked once, at a lane without a pod."""
    collector = StartCollector([_POOL])
    list(collector.collect(_snapshot([]), 0.0))
    return collector


def _values(collector: StartCollector, snapshot: Snapshot, now: float, metric: Metric, suffix: str) -> dict[str, float]:
    """Return the value of each phase of the lane."""
    families = {family.metric: family for family in collector.collect(snapshot, now)}
    samples = families[metric].samples if metric in families else ()
    return {sample.labels[-1]: sample.value for sample in samples if sample.suffix == suffix}


def _counts(collector: StartCollector, snapshot: Snapshot, now: float = _LONG_AFTER) -> dict[str, float]:
    return _values(collector, snapshot, now, c.LANE_START_PHASE, "_count")


def _sums(collector: StartCollector, snapshot: Snapshot, now: float = _LONG_AFTER) -> dict[str, float]:
    return _values(collector, snapshot, now, c.LANE_START_PHASE, "_sum")


def _last(collector: StartCollector, snapshot: Snapshot, now: float = _LONG_AFTER) -> dict[str, float]:
    return _values(collector, snapshot, now, c.LANE_START_LAST, "")


def _of(scheduling: int, image_pull: int, model_load: int, warm_up: int) -> dict[str, float]:
    return dict(zip(PHASES, (scheduling, image_pull, model_load, warm_up), strict=True))


def test_a_whole_life_is_two_starts() -> None:
    """A new pod has four phases, the restart of its server two; the latest is the restart."""
    collector = _collector()
    for pod, answered in zip(_life("u1", 1000), (None, None, None, 1085.0, 1085.0, 1252.0), strict=True):
        snapshot = _snapshot([pod], pulled=True, answered=answered)
        list(collector.collect(snapshot, 1000.0))
    assert _counts(collector, snapshot) == _of(1, 1, 2, 2)
    assert _sums(collector, snapshot) == {"scheduling": 2, "image_pull": _PULL, "model_load": 100, "warm_up": 7}
    assert _last(collector, snapshot) == {"model_load": 40, "warm_up": 2}


def test_the_latest_start_is_the_one_that_began_last() -> None:
    """Whichever of two pods stands first in the list, and whichever was ready first."""
    younger, older = _life("u2", 1500)[2], _life("u1", 1000)[3]
    collector = _collector()
    assert _last(collector, _snapshot([younger, older])) == {"scheduling": 2, "image_pull": 17}
    assert _last(collector, _snapshot([older, younger])) == {"scheduling": 2, "image_pull": 17}


def test_a_lane_has_its_histogram_from_its_first_pod_on() -> None:
    """A series that is born at 1 hides the first start; a lane that never had a pod costs nothing."""
    collector = _collector()
    assert _counts(collector, _snapshot([])) == {}
    assert _counts(collector, _snapshot(_life("u1", 1000)[:1])) == _of(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("stage", "shown", "counted"),
    [
        pytest.param(0, {}, _of(1, 1, 1, 1), id="made"),
        pytest.param(1, {"scheduling": 2}, _of(0, 1, 1, 1), id="bound"),
        pytest.param(2, {"scheduling": 2, "image_pull": 17}, _of(0, 0, 1, 1), id="loading"),
        pytest.param(3, {"scheduling": 2, "image_pull": 17, "model_load": 60}, _of(0, 0, 0, 0), id="ready"),
    ],
)
def test_what_ended_before_the_watcher_began_is_shown_and_not_counted(
    stage: int, shown: Mapping[str, float], counted: Mapping[str, float]
) -> None:
    """The watcher before this one counted it; of a server that was ready by then the first token is not known."""
    life = _life("u1", 1000)
    collector = StartCollector([_POOL])
    assert _last(collector, _snapshot([life[stage]]), 1000.0) == shown
    list(collector.collect(_snapshot([life[3]]), 1001.0))
    assert _counts(collector, _snapshot([life[3]], answered=1085.0)) == counted


def test_two_watchers_count_each_phase_once_between_them() -> None:
    """A watcher that restarts in the middle takes over where the one before it ended."""
    life = _life("u1", 1000)
    first, second = _collector(), StartCollector([_POOL])
    for pod in life[:2]:
        list(first.collect(_snapshot([pod]), 1000.0))
    for pod in life[1:4]:
        list(second.collect(_snapshot([pod]), 1000.0))
    end = _snapshot([life[3]], answered=1085.0)
    both = [_counts(first, _snapshot([life[1]])), _counts(second, end)]
    assert {phase: sum(one[phase] for one in both) for phase in PHASES} == _of(1, 1, 1, 1)


def test_the_event_of_the_image_may_come_later_than_the_server() -> None:
    """Two watches bring them: the pull is counted when it had time to come, with what the kubelet measured."""
    collector, loading = _collector(), _life("u1", 1000)[2]
    assert _counts(collector, _snapshot([loading]), 1020.0)["image_pull"] == 0
    late = _snapshot([loading], pulled=True)
    assert _counts(collector, late, 1021.0)["image_pull"] == 0
    assert _sums(collector, late, 1031.0)["image_pull"] == _PULL


def test_a_pod_that_vanishes_takes_nothing_along() -> None:
    """Also the image pull that waited for its event is counted then; the lane's counts stay when it is gone."""
    collector = _collector()
    list(collector.collect(_snapshot([_life("u1", 1000)[2]]), 1020.0))
    assert _counts(collector, _snapshot([]), 1021.0) == _of(1, 1, 0, 0)
    gone = Snapshot(node="n", workloads=Workloads(controllers=(replace(_LANE, name="other"),)))
    assert _counts(collector, gone, 1022.0) == _of(1, 1, 0, 0)
    assert _last(collector, gone, 1022.0) == {}


def test_nothing_is_counted_while_the_cluster_is_out_of_sight() -> None:
    """Blindness changes no counter, and what comes back is not new."""
    collector, end = _collector(), _snapshot([_life("u1", 1000)[3]], answered=1085.0)
    before = _counts(collector, end)
    assert _counts(collector, Snapshot(node="n")) == before
    assert _counts(collector, replace(end, workloads=replace(end.workloads or Workloads()))) == before


def test_a_lane_of_the_same_name_elsewhere_makes_answers_ambiguous() -> None:
    """The gateway names a lane without its namespace: whose warm-up it was is not guessed."""
    collector, ready = _collector(), _life("u1", 1000)[3]
    twin = replace(ready, namespace="other", uid="u2")
    assert _counts(collector, _snapshot([ready, twin], answered=1085.0))["warm_up"] == 0


def test_bare_pods_that_are_gone_are_forgotten_in_the_end() -> None:
    """Each is a lane of its own, with a name that never comes back."""
    collector = _collector()
    for number in range(GONE_KEPT + 20):
        pod = replace(_life(f"u{number}", 1000)[0], lane=f"bare-{number}")
        families = list(collector.collect(_snapshot([pod]), 1000.0 + number))
    lanes = {sample.labels[2] for sample in families[0].samples}
    assert len(lanes) == GONE_KEPT + 1
    assert f"bare-{GONE_KEPT + 19}" in lanes


@st.composite
def _looks(draw: st.DrawFn) -> list[list[Look]]:
    """Return for each of some pods what was seen of it, each life in its own order, with gaps and repetitions."""
    pods = []
    for number in range(draw(st.integers(1, 3))):
        life = _life(f"u{number}", 1000.0 + 7 * number)
        seen = sorted(draw(st.lists(st.integers(0, 2), max_size=6)))
        pods.append([(life[stage], draw(st.booleans())) for stage in seen] + [(life[3], True)])
    return pods


@given(pods=_looks(), order=st.randoms(use_true_random=False))
def test_any_order_of_updates_gives_the_same_counts(pods: list[list[Look]], order: Random) -> None:
    """Whatever was seen between, and whichever pod moved first: the end decides what was counted, once each."""
    steps = [number for number, looks in enumerate(pods) for _ in looks]
    order.shuffle(steps)
    collector, present, events = _collector(), dict[int, Pod](), set[int]()
    for at, number in enumerate(steps):
        present[number], is_pulled = pods[number].pop(0)
        events |= {number} if is_pulled else set()
        pulls = tuple(
            ImagePull(namespace="vllm", pod=f"u{one}", pod_uid=f"u{one}", seconds=_PULL, at=0) for one in events
        )
        snapshot = replace(_snapshot(present.values()), events=Events(pulls=pulls))
        list(collector.collect(snapshot, 1000.0 + at / 10))
    end = replace(snapshot, answers=Answers(by_lane={"fast": 1100.0}))
    number_of_pods = len(present)
    assert _counts(collector, end) == _of(*(number_of_pods,) * 4)
    assert _sums(collector, end)["image_pull"] == number_of_pods * _PULL
    assert _sums(collector, end)["model_load"] == number_of_pods * 60
