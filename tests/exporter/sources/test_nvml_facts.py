"""Each fact of a card: what the driver answers, and what a device then says."""

import asyncio
from pathlib import Path

import pytest

from exporter.collectors.devices import RECOVERY_ACTIONS, SHARING_MODES
from exporter.config import Nvml
from exporter.snapshot import Device, NvLink
from fakes.nvml.build import build
from fakes.nvml.rig import reading
from fakes.nvml.scenario import MIB, OLD_LIBRARY_LACKS, Value, h100, machine, old_card

_NOT_AVAILABLE = "0xffffffff"
_DEFAULTS = Nvml()


def _read(directory: Path, changes: dict[str, Value | None], *, config: Nvml = _DEFAULTS) -> Device:
    """Return an H100 whose answers are changed so."""

    async def main() -> Device:
        async with reading(directory, machine({**h100(), **changes}), config=config) as rig:
            return await rig.device()

    return asyncio.run(main())


_FACTS: list[tuple[dict[str, Value | None], str, object, str]] = [
    ({}, "bar1_total_bytes", 131072 * MIB, "BAR1"),
    ({"bar1_used": "0x7fffffffffffffff"}, "bar1_used_bytes", (1 << 63) - 1, "a large number is a number"),
    ({"bar1_total": "0xffffffffffffffff"}, "bar1_total_bytes", None, "BAR1 N/A"),
    ({"memory_used": "0xffffffffffffffff"}, "memory_used_bytes", None, "memory N/A"),
    (
        {**{f"field.{number}": None for number in (187, 188, 189)}, "power_limit_max_milliwatts": _NOT_AVAILABLE},
        "power_limits_watts",
        {"default": 700.0},
        "one of two limits N/A",
    ),
    ({}, "bar1_used_bytes", 800 * MIB, "BAR1 used"),
    (
        {"encoder_percent": 12, "decoder_percent": 7, "jpeg_percent": 3, "ofa_percent": 1},
        "engine_utilization_ratio",
        {"encoder": 0.12, "decoder": 0.07, "jpeg": 0.03, "ofa": 0.01},
        "engines",
    ),
    (
        {"jpeg_percent": _NOT_AVAILABLE, "ofa_percent": 101},
        "engine_utilization_ratio",
        {"encoder": 0.0, "decoder": 0.0},
        "an engine of more than everything is N/A",
    ),
    ({}, "temperature_margin_celsius", 23.0, "margin, as the driver says"),
    ({"temperature_margin": -2}, "temperature_margin_celsius", -2.0, "beyond the slowdown point"),
    ({"temperature_margin": None}, "temperature_margin_celsius", 25.0, "margin out of two temperatures"),
    (
        {"temperature_margin": None, "temperature_threshold.1": None},
        "temperature_margin_celsius",
        None,
        "no margin",
    ),
    (
        {},
        "temperature_limits_celsius",
        {"shutdown": 92.0, "slowdown": 89.0, "memory_max": 95.0},
        "temperature limits",
    ),
    ({}, "fan_ratio", {}, "a card without fans"),
    ({"fans": 2, "fan_percent.0": 30, "fan_percent.1": 110}, "fan_ratio", {"0": 0.3, "1": 1.1}, "two fans"),
    ({"fan_percent": 44}, "fan_ratio", {"0": 0.44}, "a fan by the old function"),
    ({}, "power_watts", 684.25, "power now"),
    ({"field.186": None}, "power_watts", 684.25, "power by the old function"),
    ({}, "power_average_watts", 679.8, "power average"),
    ({"field.191": None}, "energy_joules", 987_654_321.0, "energy by the old function"),
    ({}, "power_limits_watts", {"default": 700.0, "min": 200.0, "max": 700.0}, "power limits by field values"),
    (
        {f"field.{number}": None for number in (187, 188, 189)},
        "power_limits_watts",
        {"default": 700.0, "min": 200.0, "max": 700.0},
        "power limits by the old functions",
    ),
    ({}, "performance_state", 0, "performance state"),
    ({"performance_state": 32}, "performance_state", None, "performance state unknown"),
    ({"field.94": None, "pcie_replays": 9}, "pcie_replays", 9, "PCIe replays by the old function"),
    ({}, "pcie_generation", {"now": 5, "max": 5, "under_load": 5}, "PCIe under load"),
    ({"utilization_percent": 49, "pcie_generation": 1}, "pcie_generation", {"now": 1, "max": 5}, "PCIe at idle"),
    ({"pcie_width": 4}, "pcie_width_lanes", {"now": 4, "max": 16, "under_load": 4}, "PCIe lanes lost"),
    ({}, "pcie_bytes_per_second", {}, "PCIe throughput is not measured unasked"),
    ({}, "serial", "", "the serial number is not told unasked"),
    ({}, "ecc_errors", {"corrected": 3, "uncorrected": 0}, "ECC"),
    (
        {"field.5": None, "field.6": None, "ecc.0.1": 8, "ecc.1.1": 1},
        "ecc_errors",
        {"corrected": 8, "uncorrected": 1},
        "ECC by the old function",
    ),
    ({"field.5": None, "field.6": None, "ecc.0.1": None, "ecc.1.1": None}, "ecc_errors", {}, "ECC is off"),
    ({"field.29": 2, "field.30": 1}, "retired_pages", {"single_bit": 2, "double_bit": 1}, "pages"),
    ({}, "row_remaps", {"corrected": 1, "uncorrected": 0}, "row remapping"),
    ({"field.144": 1}, "is_remap_pending", True, "rows wait for a reset"),
    ({"field.144": None, "field.31": 1}, "is_remap_pending", True, "pages wait for a reset"),
    ({"field.144": None}, "is_remap_pending", None, "nothing can wait"),
    ({"field.145": 1}, "is_remap_failed", True, "no spare row is left"),
    ({"field.230": 2}, "recovery_action", "reboot_node", "recovery action"),
    ({"field.230": 77}, "recovery_action", "unknown", "recovery action that no table knows"),
    ({"field.230": None}, "recovery_action", "", "no recovery action"),
    ({"field.230": _NOT_AVAILABLE}, "recovery_action", "", "recovery action N/A"),
    ({}, "sharing", "none", "not shared"),
    ({"mps_processes": "77:1000"}, "sharing", "mps", "MPS"),
    ({"virtualization_mode": 2}, "sharing", "vgpu", "vGPU"),
    ({"virtualization_mode": 1}, "sharing", "none", "passed through whole"),
    ({"mig_mode": None, "mps_processes": None, "virtualization_mode": None}, "sharing", "", "sharing unknown"),
    ({"return.nvmlDeviceGetMPSComputeRunningProcesses_v3": 999}, "sharing", "none", "one of the three fails now"),
    ({"return.nvmlDeviceGetMigMode": 999}, "sharing", "", "whether it is cut cannot be told now"),
    ({"samples.1": None}, "busy_seconds", None, "no sample buffer"),
    ({"samples.1": ""}, "busy_seconds", 0.0, "an empty sample buffer"),
    ({"vbios_version": None}, "vbios_version", "", "no VBIOS version"),
]


