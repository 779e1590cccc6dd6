"""A file that is read again when it changes, all or nothing: what does not load changes nothing, and is told.

It is looked at each second; SIGHUP asks for the same.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from exporter import catalogue as c
from exporter.errors import ConfigError
from exporter.exposition import Collector
from exporter.metric import Family
from exporter.prints import prints
from exporter.snapshot import Snapshot

LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Reloader:
    """Calls `load` when one of `files()` has changed since this was made, or `ask` was called."""

    def __init__(self, name: str, files: Callable[[], Iterable[Path]], load: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.is_well = True
        self.last_success_at = time.time()
        self._files = files
        self._load = load
        self._asked = asyncio.Event()
        self._seen = prints(files())

    def ask(self) -> None:
        """Read again at the next look, changed or not."""
        self._asked.set()

    def settle(self) -> None:
        """Know the files that have come to be named as they are now."""
        self._seen = {**prints(self._files()), **self._seen}

    async def follow(self) -> None:
        """Look for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._asked.wait()
            await self.look()

    async def look(self) -> None:
        """Read again what has changed since the last look."""
        found = prints(self._files())
        is_changed = any(self._seen.get(path, print_) != print_ for path, print_ in found.items())
        self._seen = found
        if not (is_changed or self._asked.is_set()):
            return
        self._asked.clear()
        is_taken = False
        try:
            await self._load()
            is_taken = True
        except ConfigError as error:
            _log.error("%s is not taken; the one before stays: %s", self.name, error)  # it says all
            return
        finally:
            self.is_well = is_taken
        self.settle()
        self.last_success_at = time.time()
        _log.info("%s was read again", self.name)


def ask_all(reloaders: Iterable[Reloader]) -> None:
    """Have every file read again."""
    for one in reloaders:
        one.ask()


def collector_of(reloaders: Iterable[Reloader]) -> Collector:
    """Return what tells how the last reading of each file went."""
    followed = tuple(reloaders)

    def collect(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield c.CONFIG_RELOAD_OK.of(c.CONFIG_RELOAD_OK.sample(one.is_well, file=one.name) for one in followed)
        yield c.CONFIG_RELOADED_AT.of(
            c.CONFIG_RELOADED_AT.sample(one.last_success_at, file=one.name) for one in followed
        )

    return collect
