"""What the reader says of cards that answer, field by field."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.snapshot import Device, DeviceProcess
from fakes.nvml.build import build, library
from fakes.nvml.rig import reading, timeless, wait_until
from fakes.nvml.scenario import MIB, Scenario, Value, h100_node, machine, reference_node, rtx_pro_4000

_REFERENCE = Device(
    uuid="GPU-5f0c3a1e-9d42-4b7a-8c11-000000000000",
    index=0,
    model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
    pci_bus_id="00000000:01:00.0",
    driver_version="610.43.02",
    cuda_version="13.3",
    vbios_version="9B.06.11.00.01",
    sharing="none",
    memory_total_bytes=24467 * MIB,
    memory_used_bytes=21642 * MIB,
    memory_free_bytes=2386 * MIB,
    memory_reserved_bytes=439 * MIB,
    utilization_ratio=0.0,
    memory_copy_utilization_ratio=0.0,
    power_watts=9.12,
    power_limit_watts=70.0,
    power_average_watts=9.34,
    power_limits_watts={"min": 50.0, "max": 70.0, "default": 70.0},
    energy_joules=123_456.789,
    busy_seconds=0.0,
    bar1_total_bytes=32768 * MIB,
    bar1_used_bytes=21700 * MIB,
    engine_utilization_ratio={"encoder": 0.0, "decoder": 0.0},
    temperature_limits_celsius={"shutdown": 97.0, "slowdown": 92.0},
    temperature_margin_celsius=53.0,
    fan_ratio={"0": 0.3},
    clocks_max_hertz={"graphics": 2775e6, "sm": 2775e6, "memory": 14001e6, "video": 2775e6},
    performance_state=8,
    pcie_replays=2,
    pcie_errors={"correctable": 4, "fatal": 0},
    recovery_action="none",
    peaks={
        "memory_used_bytes": 21642.0 * MIB,
        "power_watts": 9.12,
        "temperature_celsius": 37.0,
        "window_seconds": 60.0,
    },
    temperatures_celsius={"gpu": 37.0},
    clocks_hertz={"graphics": 180e6, "sm": 180e6, "memory": 405e6, "video": 600e6},
    clock_events={
        "idle": True,
        "application_clocks": False,
        "power_cap": False,
        "hw_slowdown": False,
        "sync_boost": False,
        "sw_thermal": False,
        "hw_thermal": False,
        "power_brake": False,
        "display": False,
        "unknown": False,
    },
    throttle_seconds={
        "power_cap": 1.5,
        "thermal": 0.0,
        "sync_boost": 0.0,
        "board_limit": 0.0,
        "low_utilization": 42.0,
        "reliability": 0.0,
        "sw_thermal": 0.0,
        "hw_thermal": 0.0,
        "power_brake": 0.0,
    },
    pcie_generation={"now": 1, "max": 5},
    pcie_width_lanes={"now": 8, "max": 8},
    processes=(DeviceProcess(pid=4211, memory_bytes=21600 * MIB),),
    xids=(),
)


def _read_one(directory: Path, changes: dict[str, Value | None], *, path: str | None = None) -> Device:
    async def main() -> Device:
        changed = {f"gpu.0.{key}": value for key, value in changes.items()}
        values = {key: value for key, value in {**reference_node(), **changed}.items() if value is not None}
        async with reading(directory, values, path=path) as rig:
            return timeless(await rig.device())

    return asyncio.run(main())


def test_every_field_of_the_reference_card_is_what_the_driver_says(tmp_path: Path) -> None:
    """Base units, names instead of bits, and nothing that the card does not have."""
    assert _read_one(tmp_path, {}) == _REFERENCE


def test_eight_cards_come_in_the_driver_s_order(tmp_path: Path) -> None:
    """The index is the driver's; all are there in the first reading."""

    async def main() -> list[int]:
        async with reading(tmp_path, h100_node(8)) as rig:
            return [device.index for device in (await rig.reader.read()).devices]

    assert asyncio.run(main()) == list(range(8))


_UNSUPPORTED = [
    pytest.param("bar1_total", "bar1_total_bytes", None, id="BAR1"),
    pytest.param("field.185", "power_average_watts", None, id="power average"),
    pytest.param("utilization_percent", "utilization_ratio", None, id="utilization"),
    pytest.param("memory_reserved", "memory_reserved_bytes", None, id="memory v2"),
    pytest.param("temperature.0", "temperatures_celsius", {}, id="temperature"),
    pytest.param("clock_events", "clock_events", {}, id="clock events"),
    pytest.param("compute_processes", "processes", None, id="processes"),
    pytest.param("event_types", "xids", None, id="events"),
    pytest.param("pcie_generation", "pcie_generation", {"max": 5}, id="PCIe generation now"),
]


@pytest.mark.parametrize(("key", "field", "expected"), _UNSUPPORTED)
def test_what_a_card_does_not_have_is_absent(tmp_path: Path, key: str, field: str, expected: object) -> None:
    """Never 0, and the other fields stay."""
    device = _read_one(tmp_path, {key: None})

    assert (getattr(device, field), device.model) == (expected, _REFERENCE.model)