_CARDS_A_MACHINE = 14


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> list[Device]:
    """Return one card for each row of the table, read a machine full of them at a time."""

    async def read_machine(changes: list[dict[str, Value | None]]) -> list[Device]:
        values = machine(*({**h100(index), **change} for index, change in enumerate(changes)))
        async with reading(tmp_path_factory.mktemp("machine"), values) as rig:
            await rig.until(lambda gpus: [one.unavailable for one in gpus.devices] == [None] * len(changes))
            return list((await rig.reader.read()).devices)

    async def main() -> list[Device]:
        starts = range(0, len(_FACTS), _CARDS_A_MACHINE)
        changes = [row[0] for row in _FACTS]
        return [one for start in starts for one in await read_machine(changes[start : start + _CARDS_A_MACHINE])]

    return asyncio.run(main())


@pytest.mark.parametrize("number", range(len(_FACTS)), ids=[row[3] for row in _FACTS])
def test_a_fact(cards: list[Device], number: int) -> None:
    """In base units; absent, never 0, where the card does not have it."""
    _, field, expected, _ = _FACTS[number]

    assert getattr(cards[number], field) == expected


def test_what_is_only_told_when_asked_for(tmp_path: Path) -> None:
    """The serial number, and a measurement that takes its time."""
    device = _read(tmp_path, {}, config=Nvml(serial=True, pcie_throughput=True))

    assert device.serial == "1651323000000"
    assert device.pcie_bytes_per_second == {"tx": 2_150_000 * 1024.0, "rx": 740_000 * 1024.0}


def test_links(tmp_path: Path) -> None:
    """Each with its state and errors; a state or a counter that is not there is absent."""
    links = _read(tmp_path, {"field.165.3": 0, "field.163.3": 17, "field.165.4": None, "field.214.5": 2}).nvlinks

    none = {"replay": 0, "recovery": 0, "crc": 0}
    assert len(links) == 18
    assert links[3] == NvLink(index=3, is_up=False, errors={**none, "crc": 17})
    assert links[4] == NvLink(index=4, errors=none)
    assert links[5] == NvLink(index=5, is_up=True, errors={**none, "recovery_failed": 2})


