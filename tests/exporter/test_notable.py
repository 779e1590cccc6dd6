"""What is told again is a part of what is told: the part that is not as on a well card."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exporter import catalogue as c
from exporter.exposition import Exposition
from exporter.metric import Family, Metric
from exporter.notable import NOTABLE, told_again
from exporter.snapshot import Snapshot
from fakes.expositions import GOLDEN, valued

_CARD = {"node": "n", "gpu_uuid": "GPU-1"}
_Rows = set[tuple[frozenset[tuple[str, str]], float]]


def _rows(path: Path, metric: Metric) -> _Rows:
    told = valued(path.read_text(encoding="utf-8"))
    return {(frozenset(labels.items()), value) for name, labels, value in told if name == str(metric)}


def _page(*families: Family) -> list[str]:
    """Return the series of a page with these families, without comments."""

    def collect(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield from families

    page = Exposition({"cards": collect}).prepare(Snapshot(node="n"), 0.0)
    return [line for line in page.text.plain.decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("metric", NOTABLE, ids=str)
def test_a_page_tells_again_what_it_tells_and_no_more(path: Path, metric: Metric) -> None:
    """Same labels, same values."""
    assert _rows(path, NOTABLE[metric].metric) <= _rows(path, metric)


@pytest.mark.parametrize("metric", NOTABLE, ids=str)
def test_each_is_seen_on_a_golden_page(metric: Metric) -> None:
    """No family is told again in vain: somewhere it is not as usual."""
    assert any(_rows(path, NOTABLE[metric].metric) for path in GOLDEN)


# Of each the last value that is as usual, and the first that is not, with what else the page has to tell.
_EDGES: tuple[tuple[Metric, dict[str, str], float, float, dict[str, float]], ...] = (
    (c.SOURCE_UP, {"source": "nvml"}, 1, 0, {}),
    (c.SOURCE_ERRORS, {"source": "nvml", "kind": "timeout"}, 0, 1, {}),
    (c.GPU_UP, _CARD, 1, 0, {}),
    (c.GPU_MEMORY_FREE, _CARD, 50, 49, {"memory_total_bytes": 1000}),
    (c.GPU_BAR1_USED, _CARD, 950, 951, {"bar1_total_bytes": 1000}),
    (c.GPU_POWER, _CARD, 140, 141, {"power_limit_range_watts max": 70}),
    (c.GPU_POWER, _CARD, 1, 0.9, {"utilization_ratio": 0.5, "power_limit_range_watts max": 70}),
    (c.GPU_POWER_LIMIT, _CARD, 69.3, 69.2, {"power_limit_range_watts default": 70}),
    (c.GPU_TEMPERATURE, {**_CARD, "sensor": "memory"}, 100, 101, {"temperature_limit_celsius memory_max": 105}),
    (c.GPU_TEMPERATURE_MARGIN, _CARD, 20, 19, {}),
    (c.GPU_FAN, {**_CARD, "fan": "0"}, 0.01, 0, {}),
    (c.GPU_PCIE_WIDTH, {**_CARD, "view": "under_load"}, 8, 4, {"pcie_link_width_lanes max": 8}),
    (c.GPU_PCIE_GENERATION, {**_CARD, "view": "under_load"}, 5, 4, {"pcie_link_generation max": 5}),
    (c.GPU_PCIE_REPLAYS, _CARD, 0, 1, {}),
    (c.GPU_ECC_ERRORS, {**_CARD, "kind": "corrected"}, 0, 1, {}),
    (c.GPU_NVLINK_UP, {**_CARD, "link": "0"}, 1, 0, {}),
    (c.GPU_PART_PROCESSES, {**_CARD, "part": "dead"}, 0, 1, {}),
    (c.GPU_THROTTLE, {**_CARD, "reason": "thermal"}, 0, 0.1, {}),
)


@pytest.mark.parametrize(("metric", "labels", "usual", "odd", "beside"), _EDGES, ids=lambda one: str(one)[:60])
def test_each_is_told_again_from_its_edge_on(
    metric: Metric, labels: dict[str, str], usual: float, odd: float, beside: Mapping[str, float]
) -> None:
    """What is compared is compared with the same card; the readings of another one change nothing."""
    for value, is_odd in ((usual, False), (odd, True)):
        told = {metric: [metric.sample(value, **labels)]}
        for name, other in beside.items():
            of, reading = _beside(name)
            told.setdefault(of, []).extend([of.sample(10 * other, **{**reading, "gpu_uuid": "GPU-0"})])
            told[of].append(of.sample(other, **reading))
        again = dict(told_again(told))[NOTABLE[metric].metric]
        assert [one.value for one in again] == ([value] if is_odd else [])


def _beside(name: str) -> tuple[Metric, dict[str, str]]:
    name, _, part = name.partition(" ")
    (metric,) = (one for one in c.METRICS if one.name == f"lanewatch_gpu_{name}")
    return metric, {**_CARD, **dict.fromkeys(metric.labels[2:], part)}


@pytest.mark.parametrize(
    ("metric", "labels", "value"),
    [
        pytest.param(c.GPU_MEMORY_FREE, _CARD, 0.0, id="free memory of a card without a total"),
        pytest.param(c.GPU_POWER, _CARD, 0.0, id="no power, and nobody knows whether the card works"),
        pytest.param(c.GPU_POWER_LIMIT, _CARD, 1.0, id="a limit without a default"),
        pytest.param(c.GPU_TEMPERATURE, {**_CARD, "sensor": "memory"}, 200.0, id="a hot memory without a limit"),
        pytest.param(c.GPU_TEMPERATURE, {**_CARD, "sensor": "gpu"}, 200.0, id="a hot chip, of which its margin tells"),
        pytest.param(c.GPU_PCIE_WIDTH, {**_CARD, "view": "now"}, 1.0, id="an idle link"),
        pytest.param(c.GPU_PCIE_WIDTH, {**_CARD, "view": "under_load"}, 1.0, id="a link without a max"),
        pytest.param(c.SOURCE_ERRORS, {"source": "nvml", "kind": "absent"}, 9.0, id="what is not there at all"),
        pytest.param(c.GPU_PART_PROCESSES, {**_CARD, "part": "pods"}, 3.0, id="processes that live"),
        pytest.param(c.GPU_CLOCK_EVENT, {**_CARD, "reason": "idle"}, 1.0, id="a clock that is low for want of work"),
        pytest.param(c.GPU_RECOVERY_ACTION, {**_CARD, "action": "none"}, 1.0, id="no wish"),
    ],
)
def test_what_cannot_be_judged_or_is_as_it_should_be_is_not_told_again(
    metric: Metric, labels: dict[str, str], value: float
) -> None:
    """Without what it is to be compared with, nothing is wrong with it."""
    assert dict(told_again({metric: [metric.sample(value, **labels)]}))[NOTABLE[metric].metric] == []


def test_heat_of_both_kinds_is_not_told_again_where_the_worse_kind_is_told_apart() -> None:
    """However it is told: as seconds, or as what holds the clock down now."""
    heat = c.GPU_THROTTLE.sample(9, **_CARD, reason="thermal")
    for apart in (c.GPU_THROTTLE, c.GPU_CLOCK_EVENT):
        told = {c.GPU_THROTTLE: [heat]}
        told.setdefault(apart, []).append(apart.sample(0, **_CARD, reason="hw_thermal"))
        assert dict(told_again(told))[c.NOTABLE_THROTTLE] == []


def test_a_node_may_be_called_as_a_part_of_a_card_is() -> None:
    """Only the last label says which part a reading is of."""
    card = {"node": "memory", "gpu_uuid": "GPU-1"}
    told = {
        c.GPU_TEMPERATURE: [c.GPU_TEMPERATURE.sample(104, **card, sensor="gpu")],
        c.GPU_TEMPERATURE_LIMIT: [c.GPU_TEMPERATURE_LIMIT.sample(105, **card, limit="memory_max")],
    }
    assert dict(told_again(told))[c.NOTABLE_TEMPERATURE] == []


@pytest.mark.parametrize(
    ("read_at", "is_up", "told_again_of"),
    [
        pytest.param(940.0, 1, [], id="three intervals and the grace ago"),
        pytest.param(939.0, 1, ["pci"], id="before that"),
        pytest.param(100.0, 0, [], id="one that says so itself"),
    ],
)
def test_a_source_is_stale_against_the_newest_one(read_at: float, is_up: float, told_again_of: list[str]) -> None:
    """Neither the clock of whoever asks nor that of the node matters."""
    told = {
        c.SOURCE_LAST_SUCCESS: [
            c.SOURCE_LAST_SUCCESS.sample(at, source=name) for name, at in (("nvml", 1000.0), ("pci", read_at))
        ],
        c.SOURCE_INTERVAL: [c.SOURCE_INTERVAL.sample(10, source=name) for name in ("nvml", "pci")],
        c.SOURCE_UP: [c.SOURCE_UP.sample(1, source="nvml"), c.SOURCE_UP.sample(is_up, source="pci")],
    }
    again = dict(told_again(told))[c.NOTABLE_SOURCE_LAST_SUCCESS]
    assert [one.labels[0] for one in again] == told_again_of


def test_a_well_card_is_not_told_of_again() -> None:
    """Of a thousand such cards nothing is to be looked at."""
    card = {"node": "n", "gpu_uuid": "GPU-1"}
    page = _page(
        c.GPU_UP.of([c.GPU_UP.sample(1, **card)]),
        c.GPU_NVLINK_UP.of([c.GPU_NVLINK_UP.sample(1, **card, link="0")]),
        c.GPU_RECOVERY_ACTION.of(
            [c.GPU_RECOVERY_ACTION.sample(action == "none", **card, action=action) for action in ("none", "reset_gpu")]
        ),
    )
    assert [line for line in page if "notable" in line] == []
    assert len(page) == 4


def test_what_is_wrong_is_told_right_after_the_whole() -> None:
    """And what is no number is told nowhere."""
    card = {"node": "n", "gpu_uuid": "GPU-1"}
    links = [c.GPU_NVLINK_UP.sample(value, **card, link=str(link)) for link, value in enumerate((1, 0, math.nan))]
    wanted = [c.GPU_RECOVERY_ACTION.sample(action != "none", **card, action=action) for action in ("none", "reset_gpu")]
    assert _page(c.GPU_NVLINK_UP.of(links), c.GPU_RECOVERY_ACTION.of(wanted)) == [
        'lanewatch_gpu_nvlink_up{gpu_uuid="GPU-1",link="0",node="n"} 1.0',
        'lanewatch_gpu_nvlink_up{gpu_uuid="GPU-1",link="1",node="n"} 0.0',
        'lanewatch_notable_gpu_nvlink_up{gpu_uuid="GPU-1",link="1",node="n"} 0.0',
        'lanewatch_gpu_recovery_action{action="none",gpu_uuid="GPU-1",node="n"} 0.0',
        'lanewatch_gpu_recovery_action{action="reset_gpu",gpu_uuid="GPU-1",node="n"} 1.0',
        'lanewatch_notable_gpu_recovery_action{action="reset_gpu",gpu_uuid="GPU-1",node="n"} 1.0',
    ]
