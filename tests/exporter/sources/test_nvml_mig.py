"""MIG: instances are devices of their own, and nothing counts twice."""

import asyncio
from pathlib import Path

from exporter.snapshot import Device, Gpus
from fakes.nvml.rig import reading
from fakes.nvml.scenario import MIB, h100, h100_mig, machine

_PARENT = "GPU-a1b2c3d4-0000-4000-8000-000000000000"


def _uuids(gpus: Gpus) -> list[str]:
    return [device.uuid[:17] for device in gpus.devices]


def _reasons(gpus: Gpus) -> list[str | None]:
    return [device.unavailable for device in gpus.devices]


def _read(directory: Path) -> tuple[Device, ...]:
    async def main() -> tuple[Device, ...]:
        async with reading(directory, machine(h100_mig())) as rig:
            return (await rig.until(lambda gpus: len(gpus.devices) == 3)).devices

    return asyncio.run(main())


def test_an_instance_says_whose_it_is_and_what_it_has(tmp_path: Path) -> None:
    """Its memory, its processes, its profile, its parent; no power, temperature or clock."""
    _, large, small = _read(tmp_path)

    assert (large.parent_uuid, large.mig_profile, large.memory_total_bytes) == (_PARENT, "3g.40gb", 40_448 * MIB)
    assert [process.pid for process in large.processes or ()] == [9100]
    assert (small.mig_profile, small.processes, small.memory_used_bytes) == ("1g.10gb", (), 14 * MIB)
    assert (large.power_watts, large.temperatures_celsius, large.clocks_hertz) == (None, {}, {})


def test_what_was_cut_leaves_the_card(tmp_path: Path) -> None:
    """A sum over all devices counts memory and processes once; what cannot be cut stays with the card."""
    card, *_ = _read(tmp_path)

    assert (card.sharing, card.power_watts, card.temperatures_celsius["gpu"]) == ("mig", 684.25, 64.0)
    assert (card.memory_total_bytes, card.memory_used_bytes, card.processes) == (None, None, None)
    assert card.utilization_ratio is None
    assert "memory_used_bytes" not in card.peaks


def test_who_cuts_a_card_anew(tmp_path: Path) -> None:
    """The instances that are gone have no series any more; without any, the card has its memory back."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100_mig())) as rig:
            await rig.until(lambda gpus: len(gpus.devices) == 3)
            rig.scenario.set({"gpu.0.mig.0.uuid": None})
            await rig.until(lambda gpus: _uuids(gpus) == [_PARENT[:17], "MIG-c0ffee00-0001"])
            rig.scenario.set({"gpu.0.mig_mode": 0, "gpu.0.mig.1.uuid": None})
            gpus = await rig.until(lambda gpus: len(gpus.devices) == 1 and gpus.devices[0].sharing == "none")
            assert gpus.devices[0].memory_total_bytes == 81559 * MIB

    asyncio.run(main())


def test_instances_share_the_fate_of_their_card(tmp_path: Path) -> None:
    """A lost card loses its instances; another card goes on."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100_mig(0), h100(1))) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None] * 4)
            rig.scenario.set({"gpu.0.lost": 1})
            gpus = await rig.until(lambda gpus: _reasons(gpus) == ["lost", "lost", "lost", None])
            assert [device.parent_uuid for device in gpus.devices] == ["", _PARENT, _PARENT, ""]
            rig.scenario.set({"gpu.0.lost": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None] * 4)

    asyncio.run(main())


def test_instances_stay_while_nobody_can_tell_whether_the_card_is_cut(tmp_path: Path) -> None:
    """One call that fails must not make instances vanish and come back."""

    async def main() -> None:
        async with reading(tmp_path, machine(h100_mig())) as rig:
            await rig.until(lambda gpus: len(gpus.devices) == 3)
            rig.scenario.set({"gpu.0.return.nvmlDeviceGetMigMode": 999})
            gpus = await rig.until(lambda gpus: gpus.devices[0].sharing == "")
            assert len(gpus.devices) == 3

    asyncio.run(main())
