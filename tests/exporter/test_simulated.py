"""The simulated node: what the scenarios play, and that its numbers hold together."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from exporter import catalogue as c
from exporter.config import Config
from exporter.exposition import Exposition
from exporter.metric import Metric
from exporter.poll import Poller
from exporter.snapshot import Snapshot
from exporter.sources.simulated import SimulatedGpus, SimulatedKubelet, simulated_device
from exporter.sources.simulated_cluster import events, nodes, workloads
from exporter.sources.simulated_moment import Moment, Stagehand
from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.sources.simulated_stage import FAST, LANES, LONGCTX, MIB, NODE
from exporter.wiring import wire_simulated

_ROOT: Final = Path(__file__).parents[2]
_MOMENTS: Final = pytest.mark.parametrize("seconds", [0, 20, 25, 35, 45, 52, 60, 80, 100, 142, 150, 170, 1000])


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _at(scenario: str, seconds: float) -> Stagehand:
    clock = _Clock()
    hand = Stagehand(scenario, clock)
    clock.now += seconds
    return hand


def _moment(scenario: str, seconds: float) -> Moment:
    return _at(scenario, seconds).moment


class _Play:
    """A scenario through the real sources' schedule and the real collectors, looked at whenever it is asked for."""

    def __init__(self, scenario: str) -> None:
        self._clock = _Clock()
        hand = Stagehand(scenario, self._clock)
        self._began_at = hand.moment.began_at
        self._wiring = wire_simulated(Config(), "all", hand)
        self._poller = Poller(Snapshot(node=NODE, is_simulated=True), self._wiring.schedules)
        self._exposition = Exposition(self._wiring.collectors)
        self._seconds = 0
        self._look()

    def at(self, seconds: int, metric: Metric, **labels: str) -> float | None:
        """Return the value of the one series at that moment, having looked each second until then."""
        while self._seconds < seconds:
            self._seconds += 1
            self._look()
        families = self._page.families
        family = families.get(metric.name)
        wanted = set(labels.items())
        found = [
            sample.value
            for sample in (family.samples if family else ())
            if wanted <= set(zip(metric.labels, sample.labels, strict=True)) and sample.suffix in {"", "_count"}
        ]
        assert len(found) <= 1, f"{metric} {labels}: expected one series, found {found}"
        return found[0] if found else None

    def _look(self) -> None:
        self._clock.now = 1000.0 + self._seconds
        for schedule in self._wiring.schedules:
            asyncio.run(self._poller.read_once(schedule))
        self._page = self._exposition.prepare(self._poller.snapshot, self._began_at + self._seconds)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_begins_well_and_its_stages_are_in_order(scenario: str) -> None:
    """A person sees first how it should be."""
    stages = SCENARIOS[scenario].stages
    assert stages[0].at_seconds == 0
    assert stages[0].answering == (FAST,)
    assert [pod.is_ready for pod in workloads(_moment(scenario, 0)).pods] == [True]
    assert [stage.at_seconds for stage in stages] == sorted(stage.at_seconds for stage in stages)
    assert all(stage.says for stage in stages)


@pytest.mark.parametrize("scenario", SCENARIOS)
@_MOMENTS
def test_memory_adds_up_at_every_moment(scenario: str, seconds: float) -> None:
    """Used + free + reserved = total, and the processes hold what is used."""
    device = simulated_device(_moment(scenario, seconds))
    if device.unavailable:
        assert device.memory_used_bytes is None
        return
    parts = (device.memory_used_bytes, device.memory_free_bytes, device.memory_reserved_bytes)
    assert all(part is not None and part >= 0 for part in parts)
    assert sum(part or 0 for part in parts) == device.memory_total_bytes
    assert sum(process.memory_bytes or 0 for process in device.processes or ()) == device.memory_used_bytes


