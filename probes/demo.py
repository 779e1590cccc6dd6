"""`lanewatch demo`: the simulated node and path behind the real exporter, scheduler, probes and pages."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from exporter.config import Config, Role
from exporter.config_path import Alias, Gateway, Lane, Probes
from exporter.secret import Secret
from exporter.sources.simulated_moment import Moment, Stagehand
from exporter.sources.simulated_stage import FAST, LANES, Stage
from exporter.wired import Wiring
from exporter.wiring import wire_simulated
from probes.simulated_gateway import SimulatedPath, SimulatedPlan, simulated_path
from probes.simulated_lane import SimulatedLane
from probes.wiring import prober_with_key, wire_probes

_ALIASES: Final = ("fast", "chat")
_LOOK_SECONDS: Final = 0.2
_LOOK_AT_LANES_SECONDS: Final = 2.0
_PROBE_SECONDS: Final = 5.0  # far more often than on a real lane: a demo shall show something at once
_log = logging.getLogger(__name__)


@asynccontextmanager
async def demo_wiring(
    scenario: str, config: Config, role: Role, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[tuple[Wiring, str]]:
    """Run the simulated path of a scenario; gives what to serve, and what to tell the person who watches."""
    hand = Stagehand(scenario, clock)
    async with simulated_path(_plan(hand.moment.stage)) as path:
        config = _pointed_at(path, config, hand)
        wiring = wire_simulated(config, role, hand)
        if role != "node":
            wiring |= wire_probes(config, probe=prober_with_key(config, Secret(path.key)))
        wiring |= Wiring(background={"scenario": lambda: _play(hand, path)})
        yield wiring, f"LANEWATCH_GATEWAY_KEY={path.key} probe --gateway {path.url} --alias fast"


def _plan(stage: Stage) -> SimulatedPlan:
    return SimulatedPlan(
        lanes=tuple(SimulatedLane(name=lane, model_id=lane) for lane in LANES),
        running=stage.answering,
        routes=dict.fromkeys(_ALIASES, stage.serves_fast),
    )


def _pointed_at(path: SimulatedPath, config: Config, hand: Stagehand) -> Config:
    """Return the given configuration with the simulated gateway and lanes; aliases only where it names none."""
    aliases = tuple(
        Alias(name=name, lane=_lane_of(hand), interval_seconds=_PROBE_SECONDS, timeout_seconds=4) for name in _ALIASES
    )
    return Config(
        node=config.node,
        pools=config.pools,
        gateway=Gateway(url=path.url),
        aliases=tuple(alias for alias in config.aliases if alias.name in _ALIASES) or aliases,
        lanes=tuple(Lane(name=lane, url=path.lane_url(lane), model_id=lane) for lane in LANES),
        probes=Probes(look_interval_seconds=_LOOK_AT_LANES_SECONDS),
    )


def _lane_of(hand: Stagehand) -> str:
    """Return the lane that must serve; in a scenario that moves the aliases, any may."""
    served = hand.lanes_that_serve
    return FAST if served == {FAST} else ""


async def _play(hand: Stagehand, path: SimulatedPath) -> None:
    """Follow the scenario for ever: start and stop lanes, move the aliases, say what happens."""
    before: tuple[Stage | None, frozenset[str]] = (None, frozenset())
    while True:
        moment = hand.moment
        stage, loading = moment.stage, _loading(moment)
        if stage is not before[0]:
            _log.info("simulated, %.0f s: %s", moment.elapsed, stage.says)
        if (stage, loading) != before:
            await _set(path, stage, loading)
            before = (stage, loading)
        await asyncio.sleep(_LOOK_SECONDS)


def _loading(moment: Moment) -> frozenset[str]:
    """Return the lanes whose servers run and do not serve yet."""
    runs = {life.lane: life.run_at(moment.elapsed) for life in moment.pods}
    return frozenset(lane for lane, run in runs.items() if run is not None and moment.elapsed < run.ready)


async def _set(path: SimulatedPath, stage: Stage, loading: frozenset[str]) -> None:
    for lane in LANES:
        is_there = lane in loading or lane in stage.answering
        await (path.start_lane(lane, loads=lane in loading) if is_there else path.stop_lane(lane))
    for alias in _ALIASES:
        path.set_route(alias, stage.serves_fast)
