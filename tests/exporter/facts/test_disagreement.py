"""Two sources of one card: what they contradict each other about, and which of them stands still."""

import dataclasses
from itertools import count

import pytest

from exporter.collectors.disagreement import DisagreementCollector
from exporter.facts.disagreement import compare
from exporter.snapshot import Device, Gpus, Snapshot

_GIB = 1 << 30
_CARD = Device(
    uuid="GPU-1",
    index=0,
    driver_version="610.43.02",
    memory_used_bytes=20 * _GIB,
    power_watts=60.0,
    temperatures_celsius={"gpu": 60.0},
    energy_joules=0.0,
    utilization_ratio=0.0,
)


def _gpus(source: str, *devices: Device) -> Gpus:
    return Gpus(source=source, devices=devices)


def _told(other: Device, card: Device = _CARD) -> set[str]:
    return {one.field for one in compare(_gpus("nvml", card), _gpus("dcgm", other)) if one.is_true}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, set(), id="the same"),
        pytest.param({"memory_used_bytes": int(20.39 * _GIB)}, set(), id="memory within 2 %"),
        pytest.param({"memory_used_bytes": int(20.5 * _GIB)}, {"memory_used"}, id="memory beyond 2 %"),
        pytest.param({"temperatures_celsius": {"gpu": 65.0}}, set(), id="5 degrees"),
        pytest.param({"temperatures_celsius": {"gpu": 66.0}}, {"temperature"}, id="6 degrees"),
        pytest.param({"power_watts": 70.0}, set(), id="power within 15 %"),
        pytest.param({"power_watts": 72.0}, {"power"}, id="power beyond 15 %"),
        pytest.param({"driver_version": "610.43.01"}, {"driver_version"}, id="another driver"),
        pytest.param({"driver_version": ""}, set(), id="a driver's version that is not told"),
        pytest.param({"utilization_ratio": 1.0}, set(), id="utilisation is nobody's business"),
        pytest.param({"power_watts": None}, set(), id="what one does not read"),
        pytest.param({"uuid": "GPU-2"}, {"presence"}, id="another card"),
        pytest.param({"unavailable": "lost"}, {"presence"}, id="the name of a card that is gone"),
    ],
)
def test_what_two_sources_contradict_each_other_about(change: dict[str, object], expected: set[str]) -> None:
    assert _told(dataclasses.replace(_CARD, **change)) == expected  # type: ignore[arg-type]  # by name, from a table


@pytest.mark.parametrize(("other", "expected"), [(255, set()), (257, {"memory_used"})])
def test_256_mib_are_allowed_on_an_empty_card(other: int, expected: set[str]) -> None:
    empty = dataclasses.replace(_CARD, memory_used_bytes=0)
    assert _told(dataclasses.replace(_CARD, memory_used_bytes=other << 20), empty) == expected


def test_instances_are_not_compared_for_one_source_has_no_names_for_them() -> None:
    instance = Device(uuid="MIG-GPU-1/1", index=0, parent_uuid="GPU-1")
    assert {one.gpu_uuid for one in compare(_gpus("nvml", _CARD), _gpus("dcgm", _CARD, instance))} == {"GPU-1"}


def _frozen(nvml: list[float], dcgm: list[float], every: float = 30.0) -> dict[str, float]:
    """Return the last verdicts after readings of the energy that both sources told, one every so many seconds."""
    collector, verdicts = DisagreementCollector(), dict[str, float]()
    for number, mine, other in zip(count(), nvml, dcgm, strict=False):
        snapshot = Snapshot(node="n", nvml=_energy("nvml", mine), dcgm=_energy("dcgm", other))
        for at in (number * every, number * every + 1):  # twice: a page that is made again is no new reading
            families = {str(family.metric): family for family in collector.collect(snapshot, at)}
        samples = families["lanewatch_gpu_source_frozen"].samples
        verdicts = {sample.labels[-1]: sample.value for sample in samples}
    return verdicts


def _energy(source: str, joules: float) -> Gpus:
    return _gpus(source, dataclasses.replace(_CARD, energy_joules=joules))


_MOVES = [float(number) for number in range(8)]
_STILL = [0.0] * 8


@pytest.mark.parametrize(
    ("nvml", "dcgm", "expected"),
    [
        pytest.param(_MOVES, _STILL, {"nvml": 0, "dcgm": 1}, id="dcgm repeats itself"),
        pytest.param(_STILL, _MOVES, {"nvml": 1, "dcgm": 0}, id="nvml repeats itself"),
        pytest.param(_MOVES, _MOVES, {"nvml": 0, "dcgm": 0}, id="both move"),
        pytest.param(_STILL, _STILL, {"nvml": 0, "dcgm": 0}, id="an idle card that does nothing"),
        pytest.param(_MOVES, [*_STILL[:7], 1.0], {"nvml": 0, "dcgm": 0}, id="dcgm is well again"),
        pytest.param(_MOVES[:5], _STILL[:5], {"nvml": 0, "dcgm": 0}, id="not yet"),
    ],
)
def test_who_stands_still_is_told(nvml: list[float], dcgm: list[float], expected: dict[str, float]) -> None:
    assert _frozen(nvml, dcgm) == expected


def test_an_exporter_that_is_asked_more_often_than_it_reads_is_well() -> None:
    dcgm = [float(number // 30) for number in range(120)]
    assert _frozen([float(number) for number in range(120)], dcgm, every=1.0)["dcgm"] == 0


def test_nothing_is_told_while_one_source_is_silent() -> None:
    assert list(DisagreementCollector().collect(Snapshot(node="n", nvml=_energy("nvml", 1.0)), 0.0)) == []
