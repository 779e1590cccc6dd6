"""The running exporter: reads, prepares the page, serves it, and stops within seconds in any state."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.exposition import Exposition, Page
from exporter.history import History
from exporter.poll import Poller, keep_running
from exporter.route import Handler
from exporter.server import Listen, application, serving
from exporter.status import Identity
from exporter.status_rows import status_of

_PAUSE_SECONDS: Final = 0.2  # between two preparations: a storm of changes costs at most five pages a second
_LONGEST_PAUSE_SECONDS: Final = 1.0  # probes and states that only time changes appear by then
_log = logging.getLogger(__name__)


class PageKeeper:
    """Holds the page that is served and prepares the next one when something changed."""

    def __init__(self, poller: Poller, exposition: Exposition) -> None:
        self._poller = poller
        self._exposition = exposition
        self._changed = asyncio.Event()
        self.history = History()
        self.page = self._prepare()
        poller.on_change = self.touch

    def touch(self) -> None:
        """Note that something changed."""
        self._changed.set()

    async def run(self) -> None:
        """Prepare pages for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LONGEST_PAUSE_SECONDS)
            self._changed.clear()
            self.page = self._prepare()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _prepare(self) -> Page:
        page = self._exposition.prepare(self._poller.snapshot, time.time())
        self.history.note(page.families, page.at)
        return page


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that runs, wired by the composition root."""

    keeper: PageKeeper
    poller: Poller
    identity: Identity
    listen: Listen
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    routes: Mapping[str, Handler] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event, announce: Callable[[str], None]) -> None:
        """Serve until `stop` is set; `announce` gets the URL once it answers."""
        keeper = self.keeper
        app = application(
            lambda: keeper.page,
            lambda now: status_of(keeper.page, self.identity, now, keeper.history),
            self.routes,
        )
        work = {"polling": self.poller.run, "page": self.keeper.run, **self.background}
        tasks = [asyncio.create_task(keep_running(name, run), name=name) for name, run in work.items()]
        try:
            async with serving(app, self.listen) as url:
                announce(url)
                await stop.wait()
                _log.info("asked to stop")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
