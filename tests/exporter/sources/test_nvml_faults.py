"""What the reader says of cards and drivers that do not answer, and how it comes back by itself."""

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path
from typing import get_args

import pytest

from exporter.snapshot import CardEvent, Device, Gpus
from fakes.nvml.build import NAME, library
from fakes.nvml.rig import DEADLINE, INTERVAL, children, reading, timeless, wait_until
from fakes.nvml.scenario import Value, h100_node, machine, reference_node, rtx_pro_4000

_TWO = machine(rtx_pro_4000(0), rtx_pro_4000(1))


def _reasons(gpus: Gpus) -> list[str | None]:
    return [device.unavailable for device in gpus.devices]


def _names(gpus: object) -> list[tuple[str, str]]:
    assert isinstance(gpus, Gpus)
    return [(device.model[:10], device.unavailable or "answers") for device in gpus.devices]


def test_one_hanging_card_leaves_the_other_live(tmp_path: Path) -> None:
    """It is named `hung` within the deadline, the other card's values still change, no process is killed."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            before, started = children(), time.monotonic()
            rig.scenario.set({"gpu.0.sleep.nvmlDeviceGetUtilizationRates": "forever"})
            gpus = await rig.until(lambda gpus: _reasons(gpus) == ["hung", None])
            assert time.monotonic() - started < INTERVAL + DEADLINE + 2
            assert (gpus.devices[0].model, gpus.devices[0].memory_used_bytes) == (gpus.devices[1].model, None)
            rig.scenario.set({"gpu.1.utilization_percent": 83})
            await rig.until(lambda gpus: gpus.devices[1].utilization_ratio == 0.83)
            rig.scenario.set({"gpu.0.sleep.nvmlDeviceGetUtilizationRates": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            assert children() == before

    asyncio.run(main())


def test_a_card_that_hangs_from_the_start(tmp_path: Path) -> None:
    """It has a name as soon as the driver told it, and the other card does not wait for it."""

    async def main() -> None:
        values = {**_TWO, "gpu.0.sleep.nvmlDeviceGetMemoryInfo_v2": "forever"}
        async with reading(tmp_path, values) as rig:
            assert _reasons(await rig.reader.read()) == [None]
            await rig.until(lambda gpus: _reasons(gpus) == ["hung", None])

    asyncio.run(main())


def test_a_driver_that_hangs_as_a_whole(tmp_path: Path) -> None:
    """The source is `hung`, the cards keep their names, and a fresh child is tried only after the long silence."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            rig.scenario.set({"sleep.*": "forever"})
            error = await rig.until_fault("hung")
            assert _names(error.partial) == [("NVIDIA RTX", "hung")] * 2
            before = children()
            rig.reader.silence_seconds = 0.2
            await wait_until(lambda: not set(before) & set(children()))
            rig.scenario.set({"sleep.*": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])

    asyncio.run(main())


def test_a_driver_that_never_opens(tmp_path: Path) -> None:
    """The first reading waits a moment only."""

    async def main() -> None:
        async with reading(tmp_path, {**_TWO, "sleep.nvmlInitWithFlags": "forever"}) as rig:
            error = await rig.until_fault("hung")
            assert "since the NVML reader started" in str(error)

    asyncio.run(main())


def test_a_lost_card_keeps_its_name_and_comes_back(tmp_path: Path) -> None:
    """All its values are absent while it is lost, and all are read anew after."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            good = await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            rig.scenario.set({"gpu.0.lost": 1})
            gpus = await rig.until(lambda gpus: _reasons(gpus) == ["lost", None])
            assert timeless(gpus.devices[0]) == Device(
                uuid="GPU-5f0c3a1e-9d42-4b7a-8c11-000000000000",
                index=0,
                model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
                pci_bus_id="00000000:01:00.0",
                driver_version="610.43.02",
                cuda_version="13.3",
                vbios_version="9B.06.11.00.01",
                unavailable="lost",
                xids=(),
            )
            rig.scenario.set({"gpu.0.lost": None})
            back = await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            assert [timeless(device) for device in back.devices] == [timeless(device) for device in good.devices]

    asyncio.run(main())


def test_all_cards_lost(tmp_path: Path) -> None:
    """The driver still answers, so the source works and says `lost` of each; even a fresh child finds them again."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            rig.scenario.set({"gpu.0.lost": 1, "gpu.1.lost": 1})
            await rig.until(lambda gpus: _reasons(gpus) == ["lost", "lost"])
            before = children()
            rig.reader.silence_seconds = 0.2
            await wait_until(lambda: not set(before) & set(children()))
            rig.reader.silence_seconds = 120
            rig.scenario.set({"gpu.0.lost": None, "gpu.1.lost": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])

    asyncio.run(main())


def test_a_card_of_which_every_call_fails(tmp_path: Path) -> None:
    """That is no healthy card without values: it is `failed`."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            rig.scenario.set({"gpu.0.return.*": 999})
            await rig.until(lambda gpus: _reasons(gpus) == ["failed", None])
            rig.scenario.set({"gpu.0.return.*": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])

    asyncio.run(main())


def test_a_card_that_answers_without_saying_anything(tmp_path: Path) -> None:
    """A call that works and in which every single value failed is no answer either."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            values = {key.replace("field.", "field_return."): 999 for key in _TWO if key.startswith("gpu.0.field.")}
            rig.scenario.set({**values, "gpu.0.return.*": 999, "gpu.0.return.nvmlDeviceGetFieldValues": 0})
            await rig.until(lambda gpus: _reasons(gpus) == ["failed", None])

    asyncio.run(main())


