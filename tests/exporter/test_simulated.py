"""The simulated node: what the scenarios play, and that its numbers hold together."""

import asyncio

import pytest

from exporter.sources.simulated import (
    FAST,
    LONGCTX,
    SCENARIOS,
    SimulatedCluster,
    SimulatedGpus,
    Stagehand,
    simulated_device,
)


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


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_begins_well_and_its_stages_are_in_order(scenario: str) -> None:
    stages = SCENARIOS[scenario]
    assert stages[0].at_seconds == 0
    assert stages[0].running == stages[0].answering == (FAST,)
    assert [stage.at_seconds for stage in stages] == sorted(stage.at_seconds for stage in stages)
    assert all(stage.says for stage in stages)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seconds", [0, 20, 35, 50, 80, 1000])
def test_memory_adds_up_at_every_moment(scenario: str, seconds: float) -> None:
    """Used + free + reserved = total, and the processes hold what is used."""
    device = simulated_device(_at(scenario, seconds).stage, seconds)
    if device.unavailable:
        assert device.memory_used_bytes is None
        return
    parts = (device.memory_used_bytes, device.memory_free_bytes, device.memory_reserved_bytes)
    assert sum(part or 0 for part in parts) == device.memory_total_bytes
    assert sum(process.memory_bytes or 0 for process in device.processes or ()) == device.memory_used_bytes


def test_energy_never_goes_back_and_is_the_integral_of_power() -> None:
    stage = SCENARIOS["healthy"][0]
    readings = [simulated_device(stage, seconds / 10) for seconds in range(1000)]
    energy = [device.energy_joules or 0 for device in readings]
    power = [device.power_watts or 0 for device in readings]
    assert energy == sorted(energy)
    assert energy[-1] - energy[0] == pytest.approx(sum(power) / 10, rel=0.01)


def test_xid_79_loses_the_card_but_not_its_name() -> None:
    gpus = asyncio.run(SimulatedGpus(_at("xid79", 25)).read())
    assert gpus.devices[0].unavailable == "lost"
    assert gpus.devices[0].uuid.startswith("GPU-")
    assert [xid.code for xid in gpus.devices[0].xids or ()] == [79]


def test_two_lanes_are_first_pending_and_then_both_running() -> None:
    early = asyncio.run(SimulatedCluster(_at("two-lanes", 25)).read())
    late = asyncio.run(SimulatedCluster(_at("two-lanes", 60)).read())
    assert [(pod.lane, pod.phase) for pod in early.pods] == [(FAST, "Running"), (LONGCTX, "Pending")]
    assert [(pod.lane, pod.phase) for pod in late.pods] == [(FAST, "Running"), (LONGCTX, "Running")]
