"""Measures what `probe` takes as a process beside the answer itself, in turns with what Python takes for less.

The gateway is a script on loopback, so nearly all of it is ours: starting Python, loading, asking, printing, ending. It
runs as installed, from bytecode: a checkout under PYTHONDONTWRITEBYTECODE that was never compiled takes a sixth longer.
Milliseconds are the machine's, and processor time lies less than the clock where others use it too; the ratio to
`python -c pass` in the same run says whether the command became heavier. Exit 1 where the bar does not hold.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fakes.gateway import HEALTHY, fake_gateway
from fakes.program import ROOT, own_environment

_BAR_SECONDS: Final = 0.120
_BARRED: Final = ("probe", "probe with its file")
_LEAST: Final = "python"
_CONFIG: Final = """
gateway: {{url: "{url}"}}
lanes: [{{name: lane-a, model_id: lane-fast}}]
aliases: [{{name: fast, lane: lane-a}}]
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of one process beside the answer itself, by the clock and of the processor."""

    clock: float
    processor: float


async def main(turns: int) -> int:
    """Run everything in turns and print a line each."""
    with tempfile.TemporaryDirectory() as folder:
        async with fake_gateway(HEALTHY) as fake:
            file = Path(folder) / "probe.yaml"
            file.write_text(_CONFIG.format(url=fake.url), encoding="utf-8")
            took = await asyncio.to_thread(_measure, _commands(fake.url, str(file)), turns, folder)
    least = _middle(took[_LEAST])
    for name, runs in took.items():
        print(_line(name, runs, least))
    over = {name: _middle(took[name]).clock for name in _BARRED}
    for name, seconds in over.items():
        print(f"{name} over the answer's own time: {seconds * 1e3:.1f} ms, the bar is {_BAR_SECONDS * 1e3:.0f} ms")
    return int(max(over.values()) > _BAR_SECONDS)


def _line(name: str, runs: list[Took], least: Took) -> str:
    middle, best = _middle(runs), min(run.clock for run in runs)
    return (
        f"{name:<23} median {middle.clock * 1e3:6.1f} ms ({middle.clock / least.clock:5.2f} x)  best {best * 1e3:6.1f}"
        f" ms  processor {middle.processor * 1e3:6.1f} ms ({middle.processor / least.processor:5.2f} x)"
    )


def _middle(runs: list[Took]) -> Took:
    return Took(statistics.median(run.clock for run in runs), statistics.median(run.processor for run in runs))


def _commands(url: str, config: str) -> Mapping[str, tuple[str, ...]]:
    script, python = str(Path(sys.executable).with_name("probe")), sys.executable
    probe = (script, "--alias", "fast", "--json")
    return {
        "probe": (*probe, "--gateway", url),
        "probe with its file": (*probe, "--config", config),
        "probe --help": (script, "--help"),
        "python, import httpx": (python, "-c", "import httpx"),
        "python, import asyncio": (python, "-c", "import asyncio"),
        _LEAST: (python, "-c", "pass"),
    }


def _measure(commands: Mapping[str, tuple[str, ...]], turns: int, folder: str) -> dict[str, list[Took]]:
    took: dict[str, list[Took]] = {name: [] for name in commands}
    for turn in range(turns + 1):
        for name, command in commands.items():
            run = _run(command, folder)
            if turn:  # the first one writes the bytecode
                took[name].append(run)
    return took


def _run(command: tuple[str, ...], folder: str) -> Took:
    """Return what the process took beside the answer itself, which only a probe has."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=_environment(folder)) as process:
        out = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    whole = time.perf_counter() - begun
    answer = json.loads(out)["seconds"] if out.startswith(b"{") else 0.0
    return Took(whole - float(answer), usage.ru_utime + usage.ru_stime)


def _environment(folder: str) -> Mapping[str, str]:
    own = own_environment(PYTHONPYCACHEPREFIX=f"{folder}/bytecode")
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    return own


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    sys.exit(asyncio.run(main(parser.parse_args().turns)))