def test_a_card_that_the_driver_no_longer_has(tmp_path: Path) -> None:
    """After a reload without it, it is `missing`: somebody has to notice."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            rig.scenario.set({"driver_generation": 2, "devices": 1})
            gpus = await rig.until(lambda gpus: _reasons(gpus) == [None, "missing"])
            assert gpus.devices[1].model == gpus.devices[0].model

    asyncio.run(main())


def test_a_library_that_appears_later(tmp_path: Path) -> None:
    """Before, the message says what is off and how to turn it on; after, everything comes by itself."""

    async def main() -> None:
        later = tmp_path / "later" / NAME
        later.parent.mkdir()
        async with reading(tmp_path, reference_node(), path=str(later)) as rig:
            error = await rig.until_fault("absent")
            assert "nvml.library cannot be loaded, GPU metrics are off" in str(error)
            assert error.partial == Gpus(source="nvml")
            shutil.copy(library(), later.with_suffix(".new"))
            later.with_suffix(".new").rename(later)
            await rig.until(lambda gpus: _reasons(gpus) == [None])

    asyncio.run(main())


_FAULTS = [
    pytest.param({"return.nvmlInitWithFlags": 9}, "absent", "modprobe nvidia", id="driver not loaded"),
    pytest.param({"return.nvmlInitWithFlags": 18}, "failed", "reboot the node or reload", id="library mismatch"),
    pytest.param({"return.nvmlInitWithFlags": 4}, "failed", "returned 4", id="no permission"),
]


@pytest.mark.parametrize(("fault", "kind", "message"), _FAULTS)
def test_a_driver_that_cannot_be_used_now(tmp_path: Path, fault: dict[str, Value], kind: str, message: str) -> None:
    """It says why, and works when the driver does."""

    async def main() -> None:
        async with reading(tmp_path, {**reference_node(), **fault}) as rig:
            assert message in str(await rig.until_fault(kind))
            rig.scenario.set(dict.fromkeys(fault))
            await rig.until(lambda gpus: _reasons(gpus) == [None])

    asyncio.run(main())


def test_a_driver_that_is_reloaded(tmp_path: Path) -> None:
    """All handles are void: a new child takes over, without a restart of ours, and the calls are counted on."""

    async def main() -> None:
        async with reading(tmp_path, reference_node()) as rig:
            calls = (await rig.until(lambda gpus: _reasons(gpus) == [None])).calls
            rig.scenario.set({"driver_generation": 2, "return.nvmlInitWithFlags": 9})
            error = await rig.until_fault("absent")
            assert _names(error.partial) == [("NVIDIA RTX", "missing")]
            rig.scenario.set({"return.nvmlInitWithFlags": None})
            assert (await rig.until(lambda gpus: _reasons(gpus) == [None])).calls > calls

    asyncio.run(main())


def _counts(device: Device) -> list[tuple[int, int]]:
    return [(xid.code, xid.count) for xid in device.xids or ()]


def test_xids_are_counted_and_survive_the_child(tmp_path: Path) -> None:
    """The same one twice counts twice; a killed child costs no count and, for a moment, no value."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            for code in (31, 31, 79):
                rig.scenario.happen(0, code)
            first = await rig.device(lambda device: _counts(device) == [(31, 2), (79, 1)])
            assert all(abs(xid.last_at - time.time()) < 10 for xid in first.xids or ())
            os.kill(children()[0], signal.SIGKILL)
            await wait_until(lambda: len(children()) == 1 and rig.scenario.calls()["nvmlInitWithFlags"] == 2)
            gpus = await rig.until(lambda gpus: _reasons(gpus) == [None, None])
            assert [_counts(device) for device in gpus.devices] == [[(31, 2), (79, 1)], []]
            await wait_until(lambda: rig.scenario.calls()["nvmlDeviceRegisterEvents"] == 4)
            rig.scenario.happen(0, 31)
            await rig.device(lambda device: _counts(device) == [(31, 3), (79, 1)])

    asyncio.run(main())


@pytest.mark.parametrize(
    ("bit", "name"), [(0x100, "mig_change"), (0x200, "ecc_storm"), (0x8000, "recovery_action_change")]
)
def test_other_events_are_counted_and_begin_at_zero(tmp_path: Path, bit: int, name: CardEvent) -> None:
    """A card that can report an event has its series before the first one; the reference card can report none."""

    async def main() -> None:
        async with reading(tmp_path, h100_node(1)) as rig:
            first = await rig.device()
            assert set(first.events) == set(get_args(CardEvent))
            assert set(first.events.values()) == {0}
            for _ in range(2):
                rig.scenario.happen(0, event=bit)
            seen = await rig.device(lambda device: device.events[name] == 2)
            assert sum(seen.events.values()) == 2
            assert _counts(seen) == []

    asyncio.run(main())


def test_a_library_that_crashes(tmp_path: Path) -> None:
    """A segmentation fault is the child's; its death is told once the last readings are old."""

    async def main() -> None:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(lambda gpus: _reasons(gpus) == [None])
            rig.scenario.set({"crash.*": 1})
            assert "was killed by signal 11" in str(await rig.until_fault("failed"))
            rig.scenario.set({"crash.*": None})
            await rig.until(lambda gpus: _reasons(gpus) == [None])

    asyncio.run(main())
