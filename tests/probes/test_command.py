"""The command `probe` as a program: exit codes, the two forms of its answer, and what it does not load."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.gateway import HEALTHY, Step, error, fake_gateway
from fakes.program import ROOT, Said, probe

CONFIG = """
gateway: {{url: "{url}"}}
lanes: [{{name: lane-a, model_id: lane-fast}}]
aliases:
  - name: fast
    lane: lane-a
    objectives: {{first_token_seconds: {objective}}}
  - name: chat
"""


def probe_at(steps: tuple[Step, ...], *arguments: str, **variables: str) -> Said:
    """Run `probe` against a gateway that plays `steps`."""

    async def run() -> Said:
        async with fake_gateway(steps) as fake:
            return await probe("--alias", "fast", "--gateway", fake.url, *arguments, **variables)

    return asyncio.run(run())


def probe_configured(tmp_path: Path, steps: tuple[Step, ...], objective: str) -> Said:
    async def run() -> Said:
        async with fake_gateway(steps) as fake:
            path = tmp_path / "config.yaml"
            path.write_text(CONFIG.format(url=fake.url, objective=objective))
            return await probe("--config", str(path), "--alias", "fast", "--json")

    return asyncio.run(run())


def test_pass() -> None:
    """A healthy alias is shown as a waterfall and passes."""
    said = probe_at(HEALTHY)
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert lines[0].startswith("alias fast: ok after ")
    assert [line.split()[0] for line in lines[2:7]] == ["dns", "connect", "first_chunk", "first_token", "first_output"]
    assert "prompt 23, cached 0, completion 2" in said.out
    assert "lane-fast (no fallback)" in said.out
    assert "pass, root cause: none" in said.out


@pytest.mark.parametrize(
    ("objective", "model_id", "code", "outcome"),
    [
        pytest.param("5", "lane-fast", 0, "ok", id="in time, by its lane"),
        pytest.param("0.000001", "lane-fast", 10, "slow", id="late"),
        pytest.param("5", "lane-other", 20, "wrong_lane", id="by another lane"),
    ],
)
def test_configured(tmp_path: Path, objective: str, model_id: str, code: int, outcome: str) -> None:
    """Objective and lane come from the configuration, and the exit code says how it went."""
    steps = (bytes(HEALTHY[0]).replace(b"lane-fast", model_id.encode()), *HEALTHY[1:])  # type: ignore[arg-type]  # the head
    said = probe_configured(tmp_path, steps, objective)
    assert (code, outcome) == (said.code, json.loads(said.out)["outcome"])


def test_fail() -> None:
    """A dead lane fails, with the layer and the evidence."""
    said = probe_at((error(500, "OpenAIException - Connection error."),), "--json")
    shown = json.loads(said.out)
    assert (said.code, shown["outcome"], shown["cause"]) == (20, "lane_refused", "backend_process")
    assert shown["evidence"][0] == "the gateway could not connect to the lane of alias fast (HTTP 500)"


def test_json_is_one_stable_object() -> None:
    """Standard output holds one JSON object with these keys and nothing else."""
    said = probe_at(HEALTHY, "--json")
    shown = json.loads(said.out)
    assert list(shown) == [
        "schema", "version", "alias", "kind", "target", "grade", "outcome", "cause", "evidence", "layers", "objectives",
        "started_at", "seconds", "phases", "status", "failure", "flaw", "tokens", "inter_token_seconds",
        "queue_seconds", "decode_tokens_per_second", "prefill_tokens_per_second", "finish_reason", "served",
        "simulated",
    ]  # fmt: skip
    assert shown["tokens"] == {"prompt": 23, "completion": 2, "cached": 0}
    assert list(shown["served"]) == [
        "lane",
        "model_id",
        "api_base",
        "model_group",
        "fallbacks",
        "retries",
        "is_fallback",
    ]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_word_of_question_or_answer(arguments: tuple[str, ...]) -> None:
    """Neither what was asked nor what was answered is shown."""
    said = probe_at(HEALTHY, *arguments)
    assert "pong" not in said.out
    assert "Count" not in said.out


def test_no_colour_without_a_terminal() -> None:
    """What goes into a file or a pipe holds no escape sequence."""
    assert "\x1b" not in probe_at(HEALTHY).out


def test_terminal_that_knows_only_ascii() -> None:
    """The waterfall is drawn with what the terminal has."""
    said = probe_at(HEALTHY, PYTHONIOENCODING="ascii")
    assert (said.code, "#" in said.out) == (0, True)


def test_time_out_of_the_command_line() -> None:
    """`--timeout` bounds the attempt."""
    said = probe_at((3600.0,), "--timeout", "0.3", "--json")
    assert (said.code, json.loads(said.out)["outcome"]) == (20, "timeout_first")


def test_options_from_variables() -> None:
    """Every option has its variable."""

    async def run() -> Said:
        async with fake_gateway(HEALTHY) as fake:
            return await probe(LANEWATCH_ALIAS="fast", LANEWATCH_GATEWAY=fake.url, LANEWATCH_JSON="1")

    assert json.loads(asyncio.run(run()).out)["alias"] == "fast"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("--gateway", "http://g"), "expected --alias NAME, or --all", id="no alias"),
        pytest.param(("--all", "--gateway", "http://g"), "--all: expected --config FILE", id="all of nothing"),
        pytest.param(("--all", "--alias", "fast"), "expected --alias NAME, or --all", id="all and one"),
        pytest.param(
            ("--alias", "fast", "--gateway", "http://g", "--direct"), "--direct: expected a lane", id="no lane"
        ),
        pytest.param(("--alias", "fast", "--gateway", "http://g", "--samples", "21"), "1<=x<=20", id="too often"),
        pytest.param(("--alias", "fast"), "expected a gateway: give --gateway URL", id="no gateway"),
        pytest.param(("--alias", "fast", "--gateway", "ftp://g"), "--gateway: expected http(s)://", id="no HTTP"),
        pytest.param(("--alias", "f f", "--gateway", "http://g"), "--alias: ", id="an alias that cannot be"),
        pytest.param(("--alias", "fast", "--config", "/nowhere"), "/nowhere: expected a readable file", id="no file"),
        pytest.param(
            ("--alias", "fast", "--gateway", "http://g", "--timeout", "0"), "0.0 is not in the range", id="no time"
        ),
    ],
)
def test_usage(arguments: tuple[str, ...], words: str) -> None:
    """What cannot be asked is said on standard error, and nothing stands on standard output."""
    said = asyncio.run(probe(*arguments, "--json"))
    assert (said.code, said.out) == (2, "")
    assert words in said.err


def test_unknown_alias(tmp_path: Path) -> None:
    """An alias that is not configured is refused with those that are."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(url="http://g", objective="1"))
    said = asyncio.run(probe("--config", str(path), "--alias", "nope"))
    assert said.code == 2
    assert "--alias: expected one of chat, fast, found nope" in said.err


FORBIDDEN = ("aiohttp", "kubernetes", "grpc", "pynvml", "grafanalib", "prometheus_client", "httpx", "yaml")
LOADED = """
import sys
from probes.command import main
try:
    main({arguments!r})
except SystemExit:
    print([name for name in {names!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param(["--alias", "a", "--gateway", "http://127.0.0.1:9"], FORBIDDEN, id="an attempt"),
        pytest.param(["--help"], (*FORBIDDEN, "h11", "msgspec", "asyncio", "probes.report"), id="help"),
    ],
)
def test_what_is_not_loaded(arguments: list[str], names: tuple[str, ...]) -> None:
    """The command loads none of the exporter's libraries, and for its help next to nothing."""
    program = LOADED.format(arguments=arguments, names=names)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
