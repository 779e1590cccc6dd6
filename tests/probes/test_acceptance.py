"""`probe acceptance`: what is measured, what is left out, and what counts as worse."""

import asyncio
import json
from pathlib import Path

import pytest

from exporter.backend import Backend
from fakes.gateway import error, fake_gateway
from fakes.lane import fake_lane, llama, recorded
from fakes.program import Said, probe
from probes.acceptance import Record, Result, Sizes, Step, cost, left_out, result, steps
from probes.acceptance_compare import TOLERANCES, Difference, Tolerance, compare, faults, grade_of
from probes.attempt import Attempt
from probes.found import Tokens
from probes.outcome import Grade
from probes.report import exit_code
from probes.simulated_gateway import SimulatedPath, SimulatedPlan, simulated_path
from probes.simulated_lane import SimulatedLane

PREFILL = Step("cold_prefill", "direct", 30720, 16)


def record(*results: Result, pcie: dict[str, float] | None = None, model: str = "m") -> Record:
    return Record(
        version="0", measured_at="now", alias="fast", lane="lane-a", model=model, engine="llamacpp", build="b1",
        results=results, pcie=pcie or {},
    )  # fmt: skip


def decode(rate: float, context: int = 2048) -> Result:
    return Result("decode_short", "direct", context, "ok", numbers={"decode_tokens_per_second": rate})


def test_steps_of_the_reference_account() -> None:
    """Both smokes, decode at 2K and 40K, a cold prefill at 30K."""
    assert [(step.name, step.target, step.context_tokens) for step in steps(Sizes())] == [
        ("direct_smoke", "direct", 0),
        ("gateway_smoke", "gateway", 0),
        ("decode_short", "direct", 2048),
        ("cold_prefill", "direct", 30720),
        ("decode_long", "direct", 40960),
    ]


def test_size_zero_leaves_a_step_out_and_its_cost() -> None:
    """A step that is not wanted costs nothing."""
    few = steps(Sizes(short=0, long=0, prefill=0))
    assert [step.name for step in few] == ["direct_smoke", "gateway_smoke"]
    assert cost(few) < cost(steps(Sizes())) / 70


@pytest.mark.parametrize(
    ("holds", "is_left_out"),
    [
        pytest.param(49152, False, id="it fits"),
        pytest.param(30720, True, id="the context alone fills it"),
        pytest.param(None, False, id="not known: the lane will say"),
    ],
)
def test_left_out(holds: int | None, *, is_left_out: bool) -> None:
    """What the lane cannot hold is not asked."""
    assert bool(left_out(PREFILL, Backend(lane="lane-a", context_tokens=holds))) == is_left_out


def test_context_that_the_lane_refuses_is_left_out_too() -> None:
    """A lane that did not tell its context tells it by refusing."""
    assert result(PREFILL, Attempt(alias="fast", status=400), "context_too_long").outcome == "left_out"


def test_prefill_of_a_server_that_tells_no_timings() -> None:
    """The rate is that to the first token."""
    attempt = Attempt(alias="fast", phases={"first_token": 2.0}, tokens=Tokens(prompt=3000, completion=2))
    assert result(PREFILL, attempt, "slow").numbers["prefill_tokens_per_second"] == 1500.0


@pytest.mark.parametrize(
    ("change", "tolerance", "grade"),
    [
        pytest.param(-0.10, Tolerance(0.1, 0.25), "pass", id="at the tolerance"),
        pytest.param(-0.11, Tolerance(0.1, 0.25), "warn", id="beyond it"),
        pytest.param(-0.25, Tolerance(0.1, 0.25), "warn", id="at the limit of what blocks"),
        pytest.param(-0.26, Tolerance(0.1, 0.25), "fail", id="far beyond it"),
        pytest.param(3.0, Tolerance(0.1, 0.25), "pass", id="better"),
        pytest.param(0.3, Tolerance(0.2, 0.5, is_more_better=False), "warn", id="a longer wait"),
        pytest.param(-0.9, Tolerance(0.2, 0.5, is_more_better=False), "pass", id="a shorter wait"),
        pytest.param(-0.2, Tolerance(0.0, 0.0), "fail", id="a link that lost a generation"),
    ],
)
def test_grade_of_a_change(change: float, tolerance: Tolerance, grade: Grade) -> None:
    """Only worse is bad, and how bad the tolerance says."""
    assert grade_of(change, tolerance) == grade


@pytest.mark.parametrize(
    ("now", "kept", "code"),
    [
        pytest.param(record(decode(80)), record(decode(83.9)), 0, id="as good"),
        pytest.param(record(decode(70)), record(decode(83.9)), 10, id="somewhat worse"),
        pytest.param(record(decode(40)), record(decode(83.9)), 20, id="much worse"),
        pytest.param(record(), record(decode(83.9)), 10, id="not measured now"),
        pytest.param(record(decode(83.9, 1024)), record(decode(83.9)), 10, id="with another context"),
        pytest.param(record(decode(83.9), model="n"), record(decode(83.9)), 10, id="another model"),
        pytest.param(
            record(pcie={"generation": 4, "width": 8}),
            record(pcie={"generation": 5, "width": 8}),
            20,
            id="a slower link",
        ),
        pytest.param(record(decode(1)), record(), 0, id="nothing was kept of it"),
    ],
)
def test_comparison(now: Record, kept: Record, code: int) -> None:
    """The exit code is that of the worst number."""
    assert exit_code(compare(now, kept)) == code


