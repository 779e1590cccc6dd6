"""The command `probe` with several questions, in its other forms, and again and again."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
import pytest

from e2e.tools import tool
from fakes.gateway import HEALTHY, PONG, FakeGateway, Step, error, fake_gateway, head
from fakes.program import ROOT, Said, own_environment, probe
from probes.command import acceptance, main

CANARY = "sk-canary-51c0ffee"
CONFIG = """
gateway: {{url: "{gateway}"}}
lanes: [{{name: lane-a, model_id: lane-fast, url: "{lane}", model: tiny, key_variable: LANE_KEY}}]
aliases:
  - {{name: fast, lane: lane-a}}
  - {{name: chat}}
"""
DEAD = (error(500, "OpenAIException - Connection error."),)
CONFIGURED = {"--config"}  # told as LANEWATCH_CONFIG
FORMS = ("table", "json", "nagios", "prom")


def with_path(
    tmp_path: Path, through: tuple[Step, ...], past: tuple[Step, ...], run: Callable[[str], Awaitable[Said]]
) -> tuple[Said, FakeGateway, FakeGateway]:
    """Run a command with a configuration of a gateway and a lane that play these scripts."""

    async def go() -> tuple[Said, FakeGateway, FakeGateway]:
        async with fake_gateway(through) as gateway, fake_gateway(past) as lane:
            path = tmp_path / "config.yaml"
            path.write_text(CONFIG.format(gateway=gateway.url, lane=lane.url))
            return await run(str(path)), gateway, lane

    return asyncio.run(go())


def test_all_aliases(tmp_path: Path) -> None:
    """Every alias has its line, and the worst of them is the exit code."""
    said, gateway, _ = with_path(tmp_path, HEALTHY, (), lambda path: probe("--all", "--config", path))
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert [line.split()[:3] for line in lines[1:]] == [["fast", "gateway", "ok"], ["chat", "gateway", "ok"]]
    assert len(gateway.requests) == 2


def test_direct_shows_what_the_gateway_adds(tmp_path: Path) -> None:
    """The lane is asked too, by its own model's name, and the difference has its line."""
    said, _, lane = with_path(
        tmp_path, (0.2, *HEALTHY), HEALTHY, lambda path: probe("--alias", "fast", "--direct", "--config", path)
    )
    through, past, adds = [line.split() for line in said.out.splitlines()[1:]]
    assert (through[:3], past[:3], adds[:2]) == (
        ["fast", "gateway", "ok"],
        ["fast", "direct", "ok"],
        ["gateway", "adds"],
    )
    assert float(adds[2]) > 0.1
    assert b'"model": "tiny"' in lane.requests[0]


def test_direct_localises(tmp_path: Path) -> None:
    """A gateway that cannot connect to a lane that serves us is not the lane's fault."""
    said, _, _ = with_path(
        tmp_path, DEAD, HEALTHY, lambda path: probe("--alias", "fast", "--direct", "--json", "--config", path)
    )
    shown = json.loads(said.out)
    assert (said.code, shown["grade"]) == (20, "fail")
    assert [(one["outcome"], one["cause"]) for one in shown["reports"]][1] == ("ok", "none")
    assert shown["reports"][0]["cause"] not in {"backend_process", "none", "unknown"}


def test_samples(tmp_path: Path) -> None:
    """So many questions are asked, and least, middle and most are given for each number."""
    said, gateway, _ = with_path(
        tmp_path, HEALTHY, (), lambda path: probe("--alias", "fast", "--samples", "3", "--json", "--config", path)
    )
    (way,) = json.loads(said.out)["ways"]
    first = way["first_token_seconds"]
    assert (way["samples"], way["outcomes"], len(gateway.requests)) == (3, {"ok": 3}, 3)
    assert first["min"] <= first["median"] <= first["max"]


@pytest.mark.parametrize(
    ("steps", "code", "begins"),
    [
        pytest.param(HEALTHY, 0, "LANEWATCH OK - fast gateway ok: first token ", id="well"),
        pytest.param(DEAD, 2, "LANEWATCH CRITICAL - fast gateway lane_refused: ", id="dead"),
    ],
)
def test_nagios(tmp_path: Path, steps: tuple[Step, ...], code: int, begins: str) -> None:
    """A monitoring plugin has its own exit codes, and its numbers stand behind the first `|`."""
    said, _, _ = with_path(
        tmp_path, steps, (), lambda path: probe("--alias", "fast", "--output", "nagios", "--config", path)
    )
    line = said.out.splitlines()[0]
    assert (said.code, line[: len(begins)]) == (code, begins)
    assert ("'fast gateway first_token_seconds'=" in line) == (code == 0)


def test_nagios_usage() -> None:
    """What cannot be asked is unknown to a plugin, not critical."""
    said = asyncio.run(probe("--alias", "fast", "--output", "nagios"))
    assert (said.code, said.out.startswith("LANEWATCH UNKNOWN - expected a gateway")) == (3, True)


