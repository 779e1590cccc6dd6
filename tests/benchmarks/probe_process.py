"""Measures what `probe` takes as a process beside the answer itself, in turns with what Python takes for less.

The gateway is a script on loopback, so nearly all of it is ours: starting Python, loading, asking, printing, ending.
Milliseconds are the machine's; the ratio to `import httpx` in the same run says whether the command became heavier.
Exit 1 where the bar does not hold.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from fakes.gateway import HEALTHY, fake_gateway
from fakes.program import ROOT, own_environment

_BAR_SECONDS: Final = 0.120
_CONFIG: Final = """
gateway: {{url: "{url}"}}
lanes: [{{name: lane-a, model_id: lane-fast}}]
aliases: [{{name: fast, lane: lane-a}}]
"""


async def main(turns: int) -> int:
    """Run everything in turns and print a line each."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        async with fake_gateway(HEALTHY) as fake:
            file.write(_CONFIG.format(url=fake.url))
            file.flush()
            times = await _measure(_commands(fake.url, file.name), turns)
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in times.items():
        ratio = middle[name] / middle["python, import httpx"]
        print(f"{name:<24} median {middle[name] * 1e3:6.1f} ms  best {min(seconds) * 1e3:6.1f} ms  ratio {ratio:.2f}")
    over = middle["probe"]
    print(f"probe over the answer's own time: {over * 1e3:.1f} ms, the bar is {_BAR_SECONDS * 1e3:.0f} ms")
    return int(over > _BAR_SECONDS)


def _commands(url: str, config: str) -> Mapping[str, tuple[str, ...]]:
    script, python = str(Path(sys.executable).with_name("probe")), sys.executable
    probe = (script, "--alias", "fast", "--json")
    return {
        "probe": (*probe, "--gateway", url),
        "probe with its file": (*probe, "--config", config),
        "probe --help": (script, "--help"),
        "python, import httpx": (python, "-c", "import httpx"),
        "python, import asyncio": (python, "-c", "import asyncio"),
        "python": (python, "-c", "pass"),
    }


async def _measure(commands: Mapping[str, tuple[str, ...]], turns: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(turns):
        for name, command in commands.items():
            times[name].append(await _run(command))
    return times


async def _run(command: tuple[str, ...]) -> float:
    """Return the seconds that the process took beside the answer itself, which only a probe has."""
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=own_environment()
    )
    out, _ = await process.communicate()
    whole = time.perf_counter() - begun
    answer = json.loads(out)["seconds"] if out.startswith(b"{") else 0.0
    return whole - float(answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20)
    sys.exit(asyncio.run(main(parser.parse_args().turns)))