def test_gpm(tmp_path: Path) -> None:
    """Ratios between two samples; a metric that the driver does not have is absent."""

    async def main() -> Device:
        async with reading(tmp_path, machine(h100())) as rig:
            first = await rig.device()
            assert first.gpm_ratio == {}
            return await rig.device(lambda device: bool(device.gpm_ratio))

    assert asyncio.run(main()).gpm_ratio == pytest.approx(
        {"graphics_active": 0.97, "sm_active": 0.88, "sm_occupancy": 0.41, "tensor_active": 0.355, "dram_active": 0.58}
    )


def test_busy_time_is_integrated_from_the_samples(tmp_path: Path) -> None:
    """Those of before the start do not count; a gap is not filled; a child that is killed costs no count."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100())) as rig:
            assert (await rig.device()).busy_seconds == 0
            rig.scenario.set({"gpu.0.samples.1": "1790000000000000+500000:96,98,100,50,100"})
            # the first ended at 0.334 s: the samples at 0.5, 1, 1.5 and 2 s are new
            await rig.device(lambda device: device.busy_seconds == pytest.approx(0.166 * 0.98 + 0.5 + 0.25 + 0.5))
            rig.scenario.set({"gpu.0.samples.1": "1790000010000000+500000:100"})
            await rig.device(lambda device: device.busy_seconds == pytest.approx(0.166 * 0.98 + 1.25 + 1.0))

    asyncio.run(main())


def test_the_peak_of_power_comes_from_the_driver_s_samples(tmp_path: Path) -> None:
    """What was between two readings counts."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100())) as rig:
            assert (await rig.device()).peaks["power_watts"] == 684.25
            rig.scenario.set({"gpu.0.samples.0": "1790000001000000+20000:701000,712500,0xffffffff,690000"})
            await rig.device(lambda device: device.peaks["power_watts"] == 712.5)

    asyncio.run(main())


def test_an_old_card_has_few_facts_and_no_wrong_ones(tmp_path: Path) -> None:
    """A library of long ago, without many of the functions."""
    old = build(tmp_path / "old", without=OLD_LIBRARY_LACKS)

    async def main() -> Device:
        async with reading(tmp_path, machine(old_card()), path=str(old)) as rig:
            return await rig.device()

    device = asyncio.run(main())
    assert (device.power_watts, device.fan_ratio, device.temperature_margin_celsius) == (2.31, {"0": 0.42}, 55.0)
    assert (device.memory_used_bytes, device.memory_reserved_bytes) == (142 * MIB, None)
    assert (device.sharing, device.recovery_action, device.busy_seconds, device.nvlinks) == ("", "", None, ())
    assert (device.energy_joules, device.throttle_seconds, device.ecc_errors) == (None, {}, {})


def test_a_slow_card_loses_readings_and_says_so(tmp_path: Path) -> None:
    """Every reading takes as long as four: three of four are lost."""

    async def main() -> Device:
        values = {**machine(h100()), "sleep.nvmlDeviceGetUtilizationRates": "0.35"}
        async with reading(tmp_path, values) as rig:
            return await rig.device(lambda device: (device.readings_due or 0) >= 20)

    device = asyncio.run(main())
    assert device.unavailable is None
    assert device.readings_due is not None
    assert device.readings_made is not None
    assert 0.1 < device.readings_made / device.readings_due < 0.5


def test_counters_that_go_back_are_told_as_they_are(tmp_path: Path) -> None:
    """After a reload the driver counts anew: Prometheus sees a reset, nothing of ours adds up or clamps."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100())) as rig:
            await rig.device(lambda device: device.energy_joules == 987_654_321.0)
            rig.scenario.set({"driver_generation": 2, "gpu.0.field.191": 5000, "gpu.0.field.74": 0})
            device = await rig.device(lambda device: device.energy_joules == 5.0)
            assert device.throttle_seconds["power_cap"] == 0.0

    asyncio.run(main())


def test_closed_lists_hold_what_the_reader_can_say() -> None:
    """What a card says has its series."""
    from exporter.sources import nvml_batches, nvml_use  # noqa: PLC0415  # pynvml is loaded only where it is tested

    assert {*nvml_batches.RECOVERY_ACTIONS.values(), "unknown"} == set(RECOVERY_ACTIONS)
    assert {"none", *nvml_use.SHARING_WAYS} == set(SHARING_MODES)