def test_prom(tmp_path: Path) -> None:
    """The textfile has the exporter's own names, and no number that was not measured."""
    said, _, _ = with_path(
        tmp_path, DEAD, HEALTHY, lambda path: probe("--alias", "fast", "--direct", "--output", "prom", "--config", path)
    )
    assert 'lanewatch_probe_last_outcome{alias="fast",outcome="lane_refused"} 1.0' in said.out
    assert 'lanewatch_lane_probe_last_outcome{kind="chat",lane="lane-a",outcome="ok"} 1.0' in said.out
    assert "lanewatch_lane_probe_first_token_seconds{" in said.out
    assert "lanewatch_probe_first_token_seconds{" not in said.out


@pytest.mark.real
@pytest.mark.parametrize("steps", [HEALTHY, DEAD], ids=["well", "dead"])
def test_promtool_accepts_the_textfile(tmp_path: Path, steps: tuple[Step, ...]) -> None:
    """The linter of Prometheus finds nothing."""
    said, _, _ = with_path(
        tmp_path, steps, HEALTHY, lambda path: probe("--all", "--direct", "--output", "prom", "--config", path)
    )
    command: list[str | Path] = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=said.out.encode(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_watch_ends_with_its_last_word(tmp_path: Path) -> None:
    """A line each time until ctrl-C; then the exit code is that of the last round."""

    async def watch(path: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "probes.command", "--alias", "fast", "--watch", "0.5", "--config", path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=own_environment(),
            # a shell that runs the tests in the background has them ignore ctrl-C, and their children too
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert process.stdout is not None
        lines = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest, err = await asyncio.wait_for(process.communicate(), 20)
        return Said(process.returncode or 0, (b"".join(lines) + rest).decode(), err.decode())

    said, gateway, _ = with_path(tmp_path, DEAD, (), watch)
    assert (said.code, said.err) == (20, "")
    assert all(" fast gateway lane_refused: total " in line for line in said.out.splitlines())
    assert len(gateway.requests) >= 2


@pytest.mark.parametrize("form", ["nagios", "prom"])
def test_watch_in_one_form_only(form: str) -> None:
    """What is read once by another program is not written again and again."""
    said = asyncio.run(probe("--alias", "fast", "--gateway", "http://g", "--watch", "--output", form))
    assert (said.code, "--watch: expected --output table or json" in said.err) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_told(shell: str) -> None:
    """The line for the shell's start file is printed, and nothing is asked."""
    said = asyncio.run(probe("--show-completion", shell))
    assert (said.code, f"_PROBE_COMPLETE={shell}_source probe" in said.out) == (0, True)


def test_alias_names_complete(tmp_path: Path) -> None:
    """The shell completes the names of the configuration."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(gateway="http://g", lane="http://l"))
    asked = {"COMP_WORDS": f"probe --config {path} --alias f", "COMP_CWORD": "4", "_PROBE_COMPLETE": "bash_complete"}
    program = "from probes.command import main; main(prog_name='probe')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=own_environment(**asked),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["plain,fast"]


@pytest.mark.parametrize("command", [main, acceptance], ids=["probe", "acceptance"])
def test_document_names_every_option(command: click.Command) -> None:
    """What can be given is told."""
    text = (ROOT / "docs/probe.md").read_text()
    options = [name for one in command.params for name in one.opts if name.startswith("--")]
    assert [name for name in options if not re.search(rf"{name}\b", text) and name not in CONFIGURED] == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            (head(x_litellm_model_id=CANARY, x_litellm_model_api_base=f"http://h/{CANARY}"), *HEALTHY[1:]), id="well"
        ),
        pytest.param((error(500, f"received Bearer {CANARY}", kind=CANARY),), id="an error that echoes the key"),
        pytest.param((head(), PONG, f'data: {{"error":"{CANARY}"}}\n\n'.encode()), id="a stream that echoes it"),
        pytest.param((f"{CANARY}\r\n\r\n".encode(),), id="a status line that is it"),
    ],
)
def test_key_is_in_no_output(tmp_path: Path, form: str, steps: tuple[Step, ...]) -> None:
    """Whatever both ways answer, no form shows the key, on neither stream."""
    said, gateway, lane = with_path(
        tmp_path,
        steps,
        steps,
        lambda path: probe(
            *("--alias", "fast", "--direct", "--output", form, "--config", path),
            LANEWATCH_GATEWAY_KEY=CANARY,
            LANE_KEY=CANARY,
        ),
    )
    assert all(CANARY.encode() in side.requests[0] for side in (gateway, lane))
    assert CANARY not in said.out + said.err
    assert said.out


@pytest.mark.parametrize("form", FORMS)
def test_key_is_in_no_complaint(tmp_path: Path, form: str) -> None:
    """A key that cannot be sent is refused without being shown."""
    path = tmp_path / "key"
    path.write_text(f"{CANARY} \N{SNOWMAN}")
    config = tmp_path / "config.yaml"
    config.write_text(f'gateway: {{url: "http://127.0.0.1:9", key_file: "{path}"}}\naliases: [{{name: fast}}]')
    said = asyncio.run(probe("--alias", "fast", "--output", form, "--config", str(config)))
    assert said.code == (3 if form == "nagios" else 2)
    assert CANARY not in said.out + said.err
