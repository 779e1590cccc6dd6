"""What is shown on a terminal and what is not shown elsewhere: a real pseudo-terminal, and click's own runner."""

import asyncio
import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fakes.gateway import HEALTHY, fake_gateway
from fakes.program import ROOT, own_environment
from probes.command import main

GREEN = "\x1b[32m"
PROGRESS = "asking alias fast, 2 of 2"


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """Run `probe` with a terminal as its outputs, and return what the terminal got."""

    async def run() -> bytes:
        ours, theirs = pty.openpty()
        async with fake_gateway(HEALTHY) as fake:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "probes.command", "--alias", "fast", "--gateway", fake.url, *arguments),
                stdout=theirs,
                stderr=theirs,
                cwd=ROOT,
                env=own_environment(**variables),
            )
            await process.wait()
        os.close(theirs)
        shown = os.read(ours, 1 << 16)
        os.close(ours)
        return shown

    return asyncio.run(run()).decode()


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [pytest.param({}, True, id="a terminal"), pytest.param({"NO_COLOR": "1"}, False, id="colours are not wanted")],
)
def test_colours(variables: dict[str, str], *, is_coloured: bool) -> None:
    """A terminal has colours unless its user refuses them."""
    assert (GREEN in on_a_terminal(**variables)) == is_coloured


def test_progress() -> None:
    """A terminal is told what is under way, and the line is cleared before the answer."""
    shown = on_a_terminal("--samples", "2")
    assert PROGRESS in shown
    assert "\r\x1b[K" in shown[shown.index(PROGRESS) :]


def test_neither_elsewhere() -> None:
    """A pipe gets the answer alone."""

    async def run() -> tuple[bytes, bytes]:
        async with fake_gateway(HEALTHY) as fake:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "probes.command", "--alias", "fast", "--gateway", fake.url, "--samples", "2"),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env=own_environment(),
            )
            return await process.communicate()

    out, err = asyncio.run(run())
    assert (b"\x1b" in out, err) == (False, b"")


@pytest.mark.parametrize("line", [("--help",), ("acceptance", "--help")])
def test_help(line: tuple[str, ...]) -> None:
    """The help says how the command ends."""
    done = CliRunner().invoke(main, line)
    assert (done.exit_code, "Usage: probe" in done.output) == (0, True)


def test_nobody_listens() -> None:
    """The layer that failed is named, also where the command runs inside another program."""
    done = CliRunner().invoke(main, ["--alias", "fast", "--gateway", "http://127.0.0.1:9", "--timeout", "2"])
    assert (done.exit_code, "root cause: gateway_process" in done.output) == (20, True)