@pytest.mark.parametrize(
    ("one", "code"),
    [
        pytest.param(decode(80), 0, id="measured"),
        pytest.param(Result("decode_short", "direct", 2048, "left_out", "too long"), 0, id="not possible here"),
        pytest.param(Result("direct_smoke", "direct", 0, "connect", "refused"), 20, id="broken"),
        pytest.param(Result("gateway_smoke", "gateway", 0, "fallback"), 10, id="another lane answered"),
        pytest.param(
            Result("cold_prefill", "direct", 100, "ok", numbers={"prompt_tokens": 100, "cached_tokens": 90}),
            10,
            id="warm",
        ),
    ],
)
def test_faults_of_one_measurement(one: Result, code: int) -> None:
    """A measurement can be wrong by itself."""
    assert exit_code(faults(record(one))) == code


def test_change_is_a_share() -> None:
    """Of what was kept."""
    assert Difference("s", "n", 100.0, 90.0, "pass").change == pytest.approx(-0.1)


def test_every_step_has_its_tolerances() -> None:
    """No step is measured and never compared."""
    assert {step.name for step in steps(Sizes())} | {"pcie"} == set(TOLERANCES)


CONFIG = """
gateway: {{url: "{gateway}"}}
lanes: [{{name: lane-a, url: "{lane}", model_id: lane-a, key_variable: LANE_KEY}}]
aliases: [{{name: fast, lane: lane-a}}, {{name: embed, kind: embeddings, lane: lane-a}}]
"""


def with_lane(tmp_path: Path, *lines: tuple[str, ...]) -> list[Said]:
    """Run the command a few times at a simulated lane."""

    async def run() -> list[Said]:
        plan = SimulatedPlan(
            lanes=(SimulatedLane(name="lane-a", model_id="lane-a"),),
            running=("lane-a",),
            routes={"fast": "lane-a"},
        )
        async with simulated_path(plan) as path:
            config = _written(tmp_path, path)
            return [
                await probe("acceptance", "--config", config, *line, LANEWATCH_GATEWAY_KEY=path.key) for line in lines
            ]

    return asyncio.run(run())


def _written(tmp_path: Path, path: SimulatedPath) -> str:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(gateway=path.url, lane=path.lane_url("lane-a")))
    return str(config)


SMALL = ("--alias", "fast", "--step", "answer=8", "--step", "short=32", "--step", "long=0", "--step", "prefill=0")


def test_kept_and_compared(tmp_path: Path) -> None:
    """A record is kept; a later measurement is compared with it, and the cost is told before."""
    kept = tmp_path / "kept.json"
    first, second = with_lane(tmp_path, (*SMALL, "--record", str(kept)), (*SMALL, "--compare", str(kept), "--json"))
    assert first.code == 0, first
    assert "costs up to " in first.err
    assert [one["step"] for one in json.loads(kept.read_text())["results"]] == [
        one["step"] for one in json.loads(second.out)["results"]
    ]


def test_a_lane_that_works_is_left_alone(tmp_path: Path) -> None:
    """Nothing is asked of a lane that works for somebody, and that is no failure of the lane."""

    async def run() -> tuple[Said, list[str]]:
        async with fake_lane(llama(metrics=recorded("llamacpp-busy.prom", Server="llama.cpp"))) as lane:
            config = tmp_path / "config.yaml"
            config.write_text(CONFIG.format(gateway=lane.url, lane=lane.url))
            return await probe("acceptance", "--alias", "fast", "--config", str(config)), lane.requests

    said, asked = asyncio.run(run())
    assert (said.code, said.out) == (10, "")
    assert "lane lane-a is busy: not measured" in said.err
    assert not [line for line in asked if "completions" in line]


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["table", "json"])
def test_key_is_in_no_output(tmp_path: Path, form: tuple[str, ...]) -> None:
    """A gateway and a lane that echo the key bring it out neither here nor in the record."""
    canary, kept = "sk-canary-0ddba11", tmp_path / "kept.json"
    echo = (error(500, f"received Bearer {canary}", kind=canary),)

    async def run() -> Said:
        async with fake_gateway(echo) as gateway, fake_gateway(echo) as lane:
            config = tmp_path / "config.yaml"
            config.write_text(CONFIG.format(gateway=gateway.url, lane=lane.url))
            line = ("acceptance", "--config", str(config), *SMALL, *form, "--record", str(kept))
            return await probe(*line, LANEWATCH_GATEWAY_KEY=canary, LANE_KEY=canary)

    said = asyncio.run(run())
    assert (said.code, "received Bearer ***" in said.out) == (20, True)
    assert canary not in said.out + said.err + kept.read_text()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(("--alias", "embed"), "expected an alias of kind chat, found embeddings", id="another kind"),
        pytest.param(("--alias", "fast", "--step", "tall=3"), "--step: expected one of answer", id="another step"),
        pytest.param(
            ("--alias", "fast", "--compare", "/nowhere"), "expected a kept record, found: No such", id="no record"
        ),
        pytest.param(("--alias", "fast", "--lane", "b"), "--lane: expected a lane of alias fast", id="another lane"),
        pytest.param((), "expected --alias NAME", id="nothing"),
    ],
)
def test_usage(tmp_path: Path, line: tuple[str, ...], words: str) -> None:
    """What cannot be measured costs nothing and is said."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(gateway="http://127.0.0.1:9", lane="http://127.0.0.1:9"))
    said = asyncio.run(probe("acceptance", "--config", str(config), *line))
    assert (said.code, words in said.err) == (2, True), said.err
