"""The faults of a driver as one table: when each is told, what is said, what goes, what stays live, when it is back.

The numbers are of the rig's intervals (a reading each 0.1 s, a deadline of 1 s); a reading at the default rates is 50
times slower and the deadline 5 times longer. The slack is for a machine that does something else too.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.snapshot import Device, Gpus
from fakes.nvml.rig import DEADLINE, INTERVAL, Rig, reading, wait_for
from fakes.nvml.scenario import Value, machine, rtx_pro_4000

_TWO = machine(rtx_pro_4000(0), rtx_pro_4000(1))
_SLACK = 3.0  # seconds
_AT_ONCE = INTERVAL + _SLACK
_AFTER_SILENCE = INTERVAL + DEADLINE + _SLACK
_A_NEW_CHILD = 0.2 + DEADLINE + _SLACK  # the longest pause of the rig, and the start of a process


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to break the driver, and what must follow; `reasons` are those of the two cards."""

    breaks: Mapping[str, Value]
    reasons: tuple[str | None, str | None]
    told_within: float
    back_within: float
    source_says: str = ""  # the kind of the source's failure; empty: the source works
    gone: tuple[str, ...] = ("memory_used_bytes", "power_watts", "temperatures_celsius")  # of the first card


_FAULTS = {
    "one call on one card never returns": Fault(
        breaks={"gpu.0.sleep.nvmlDeviceGetPowerUsage": "forever", "gpu.0.sleep.nvmlDeviceGetFieldValues": "forever"},
        reasons=("hung", None),
        told_within=_AFTER_SILENCE,
        back_within=_AT_ONCE,
    ),
    "one card is lost": Fault(
        breaks={"gpu.0.lost": 1}, reasons=("lost", None), told_within=_AT_ONCE, back_within=_AT_ONCE
    ),
    "one reading of one card fails": Fault(
        breaks={"gpu.0.return.nvmlDeviceGetMemoryInfo": 999, "gpu.0.return.nvmlDeviceGetMemoryInfo_v2": 999},
        reasons=(None, None),
        told_within=_AT_ONCE,
        back_within=_AT_ONCE,
        gone=("memory_used_bytes", "memory_free_bytes", "memory_total_bytes"),
    ),
    "every call on one card fails": Fault(
        breaks={"gpu.0.return.*": 999}, reasons=("failed", None), told_within=_AT_ONCE, back_within=_AT_ONCE
    ),
    "all cards are lost": Fault(
        breaks={"gpu.0.lost": 1, "gpu.1.lost": 1},
        reasons=("lost", "lost"),
        told_within=_AT_ONCE,
        back_within=_AT_ONCE,
    ),
    "the driver hangs as a whole": Fault(
        breaks={"sleep.*": "forever"},
        reasons=("hung", "hung"),
        told_within=_AFTER_SILENCE,
        back_within=_AT_ONCE,
        source_says="hung",
    ),
    "the driver is unloaded": Fault(
        breaks={"driver_generation": 2, "return.nvmlInitWithFlags": 9},
        reasons=("missing", "missing"),
        told_within=_A_NEW_CHILD,
        back_within=_A_NEW_CHILD,
        source_says="absent",
    ),
    "library and driver no longer match": Fault(
        breaks={"driver_generation": 2, "return.nvmlInitWithFlags": 18},
        reasons=("missing", "missing"),
        told_within=_A_NEW_CHILD,
        back_within=_A_NEW_CHILD,
        source_says="failed",
    ),
}


async def _look(rig: Rig) -> tuple[Gpus, str]:
    """Return what can be told of the cards, and the kind of the source's failure."""
    try:
        return await rig.reader.read(), ""
    except SourceError as error:
        return error.partial if isinstance(error.partial, Gpus) else Gpus(source="nobody"), error.kind


async def _until(rig: Rig, reasons: tuple[str | None, ...], source_says: str, gone: tuple[str, ...]) -> float:
    """Wait until it is told so, and return the seconds that it took."""
    started = time.monotonic()

    async def look() -> bool | None:
        gpus, kind = await _look(rig)
        told = tuple(device.unavailable for device in gpus.devices)
        return (told == reasons and kind == source_says and _is_without(gpus.devices[0], gone)) or None

    await wait_for(look)
    return time.monotonic() - started


def _is_without(device: Device, fields: tuple[str, ...]) -> bool:
    return not any(getattr(device, field) for field in fields)


async def _is_live(rig: Rig, card: int) -> bool:
    """Change a value of the card and see it change here too."""
    for percent in (31, 62):
        rig.scenario.set({f"gpu.{card}.utilization_percent": percent})
        await rig.until(lambda gpus, ratio=percent / 100: gpus.devices[card].utilization_ratio == ratio)  # type: ignore[misc]  # bound now
    return True


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS)
def test_a_fault(tmp_path: Path, fault: Fault) -> None:
    """It is told in time and by name, only what it hits goes, the rest is live, and it comes back by itself."""

    async def main() -> None:
        async with reading(tmp_path, _TWO) as rig:
            before = (await rig.until(lambda gpus: [one.power_watts for one in gpus.devices] == [9.12, 9.12])).devices
            rig.scenario.set(dict(fault.breaks))
            assert await _until(rig, fault.reasons, fault.source_says, fault.gone) < fault.told_within
            broken, _ = await _look(rig)
            assert [(one.uuid, one.model) for one in broken.devices] == [(one.uuid, one.model) for one in before]
            assert fault.reasons[1] is not None or await _is_live(rig, 1)
            rig.scenario.set(dict.fromkeys(fault.breaks))
            assert await _until(rig, (None, None), "", ()) < fault.back_within
            await rig.until(lambda gpus: all(getattr(gpus.devices[0], field) for field in fault.gone))

    asyncio.run(main())
