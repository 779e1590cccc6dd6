"""What `lanewatch demo` plays: each scenario tells its story through the real schedule, probes and verdict."""

import asyncio
import time
from contextlib import AsyncExitStack

from exporter import catalogue
from exporter.config import Config
from exporter.exposition import Exposition, Page
from exporter.poll import Poller
from exporter.snapshot import Snapshot
from probes.demo import demo_wiring

_LIMIT = 30.0  # seconds that a busy machine may take for what takes three
STORIES = {  # seconds of the scenario at which it is looked at, and the cause that alias fast must have then
    ("healthy", 5): "none",
    ("dead-backend", 25): "backend_process",
    ("xid79", 25): "device",
    ("two-lanes", 25): "none",
    ("mismatch", 60): "none",
    ("surge-deadlock", 25): "none",
}


def named(page: Page) -> str:
    """Return the cause of alias fast on a page."""
    causes = page.families[catalogue.ALIAS_ROOT_CAUSE.name].samples
    return next((sample.labels[1] for sample in causes if sample.value and sample.labels[0] == "fast"), "")


async def cause_at(scenario: str, seconds: float, expected: str) -> str:
    """Return the cause of alias fast once it is `expected`, or what it was when the time was up."""
    cause, deadline = "", time.monotonic() + _LIMIT
    began = [time.monotonic() - seconds]  # what the scenario's clock says first; after that it is the time
    async with AsyncExitStack() as stack:
        wiring, _ = await stack.enter_async_context(
            demo_wiring(
                scenario, Config(node="gpu-worker-1"), "all", lambda: began.pop() if began else time.monotonic()
            )
        )
        poller = Poller(Snapshot(node="gpu-worker-1", is_simulated=True), wiring.schedules)
        for follow in wiring.followers:
            follow(lambda: poller.snapshot)
        exposition = Exposition(wiring.collectors, wiring.select)
        group = [asyncio.ensure_future(run()) for run in (poller.run, *wiring.background.values())]
        while cause != expected and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
            cause = named(exposition.prepare(poller.snapshot, time.time()))
        for task in group:
            task.cancel()
        await asyncio.gather(*group, return_exceptions=True)
    return cause


def test_stories() -> None:
    """Each scenario comes to the cause that it is about."""

    async def play() -> list[str]:
        return await asyncio.gather(*(cause_at(*scene, cause) for scene, cause in STORIES.items()))

    assert dict(zip(STORIES, asyncio.run(play()), strict=True)) == STORIES
