"""When each alias is probed: on our own clock, so that two Prometheus servers do not double the load on a lane.

One probe in flight a lane and an alias. The grid of an alias never drifts: a probe that takes long loses its own slots,
it does not push the later ones, and missed slots are not made up for.
"""

import asyncio
import hashlib
import math
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from exporter.config import Alias, Config
from exporter.errors import ConfigError
from exporter.poll import keep_running
from probes.attempt import Attempt, attempt_chat, chat_request, failed_attempt
from probes.ledger import Ledger
from probes.outcome import judge
from probes.secret import read_key

Prober = Callable[[Alias], Awaitable[Attempt]]

_JITTER: Final = 0.1  # of the interval, either way: probes shall not keep step with anything
_LONGEST_OFFSET: Final = 2.0  # seconds to the first probe of an alias, so that a start shows something at once
_SHORTEST_PAUSE: Final = 30.0  # seconds after a 429 that does not say how long: LiteLLM's does not
_LONGEST_PAUSE: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time and chance, so that a test needs neither."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random  # 0..1


class ProbeSchedule:
    """Probes every alias for ever and enters each attempt into the ledger."""

    def __init__(
        self, config: Config, ledger: Ledger, *, probe: Prober | None = None, clock: Clock | None = None
    ) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._config = config
        self._ledger = ledger
        self._probe = probe or partial(probe_alias, config)
        self._clock = clock or Clock()
        self._lanes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._in_flight: dict[str, asyncio.Task[Attempt]] = {}

    async def run(self) -> None:
        """Probe until cancelled; nothing is in flight any more when this has ended."""
        try:
            async with asyncio.TaskGroup() as group:
                for alias in self._config.aliases:
                    work = partial(self._probe_for_ever, alias)
                    group.create_task(
                        keep_running(f"probing alias {alias.name}", work, pause_seconds=alias.interval_seconds)
                    )
        finally:
            await self._cancel_all()

    async def probe_now(self, alias: Alias) -> Attempt:
        """Probe `alias`, or wait for the probe of it that is in flight already."""
        task = self._in_flight.get(alias.name)
        if task is None:
            task = asyncio.create_task(self._probe_once(alias), name=f"probe-{alias.name}")
            self._in_flight[alias.name] = task
            task.add_done_callback(lambda _: self._in_flight.pop(alias.name, None))
        return await asyncio.shield(task)

    async def _probe_for_ever(self, alias: Alias) -> None:
        begun, slot = self._clock.now() + first_offset(alias), 0
        due = begun
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.now()))
            attempt = await self.probe_now(alias)
            earliest = self._clock.now() + pause_after(attempt)
            slot = next_slot(alias, slot, earliest - begun)
            due = max(earliest, begun + slot_time(alias, slot, self._clock.chance()))

    async def _probe_once(self, alias: Alias) -> Attempt:
        async with self._lanes[lane_key(alias)]:
            attempt = await self._probe(alias)
        self._ledger.record(alias, attempt, judge(attempt, alias, self._config.lanes))
        self.on_change()
        return attempt

    async def _cancel_all(self) -> None:
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def probe_alias(config: Config, alias: Alias) -> Attempt:
    """Ask the gateway once; a key or a CA file that cannot be read now is an attempt that failed on our side."""
    if config.gateway is None:
        return failed_attempt(alias.name, "no gateway is configured")
    try:
        return await attempt_chat(chat_request(config.gateway, alias, read_key(config.gateway)))
    except ConfigError as error:
        return failed_attempt(alias.name, str(error))


def lane_key(alias: Alias) -> str:
    """Return what aliases share that must not be probed at once: their lane, or nothing."""
    return f"lane {alias.lane}" if alias.lane else f"alias {alias.name}"


def first_offset(alias: Alias) -> float:
    """Return the seconds to the first probe: the same at each start, different for each alias."""
    share = int.from_bytes(hashlib.sha256(alias.name.encode()).digest()[:4], "big") / 2**32
    return share * min(_LONGEST_OFFSET, alias.interval_seconds)


def next_slot(alias: Alias, slot: int, elapsed: float) -> int:
    """Return the number of the next slot of the grid that is not over when `elapsed` seconds have passed."""
    return max(slot + 1, math.ceil(elapsed / alias.interval_seconds))


def slot_time(alias: Alias, slot: int, chance: float) -> float:
    """Return the seconds from the first probe to this slot, moved by up to a tenth of the interval."""
    return alias.interval_seconds * (slot + (2 * chance - 1) * _JITTER)


def pause_after(attempt: Attempt) -> float:
    """Return the seconds that the gateway wants to be left alone after it said that it was asked too often."""
    if attempt.status != 429:
        return 0.0
    return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, attempt.retry_after_seconds or 0.0))
