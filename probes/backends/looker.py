"""Looks at the configured lanes, and keeps of each what the next look must know."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from exporter.backend import Backend
from exporter.config_path import Lane
from exporter.errors import ConfigError
from exporter.secret import Secret, read_key
from probes.backends.look import Memory, Moment, as_backend, decide
from probes.backends.pages import Pages

_NO_KEY: Final = "the key that is configured for the lane's server could not be read"


def present() -> Moment:
    """Return this instant."""
    return Moment(time.time(), time.monotonic())


class Looker:
    """Looks at lanes by name, one look at a lane at a time; who waits shares one that began after he asked."""

    def __init__(self, lanes: tuple[Lane, ...], stalled_seconds: float, clock: Callable[[], Moment] = present) -> None:
        self._stalled_seconds = stalled_seconds
        self._clock = clock
        self._lanes: Mapping[str, Lane] = {lane.name: lane for lane in lanes if lane.url is not None}
        self._locks = {name: asyncio.Lock() for name in self._lanes}
        self._memories = dict.fromkeys(self._lanes, Memory())
        self._seen: dict[str, tuple[float, Backend]] = {}  # when the look began, what it gave

    @property
    def names(self) -> tuple[str, ...]:
        """The lanes that have an address."""
        return tuple(self._lanes)

    async def look(self, name: str) -> Backend:
        """Return how the server of the lane `name` is now; a lane without an address is unknown."""
        if name not in self._lanes:
            return Backend(lane=name)
        asked = self._clock().steady
        async with self._locks[name]:
            begun, backend = self._seen.get(name, (-1.0, Backend(lane=name)))
            if begun < asked:
                begun, backend = self._seen[name] = await self._look(self._lanes[name])
            return backend

    async def _look(self, lane: Lane) -> tuple[float, Backend]:
        begun = self._clock().steady
        key, notes = _key_of(lane)
        sight = await Pages(lane, key, self._memories[lane.name]).see()
        sight = replace(sight, notes=(*sight.notes, *notes))
        now = self._clock()
        memory = decide(sight, self._memories[lane.name], now, self._stalled_seconds)
        self._memories[lane.name] = memory
        return begun, as_backend(lane.name, sight, memory, now)


def _key_of(lane: Lane) -> tuple[Secret, tuple[str, ...]]:
    """Return the lane's key; health is told without one, so a look goes on where it cannot be read."""
    try:
        return read_key(lane), ()
    except ConfigError:
        return Secret(""), (_NO_KEY,)