_ANSWERS: list[object] = [
    pytest.param({"field.186": "0xffffffff"}, "power_watts", None, id="N/A as the largest number"),
    pytest.param({"field_return.75": 999}, "throttle_seconds", 8, id="one field value fails, the others stay"),
    pytest.param({"field.74": "0xffffffffffffffff"}, "throttle_seconds", 8, id="N/A as a field value"),
    pytest.param({"field.82": 71}, "temperatures_celsius", {"gpu": 37.0, "memory": 71.0}, id="memory temperature"),
    pytest.param(
        {"compute_processes": "7:100", "graphics_processes": "7:100,8:-1"},
        "processes",
        (DeviceProcess(pid=7, memory_bytes=100), DeviceProcess(pid=8, is_graphics=True)),
        id="a process in both lists is one that computes",
    ),
    pytest.param({"compute_processes": ""}, "processes", (), id="no process is not an unknown process"),
    pytest.param({"lost": 0, "utilization_percent": 250}, "utilization_ratio", None, id="more than everything"),
]


@pytest.mark.parametrize(("changes", "field", "expected"), _ANSWERS)
def test_odd_answers(tmp_path: Path, changes: dict[str, Value | None], field: str, expected: object) -> None:
    """What is no number is no sample."""
    value = getattr(_read_one(tmp_path, changes), field)

    assert expected == (len(value) if isinstance(expected, int) else value)


def test_a_clock_event_that_no_table_knows_is_unknown(tmp_path: Path) -> None:
    """Newer drivers set bits of which some are only informational: they must have a name of their own."""
    events = _read_one(tmp_path, {"clock_events": "0x604"}).clock_events

    assert {name for name, is_set in events.items() if is_set} == {"power_cap", "unknown"}


def test_an_old_driver_without_the_new_functions(tmp_path: Path) -> None:
    """Each missing symbol costs its own field, or nothing where an older function tells the same."""
    new = ("MemoryInfo_v2", "TemperatureV", "CurrentClocksEventReasons", "ComputeRunningProcesses_v3", "FieldValues")
    old = build(tmp_path / "old", without=[f"nvmlDeviceGet{name}" for name in new])

    device = _read_one(tmp_path, {}, path=str(old))

    assert (device.memory_used_bytes, device.memory_reserved_bytes) == ((24467 - 2386) * MIB, None)
    assert (device.temperatures_celsius, device.processes) == ({"gpu": 37.0}, _REFERENCE.processes)
    assert (device.clock_events, device.throttle_seconds) == (_REFERENCE.clock_events, {})


def test_what_is_not_supported_is_asked_for_once(tmp_path: Path) -> None:
    """A call that will never work is not worth its locks."""

    async def main() -> int:
        values = {key: value for key, value in reference_node().items() if key != "gpu.0.bar1_total"}
        async with reading(tmp_path, values) as rig:
            await wait_until(lambda: rig.scenario.calls().get("nvmlDeviceGetMemoryInfo_v2", 0) > 13)
            return rig.scenario.calls()["nvmlDeviceGetBAR1MemoryInfo"]

    assert asyncio.run(main()) == 1


def test_a_read_that_fails_now_costs_its_field_now(tmp_path: Path) -> None:
    """The field is absent while its call fails, and back when it works."""

    async def main() -> None:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.device()
            rig.scenario.set({"gpu.0.return.nvmlDeviceGetFieldValues": 999})
            broken = await rig.device(lambda device: device.power_watts is None)
            assert (broken.unavailable, broken.memory_used_bytes) == (None, 21642 * MIB)
            rig.scenario.set({"gpu.0.return.nvmlDeviceGetFieldValues": None})
            await rig.device(lambda device: device.power_watts == 9.12)

    asyncio.run(main())


def test_a_library_that_prints_does_not_disturb(tmp_path: Path) -> None:
    """Our stream is not stdout."""
    assert _read_one(tmp_path, {"print.*": '{"type": "opened", "cards": 9}'}) == _REFERENCE


def test_the_library_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without nvml.library, the loader's own path counts."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library().parent))

    assert _read_one(tmp_path, {}, path="").model == _REFERENCE.model


def test_the_child_imports_nothing_heavy() -> None:
    """Its memory is paid on every GPU node."""
    heavy = {"aiohttp", "asyncio", "dataclasses", "grpc", "httpx", "kubernetes", "logging", "msgspec", "ssl"}
    code = "import sys, exporter.sources.nvml_child; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_ENVIRONMENT)

    assert heavy & set(ran.stdout.split()) == set()


_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def test_a_machine_without_cards_works(tmp_path: Path) -> None:
    """The driver answers: there is nothing, which is not the same as knowing nothing."""

    async def main() -> int:
        async with reading(tmp_path, machine()) as rig:
            return len((await rig.reader.read()).devices)

    assert asyncio.run(main()) == 0


def test_the_scenario_has_the_cards_that_were_asked_for(tmp_path: Path) -> None:
    """The fake is ours, so its own words are tested."""
    Scenario(tmp_path, machine(rtx_pro_4000(), rtx_pro_4000(1)))

    assert "gpu.1.uuid=GPU-5f0c3a1e-9d42-4b7a-8c11-000000000001" in (tmp_path / "scenario").read_text()
