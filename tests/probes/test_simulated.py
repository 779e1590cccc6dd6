"""The simulated path through the real probe: it answers as the real one does, at the reference speeds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aiohttp

from exporter.backend import Backend
from exporter.config_path import Alias, Lane
from exporter.secret import Secret
from probes.attempt import Attempt
from probes.attempt import ask as ask_once
from probes.backends.looker import Looker
from probes.outcome import judge
from probes.question import Question
from probes.simulated_gateway import SimulatedPath, SimulatedPlan, simulated_path
from probes.simulated_lane import SimulatedLane

PLAN = SimulatedPlan(
    lanes=(SimulatedLane(name="fast-lane"), SimulatedLane(name="deep-lane", first_token_seconds=0.05)),
    running=("fast-lane", "deep-lane"),
    routes={"fast": "fast-lane", "deep": "deep-lane"},
)
LANES = (Lane(name="fast-lane", model_id="fast-lane"), Lane(name="deep-lane", model_id="deep-lane"))


T = TypeVar("T")


def on_path(act: Callable[[SimulatedPath], Awaitable[T]]) -> T:
    """Run `act` while the path is up."""

    async def run() -> T:
        async with simulated_path(PLAN) as path:
            return await act(path)

    return asyncio.run(run())


async def ask(
    path: SimulatedPath, alias: str = "fast", *, key: str = PLAN.key, url: str = "", tokens: int = 4
) -> Attempt:
    where = url or path.url
    return await ask_once(
        Question(alias=alias, kind="chat", model=alias, url=where, key=Secret(key), max_tokens=tokens)
    )


async def outcome_of(path: SimulatedPath, alias: str = "fast", key: str = PLAN.key) -> str:
    lane = {"fast": "fast-lane", "deep": "deep-lane"}.get(alias, "")
    return judge(await ask(path, alias, key=key), Alias(name=alias, lane=lane), LANES)


def test_reference_speeds() -> None:
    """Through the gateway it streams as the reference did, the lane alone a little faster."""

    async def act(path: SimulatedPath) -> tuple[Attempt, Attempt]:
        return await ask(path, tokens=48), await ask(path, url=path.lane_url("fast-lane"), tokens=48)

    through, direct = on_path(act)
    assert 0.24 <= (through.first_token or 0) < 0.75
    assert 0.5 < (through.decode_rate or 0) / 88.7 < 1.1
    assert 0.5 < (direct.decode_rate or 0) / 96.7 < 1.1
    assert (through.tokens.completion, through.finish_reason, through.is_simulated) == (48, "length", True)
    assert (through.is_from_gateway, through.is_from_lane, direct.is_from_gateway) == (True, True, False)


def test_what_a_scenario_changes() -> None:
    """A killed lane is refused, a fallback serves in its place, and a started lane serves again."""

    async def act(path: SimulatedPath) -> list[str]:
        seen = [await outcome_of(path)]
        await path.stop_lane("fast-lane")
        seen.append(await outcome_of(path))
        path.set_fallback("fast", "deep")
        seen.append(await outcome_of(path))
        path.set_fallback("fast", None)
        await path.start_lane("fast-lane")
        seen.append(await outcome_of(path))
        path.set_route("fast", "deep-lane")
        return [*seen, await outcome_of(path)]

    assert on_path(act) == ["ok", "lane_refused", "fallback", "ok", "wrong_lane"]


def test_what_litellm_refuses() -> None:
    """Unknown aliases and keys are refused as LiteLLM refuses them."""

    async def act(path: SimulatedPath) -> list[tuple[str, int | None]]:
        attempts = [await ask(path, "nope"), await ask(path, key="sk-wrong"), await ask(path, key="")]
        return [(judge(attempt, Alias(name="fast"), ()), attempt.status) for attempt in attempts]

    assert on_path(act) == [("bad_route", 400), ("auth", 400), ("auth", 401)]


def test_lane_killed_in_the_middle() -> None:
    """A lane that dies while it streams becomes an error inside the stream."""

    async def act(path: SimulatedPath) -> str:
        asked = asyncio.create_task(ask(path, "deep", tokens=200))
        await asyncio.sleep(0.3)
        await path.stop_lane("deep-lane")
        return judge(await asked, Alias(name="deep"), ())

    assert on_path(act) == "stream_error"


def test_one_slot() -> None:
    """A second question waits for the first, as with `--parallel 1`."""

    async def act(path: SimulatedPath) -> list[float]:
        both = await asyncio.gather(ask(path, "deep", tokens=20), ask(path, "deep", tokens=20))
        return sorted(attempt.first_token or 0 for attempt in both)

    first, second = on_path(act)
    assert second > first + 0.2


def test_pages_of_gateway_and_lane() -> None:
    """Liveliness, health and metrics answer where the real ones do, and say that they are simulated."""

    async def act(path: SimulatedPath) -> list[str]:
        lane = path.lane_url("fast-lane")
        async with aiohttp.ClientSession() as session:
            pages = [await _get(session, f"{path.url}/health/liveliness"), await _get(session, f"{lane}/health")]
            await ask(path)
            return [*pages, await _get(session, f"{lane}/metrics")]

    liveliness, health, metrics = on_path(act)
    assert (liveliness, health) == ('"I\'m alive!"', '{"status": "ok"}')
    assert "llamacpp:tokens_predicted_total 4\n" in metrics


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as answer:
        assert answer.headers["x-lanewatch-simulated"] == "1"
        return await answer.text()


def test_a_lane_that_loads() -> None:
    """While it loads, a lane says so on every page, and LiteLLM hands its 503 on; its fallback answers."""

    async def act(path: SimulatedPath) -> list[str]:
        await path.start_lane("fast-lane", loads=True)
        seen = [await outcome_of(path)]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{path.lane_url('fast-lane')}/health") as answer,
        ):
            seen.append(str(answer.status))
        path.set_fallback("fast", "deep")
        return [*seen, await outcome_of(path)]

    assert on_path(act) == ["loading", "503", "fallback"]


def test_the_lane_looks_like_the_true_server() -> None:
    """Our own look takes it for llama-server: idle with a free slot, and while it streams busy and moving."""

    async def act(path: SimulatedPath) -> list[Backend]:
        lane = Lane(name="deep-lane", url=path.lane_url("deep-lane"))
        looker = Looker((lane,), stalled_seconds=60)
        idle = await looker.look("deep-lane")
        asked = asyncio.create_task(ask(path, "deep", tokens=60))
        async with asyncio.timeout(5):
            while (busy := await looker.look("deep-lane")).state != "busy":
                pass
        await asked
        return [idle, busy]

    idle, busy = on_path(act)
    assert (idle.state, idle.scrape, idle.kind, idle.context_tokens) == ("idle", "ok", "llamacpp", 49152)
    assert (busy.state, busy.slots) == ("busy", {"busy": 1, "free": 0})
