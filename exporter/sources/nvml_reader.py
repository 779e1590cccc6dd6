"""The NVIDIA driver as a source: keeps the reading child alive and serves from memory what it said.

Nothing here calls the driver or waits for it: a card that hangs is data, and a child that hangs is left behind.
"""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Literal

from exporter.config import Nvml
from exporter.errors import SourceError
from exporter.snapshot import Gpus
from exporter.sources.nvml_messages import Fault, parse_message
from exporter.sources.nvml_process import ReaderProcess
from exporter.sources.nvml_view import NvmlView

_MOST_GARBAGE = 100  # lines of one child that are no message
_LOOK = 1.0  # seconds between two looks at whether the child still gives values
_LAST_MOMENT = 0.2  # seconds between the end of the lines and the end of the process
_log = logging.getLogger(__name__)


class NvmlReader:
    """Reads all NVIDIA cards of this node; `start` before the first `read`, `stop` at the end.

    At most one child exists at any time: while one hangs in the driver and cannot be ended, none is started.
    """

    def __init__(self, config: Nvml, *, environment: Mapping[str, str] | None = None) -> None:
        self.first_pause_seconds = 1.0
        self.longest_pause_seconds = 4.0  # a driver that is back is found within 5 s; a look costs 60 ms of CPU
        self.silence_seconds = 120.0  # without a value of any card; then the child is started afresh
        self.stuck = 0  # children that do not end; `lanewatch_reader_stuck`
        self._arguments = (child_options(config),)
        self._environment = dict(os.environ if environment is None else environment)
        self._first_wait = config.deadline_seconds / 2
        self._view = NvmlView(
            fresh_seconds=config.interval_seconds + config.deadline_seconds, interval_seconds=config.interval_seconds
        )
        self._settled = asyncio.Event()
        self._garbage = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the child, and from now on another one whenever it ends."""
        self._task = asyncio.create_task(self._run(), name="nvml-reader")

    async def stop(self) -> None:
        """End the child, within 2.5 seconds whatever it does."""
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def read(self) -> Gpus:
        """Return what is known now; only the first reading waits a moment for the child."""
        if not self._settled.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._first_wait):
                    await self._settled.wait()
            self._settled.set()
        now = time.monotonic()
        gpus = self._view.gpus(now)
        if problem := self._view.problem(now):
            raise SourceError(problem.kind, problem.message, partial=gpus)
        return gpus

    async def _run(self) -> None:
        pause = self.first_pause_seconds
        while True:
            had_values = await self._run_child()
            pause = self.first_pause_seconds if had_values else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, self.longest_pause_seconds)

    async def _run_child(self) -> bool:
        """Run one child to its end; whether it gave any values."""
        self._view.start(time.monotonic())
        self._garbage = 0
        child = ReaderProcess(self._hear)
        try:
            await child.start(self._arguments, self._environment)
        except OSError as error:
            self._view.end(Fault("failed", f"the NVML reader cannot be started: {error}"))
            return False
        try:
            self._view.end(await self._listen(child))
        finally:
            self.stuck = int(not await child.end())
            child.close()
        if self.stuck:
            await self._outwait(child)
        return self._view.has_values

    async def _listen(self, child: ReaderProcess) -> Fault:
        """Wait until the child is over, or until it gave no values for too long; why it is."""
        while not child.over.is_set():
            if self._view.silence(time.monotonic()) > self.silence_seconds:
                return _logged(
                    "hung", f"no card gave a value for {self.silence_seconds:g} s; the NVML reader starts afresh"
                )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await child.over.wait()
        if self._view.fault:  # it said why
            return self._view.fault
        await child.is_gone_within(_LAST_MOMENT)
        return _logged("failed", f"the NVML reader {child.how_it_ended}; it is started again")

    async def _outwait(self, child: ReaderProcess) -> None:
        """Wait for a process that cannot be killed: a second one would hang next to it."""
        message = f"the NVML reader, process {child.pid}, hangs in the driver and cannot be killed: reboot the node"
        self._view.end(_logged("hung", message))
        await child.is_gone_within(None)
        self.stuck = 0

    def _hear(self, line: bytes) -> bool:
        """Take one line of the child; False when it wrote too many that are no message."""
        message = parse_message(line)
        if message is None:
            self._garbage += 1
            return self._garbage <= _MOST_GARBAGE
        now = time.monotonic()
        self._view.take(message, now=now, unix_time=time.time())
        if self._view.is_settled(now):
            self._settled.set()
        return True


def child_options(config: Nvml) -> str:
    """Return what the child has to know, by the names in `nvml_fields.Options`: importing that would import pynvml."""
    return json.dumps(
        {
            "interval_seconds": config.interval_seconds,
            "library": config.library,
            "peak_window_seconds": config.peak_window_seconds,
            "serial": config.serial,
            "pcie_throughput": config.pcie_throughput,
        }
    )


def _logged(kind: Literal["failed", "hung"], message: str) -> Fault:
    _log.warning(message)
    return Fault(kind, message)