@pytest.mark.parametrize("scenario", SCENARIOS)
@_MOMENTS
def test_kubelet_and_api_server_tell_the_same_story(scenario: str, seconds: float) -> None:
    """The card is given to the pods that have a node; no more are given than the node offers, or the card was lost."""
    hand = _at(scenario, seconds)
    cluster, node = workloads(hand.moment), nodes(hand.moment).nodes[0]
    given = asyncio.run(SimulatedKubelet(hand).read()).containers
    assert [one.pod for one in given] == [pod.name for pod in cluster.pods if pod.node]
    assert len(given) <= node.capacity["nvidia.com/gpu"]
    assert len({pod.uid for pod in cluster.pods}) == len(cluster.pods)
    requested = (cluster.loads or {})[NODE]
    for resource in ("cpu", "memory"):
        assert sum(part.get(resource, 0) for part in requested.values()) <= node.allocatable[resource]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_times_of_a_pod_are_in_order_and_none_is_in_the_future(scenario: str) -> None:
    """Made, bound, started, ready, each at or after the one before, and not before it happened."""
    for seconds in range(200):
        moment = _moment(scenario, seconds)
        for pod in workloads(moment).pods:
            times = [pod.created_at, pod.scheduled_at, pod.sandbox_at, pod.containers[0].started_at]
            times += [pod.ready_changed_at] if pod.is_ready else []
            known = [at for at in times if at is not None]
            assert known == sorted(known)
            assert max(known) <= moment.unix(seconds)


def test_the_reference_numbers() -> None:
    """10755m of 15 cores are 71.7 %, 43072 MiB of about 54.8 GiB are 76 %."""
    moment = _moment("healthy", 0)
    allocatable = nodes(moment).nodes[0].allocatable
    loads = (workloads(moment).loads or {})[NODE].values()
    cpu, memory = (sum(part.get(name, 0.0) for part in loads) for name in ("cpu", "memory"))
    assert (cpu, memory) == (10.755, 43072 * MIB)
    assert cpu / allocatable["cpu"] == pytest.approx(0.717)
    assert int(100 * memory / allocatable["memory"]) == 76


def test_energy_never_goes_back_and_is_the_integral_of_power() -> None:
    """The counter agrees with the gauge."""
    readings = [simulated_device(_moment("healthy", seconds / 10)) for seconds in range(1000)]
    energy = [device.energy_joules or 0 for device in readings]
    power = [device.power_watts or 0 for device in readings]
    assert energy == sorted(energy)
    assert energy[-1] - energy[0] == pytest.approx(sum(power) / 10, rel=0.01)


def test_xid_79_loses_the_card_but_not_its_name() -> None:
    """The device plugin takes the card back, and the node has it still."""
    hand = _at("xid79", 25)
    gpus = asyncio.run(SimulatedGpus(hand).read())
    assert gpus.devices[0].unavailable == "lost"
    assert gpus.devices[0].uuid.startswith("GPU-")
    assert [xid.code for xid in gpus.devices[0].xids or ()] == [79]
    node = nodes(hand.moment).nodes[0]
    assert (node.capacity["nvidia.com/gpu"], node.allocatable["nvidia.com/gpu"]) == (1, 0)


@pytest.mark.parametrize(
    ("scenario", "seconds", "expected"),
    [
        pytest.param("two-lanes", 25, [(FAST, "Running"), (LONGCTX, "Pending")], id="a second lane waits"),
        pytest.param("two-lanes", 60, [(FAST, "Running"), (LONGCTX, "Running")], id="both run"),
        pytest.param("two-lanes", 250, [(FAST, "Running")], id="the second is parked again"),
        pytest.param("switch", 25, [], id="the first lane is parked"),
        pytest.param("switch", 37, [(LONGCTX, "Pending")], id="the next one's image is pulled"),
        pytest.param("switch", 45, [(LONGCTX, "Running")], id="it loads"),
        pytest.param("surge-deadlock", 60, [(FAST, "Running"), (FAST, "Pending")], id="new pod behind the old"),
        pytest.param("surge-deadlock", 150, [(FAST, "Running")], id="the new one alone"),
    ],
)
def test_which_pods_are_there(scenario: str, seconds: float, expected: list[tuple[str, str]]) -> None:
    """The pods follow the line that the person reads."""
    assert [(pod.lane, pod.phase) for pod in workloads(_moment(scenario, seconds)).pods] == expected


def test_whoever_changes_a_deployment_raises_its_generation() -> None:
    """Parking, raising and rolling are orders; a pod that starts is none."""
    generations = {
        seconds: {one.name: one.generation for one in workloads(_moment("switch", seconds)).controllers}
        for seconds in (0, 25, 40, 60)
    }
    assert [generations[at][FAST] for at in generations] == [1, 2, 2, 2]
    assert [generations[at][LONGCTX] for at in generations] == [1, 1, 2, 2]
    assert {generations[60][lane] for lane in LANES[2:]} == {1}


