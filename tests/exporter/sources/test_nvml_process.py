"""How the reader's child ends, whatever it does, and that there is never a second one next to a stuck one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.config import Nvml
from exporter.snapshot import Gpus
from exporter.sources.nvml_reader import child_options
from fakes.nvml.build import library
from fakes.nvml.rig import Rig, children, reading, wait_until
from fakes.nvml.scenario import Value, reference_node

_HOLD_ON = """
import ctypes, sys, time
PTRACE_SEIZE = 0x4206
held = ctypes.CDLL(None).ptrace(PTRACE_SEIZE, int(sys.argv[1]), None, None)
print(held, flush=True)
time.sleep(60)
"""


@contextmanager
def _held(pid: int) -> Iterator[None]:
    """Hold on to a process as a debugger does: however it dies, its parent cannot reap it, as if it were in state D."""
    with subprocess.Popen([sys.executable, "-c", _HOLD_ON, str(pid)], stdout=subprocess.PIPE, text=True) as debugger:
        assert debugger.stdout
        assert debugger.stdout.readline() == "0\n"
        try:
            yield
        finally:
            debugger.kill()


def _answers(gpus: Gpus) -> bool:
    return [device.unavailable for device in gpus.devices] == [None]


async def _seconds_to_stop(rig: Rig) -> float:
    started = time.monotonic()
    await rig.reader.stop()
    return time.monotonic() - started


_CHILDREN = [
    pytest.param({}, id="a healthy child"),
    pytest.param({"sleep.nvmlDeviceGetUtilizationRates": "forever"}, id="a call that does not return"),
    pytest.param({"sleep.nvmlShutdown": "forever"}, id="a shutdown that does not return"),
]


@pytest.mark.parametrize("change", _CHILDREN)
def test_stop_is_quick(tmp_path: Path, change: dict[str, Value | None]) -> None:
    """Within 2.5 seconds the child is gone."""

    async def main() -> float:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(_answers)
            rig.scenario.set(change)
            calls = sum(rig.scenario.calls().values())
            await wait_until(lambda: sum(rig.scenario.calls().values()) > calls + 5)
            return await _seconds_to_stop(rig)

    assert asyncio.run(main()) < 2.5


def test_stop_is_quick_for_a_process_that_does_not_run(tmp_path: Path) -> None:
    """It hears neither the question nor SIGTERM."""

    async def main() -> float:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(_answers)
            os.kill(children()[0], signal.SIGSTOP)
            return await _seconds_to_stop(rig)

    assert asyncio.run(main()) < 2.5


def test_a_healthy_child_closes_the_driver(tmp_path: Path) -> None:
    """It was asked, not killed."""

    async def main() -> int:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(_answers)
            await rig.reader.stop()
            return rig.scenario.calls().get("nvmlShutdown", 0)

    assert asyncio.run(main()) == 1


def test_no_second_child_next_to_one_that_cannot_be_ended(tmp_path: Path) -> None:
    """It is counted as stuck and left alone; when it is gone at last, the next one starts."""

    async def main() -> None:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(_answers)
            with _held(children()[0]):
                rig.scenario.set({"sleep.*": "forever"})
                rig.reader.silence_seconds = 0.2
                await wait_until(lambda: rig.reader.stuck == 1)
                error = await rig.until_fault("hung")
                assert "cannot be killed: reboot the node" in str(error)
                rig.reader.silence_seconds = 120
                rig.scenario.set({"sleep.*": None})
                assert rig.scenario.calls()["nvmlInitWithFlags"] == 1
            await rig.until(_answers)
            assert rig.reader.stuck == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    "spilled",
    [pytest.param("2000000", id="one line without end"), pytest.param("50000:", id="very many lines")],
)
def test_garbage_in_our_own_stream(tmp_path: Path, spilled: str) -> None:
    """A library that writes there costs its child, not us, and the next one reads."""

    async def main() -> None:
        async with reading(tmp_path, reference_node()) as rig:
            await rig.until(_answers)
            before = children()
            rig.scenario.set({"spill.nvmlDeviceGetUtilizationRates": spilled})
            await wait_until(lambda: not set(before) & set(children()))
            rig.scenario.set({"spill.nvmlDeviceGetUtilizationRates": None})
            await wait_until(lambda: len(children()) == 1 and children() != before)
            await rig.until(_answers)

    asyncio.run(main())


def test_the_child_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    """Nobody has to clean up after a parent that was killed."""
    options = child_options(Nvml(interval_seconds=0.1, library=str(library())))
    command = [sys.executable, "-P", "-m", "exporter.sources.nvml_child", options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline().startswith(b'{"type": "opened"')
        child.stdin.close()

        assert child.wait(timeout=10) == 0
