"""The NVML reader on the fake driver: real binding, real child process, and waiting for what shall become true."""

import asyncio
import contextlib
import dataclasses
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from exporter.config import Nvml
from exporter.errors import SourceError
from exporter.snapshot import Device, Gpus
from exporter.sources.nvml_reader import NvmlReader
from fakes.nvml.build import library
from fakes.nvml.scenario import Scenario, Value

INTERVAL: Final = 0.1  # seconds, instead of 5
DEADLINE: Final = 1.0
T = TypeVar("T")
_DEFAULTS: Final = Nvml()
_LONGEST_WAIT: Final = 20.0  # seconds: far more than any test needs, for the day when the machine is busy


@dataclass(frozen=True)
class Rig:
    """A reader at work and the scenario of the driver that it reads."""

    scenario: Scenario
    reader: NvmlReader

    async def until(self, claim: Callable[[Gpus], bool]) -> Gpus:
        """Return the first reading of which this is true."""

        async def look() -> Gpus | None:
            with contextlib.suppress(SourceError):
                gpus = await self.reader.read()
                return gpus if claim(gpus) else None
            return None

        return await wait_for(look)

    async def until_fault(self, kind: str) -> SourceError:
        """Return the first failure of this kind."""

        async def look() -> SourceError | None:
            try:
                await self.reader.read()
            except SourceError as error:
                return error if error.kind == kind else None
            return None

        return await wait_for(look)

    async def device(self, claim: Callable[[Device], bool] = lambda device: device.unavailable is None) -> Device:
        """Return the first card as soon as this is true of it."""
        gpus = await self.until(lambda gpus: bool(gpus.devices) and claim(gpus.devices[0]))
        return gpus.devices[0]


def timeless(device: Device) -> Device:
    """Return a device without what depends on when one looks."""
    return dataclasses.replace(device, readings_due=None, readings_made=None)


async def wait_for(look: Callable[[], Awaitable[T | None]]) -> T:
    """Return what `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + _LONGEST_WAIT
    while (found := await look()) is None:
        assert time.monotonic() < deadline, "this never became true"
        await asyncio.sleep(0.02)
    return found


async def wait_until(claim: Callable[[], bool]) -> None:
    """Return as soon as this is true."""

    async def look() -> bool | None:
        return claim() or None

    await wait_for(look)


@contextlib.asynccontextmanager
async def reading(
    directory: Path, values: Mapping[str, Value], *, path: str | None = None, config: Nvml = _DEFAULTS
) -> AsyncIterator[Rig]:
    """Give a reader on this driver; it is stopped at the end, and leaves no process behind.

    `path` is nvml.library: the fake one where nothing is said; `config` says the rest.
    """
    scenario = Scenario(directory, dict(values))
    config = msgspec.structs.replace(
        config,
        interval_seconds=INTERVAL,
        deadline_seconds=DEADLINE,
        library=str(library()) if path is None else path,
    )
    reader = NvmlReader(config, environment={**os.environ, **scenario.environment})
    reader.first_pause_seconds, reader.longest_pause_seconds = 0.05, 0.2
    await reader.start()
    try:
        yield Rig(scenario, reader)
    finally:
        await reader.stop()
    assert children() == []


def children() -> list[int]:
    """Return the process numbers of the reader's children of this process."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _is_child(path)]


def _is_child(stat: Path) -> bool:
    try:
        parent = int(stat.read_text().rpartition(")")[2].split()[1])
        return parent == os.getpid() and b"nvml_child" in (stat.parent / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