def test_the_pull_of_an_image_is_told_when_it_is_there() -> None:
    """The event comes with the server; the one of the day before is forgotten."""
    assert [[pull.seconds for pull in events(_moment("switch", at)).pulls] for at in (0, 37, 42)] == [[], [], [4.2]]


def test_nothing_new_is_the_same_object() -> None:
    """As the real sources do: facts are made anew only when something changed."""
    wiring = wire_simulated(Config(), "cluster", _at("healthy", 5))
    for schedule in wiring.schedules:
        first = asyncio.run(schedule.source.read())
        assert asyncio.run(schedule.source.read()) is first


_LANE: Final = {"pool": "gpu-llm", "lane_namespace": "vllm"}
_STATE: Final = {"pool": "gpu-llm", "unit": "", "state": "steady"}

Seen = tuple[int, Metric, Mapping[str, str], float | None]


@pytest.mark.parametrize(
    ("scenario", "seen"),
    [
        pytest.param(
            "switch",
            [
                (10, c.POOL_STATE, _STATE, 1),
                (25, c.POOL_STATE, {**_STATE, "state": "switching"}, 1),
                (36, c.LANE_START_LAST, {"lane": LONGCTX, "phase": "scheduling"}, 0.25),
                (52, c.LANE_START_LAST, {"lane": LONGCTX, "phase": "image_pull"}, 4.2),
                (52, c.LANE_START_LAST, {"lane": LONGCTX, "phase": "model_load"}, None),
                (56, c.LANE_START_LAST, {"lane": LONGCTX, "phase": "model_load"}, 14.5),
                (56, c.LANE_START_PHASE, {"lane": LONGCTX, "phase": "model_load"}, 1),
                (56, c.POOL_STATE, _STATE, 1),
            ],
            id="a cold start with its phases",
        ),
        pytest.param(
            "surge-deadlock",
            [
                (10, c.LANE_SURGE_DEADLOCK, {"lane": FAST}, 1),
                (40, c.POOL_VIOLATION, {"reason": "surge_deadlock"}, 1),
                (170, c.POOL_VIOLATION, {"reason": "surge_deadlock"}, 0),
                (170, c.LANE_SURGE_DEADLOCK, {"lane": FAST}, 0),
            ],
            id="a roll-out that hangs, said before, while and after",
        ),
        pytest.param(
            "intruder",
            [
                (10, c.POOL_VIOLATION, {"reason": "intruder"}, 0),
                (30, c.POOL_VIOLATION, {"reason": "intruder"}, 1),
                (100, c.POOL_VIOLATION, {"reason": "intruder"}, 1),
                (150, c.POOL_VIOLATION, {"reason": "intruder"}, 0),
            ],
            id="somebody else on the card, as a process and as a pod",
        ),
        pytest.param(
            "mismatch",
            [
                (10, c.NODE_CARD_AGREEMENT, {"fact": "driver", "state": "agree"}, 1),
                (50, c.NODE_CARD_AGREEMENT, {"fact": "driver", "state": "disagree"}, 1),
                (50, c.NODE_CARD_ODD_VIEW, {"fact": "driver", "view": "labels"}, 1),
                (50, c.NODE_CARD_AGREEMENT, {"fact": "product", "state": "agree"}, 1),
                (50, c.LANE_EVENTS, {"lane": FAST, "event": "readiness_change"}, 2),
                (50, c.LANE_RESTARTS, {"lane": FAST}, 1),
                (170, c.NODE_CARD_AGREEMENT, {"fact": "driver", "state": "agree"}, 1),
            ],
            id="labels of the driver before",
        ),
    ],
)
def test_what_a_scenario_shows(scenario: str, seen: list[Seen]) -> None:
    """The collectors are the real ones: what they conclude of the simulated facts is what the line says."""
    play = _Play(scenario)
    for seconds, metric, labels, expected in seen:
        assert (seconds, labels, play.at(seconds, metric, **labels)) == (seconds, labels, expected)


@pytest.mark.parametrize("document", ["README.md", "Makefile"])
def test_every_scenario_is_where_people_look_for_it(document: str) -> None:
    """The table of scenarios is the list, and documents follow it; the first is what is played unasked."""
    text = (_ROOT / document).read_text(encoding="utf-8")
    assert [name for name in list(SCENARIOS)[1:] if name not in text] == []
