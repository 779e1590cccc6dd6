"""Our own commands as processes, and what they said."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


async def probe(*arguments: str, **variables: str) -> Said:
    """Run `probe` with these variables and none of this machine's own for it."""
    return await _run("probes.command", arguments, variables)


async def lanewatch(*arguments: str, **variables: str) -> Said:
    """Run `lanewatch` in the same way."""
    return await _run("lanewatch", arguments, variables)


def own_environment(**variables: str) -> dict[str, str]:
    """Return this machine's variables without those of our commands, and with `variables`."""
    return {name: text for name, text in os.environ.items() if not name.startswith("LANEWATCH_")} | variables


async def _run(module: str, arguments: tuple[str, ...], variables: dict[str, str]) -> Said:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=own_environment(**variables),
    )
    out, err = await process.communicate()
    return Said(process.returncode or 0, out.decode(), err.decode())
