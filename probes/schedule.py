"""When each alias is probed: on our own clock, so that two Prometheus servers do not double the load on a lane.

The grid of an alias never drifts: a probe that takes long loses its own slots, it does not push the later ones, and
missed slots are not made up for.
"""

import asyncio
import hashlib
import math
from functools import partial
from typing import Final

from exporter.config import Config
from exporter.config_path import Alias
from exporter.poll import keep_running
from probes.turn import Turns

_JITTER: Final = 0.1  # of the interval, either way: probes shall not keep step with anything
_TICK: Final = 0.001  # seconds that are not worth a sleep
_LONGEST_OFFSET: Final = 2.0  # seconds to the first probe of an alias, so that a start shows something at once


class ProbeSchedule:
    """Gives every alias its turns for ever."""

    def __init__(self, config: Config, turns: Turns) -> None:
        self._aliases = config.aliases
        self._look_seconds = config.probes.look_interval_seconds
        self._turns = turns

    async def run(self) -> None:
        """Probe until cancelled; nothing is in flight any more when this has ended."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(keep_running("watching lanes start", self._watch_for_ever))
                for alias in self._aliases:
                    work = partial(self._probe_for_ever, alias)
                    group.create_task(
                        keep_running(f"probing alias {alias.name}", work, pause_seconds=alias.interval_seconds)
                    )
        finally:
            await self._turns.close()

    async def _watch_for_ever(self) -> None:
        """See lanes start between two probes."""
        while True:
            self._turns.temperatures.note_all(self._turns.snapshot())
            await self._turns.clock.sleep(self._look_seconds)

    async def _probe_for_ever(self, alias: Alias) -> None:
        clock = self._turns.clock
        begun, slot = clock.now() + first_offset(alias), 0
        due = begun
        while True:
            await self._wait_until(alias, due)
            await self._turns.take(alias)
            earliest = self._turns.earliest(alias)
            slot = next_slot(alias, slot, earliest - begun)
            due = max(earliest, begun + slot_time(alias, slot, clock.chance()))

    async def _wait_until(self, alias: Alias, due: float) -> None:
        """Wait until it is due; who asks out of turn meanwhile may hear that the gateway wants to be left alone."""
        clock = self._turns.clock
        while (seconds := max(due, self._turns.earliest(alias)) - clock.now()) > _TICK:
            await clock.sleep(seconds)


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
