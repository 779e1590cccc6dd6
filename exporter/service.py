"""The running exporter: reads, prepares the page, serves it, and stops within seconds in any state."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.exposition import Exposition, Page
from exporter.history import History
from exporter.poll import NOT_READ_YET, Poller, keep_running
from exporter.reload import Reloader
from exporter.route import Handler
from exporter.server import Listen, application, serving
from exporter.snapshot import Snapshot
from exporter.status import Identity
from exporter.status_rows import status_of
from exporter.wired import Wiring

_PAUSE_SECONDS: Final = 0.2  # between two preparations: a storm of changes costs at most five pages a second
_LONGEST_PAUSE_SECONDS: Final = 1.0  # probes and states that only time changes appear by then
_WARM_UP_SECONDS: Final = 10.0  # for new sources to be read or to fail, before they take over
_LOOK_SECONDS: Final = 0.02
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

    def exchange(self, wiring: Wiring) -> None:
        """Make the pages as `wiring` says from now on, this one included."""
        self._exposition.exchange(wiring.collectors, wiring.select)
        self.page = self._prepare()

    async def run(self) -> None:
        """Prepare pages for ever."""
        while True:
            with contextlib.suppress(
                TimeoutError
            ):  # not wait_for: where both come at once, 3.11 forgets a cancellation
                async with asyncio.timeout(_LONGEST_PAUSE_SECONDS):
                    await self._changed.wait()
            self._changed.clear()
            self.page = self._prepare()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _prepare(self) -> Page:
        page = self._exposition.prepare(self._poller.snapshot, time.time())
        self.history.note(page.families, page.at)
        return page


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the exporter is to those outside: its name, where it listens, whom it tells, which files it follows."""

    identity: Identity
    listen: Listen
    announce: Callable[[str], None]
    reloaders: tuple[Reloader, ...] = ()


@dataclass(slots=True, kw_only=True)
class Service:
    """Everything that runs, wired by the composition root; parts of it can be exchanged while it does."""

    keeper: PageKeeper
    poller: Poller
    identity: Identity
    listen: Listen
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    routes: dict[str, Handler] = field(default_factory=dict)
    _tasks: "dict[str, asyncio.Task[None]]" = field(init=False, default_factory=dict)

    async def run(self, stop: asyncio.Event, announce: Callable[[str], None]) -> None:
        """Serve until `stop` is set; `announce` gets the URL once it answers."""
        keeper = self.keeper
        app = application(
            lambda: keeper.page,
            lambda now: status_of(keeper.page, self.identity, now, keeper.history),
            self.routes,
        )
        self._begin({"polling": self.poller.run, "page": self.keeper.run, **self.background})
        try:
            async with serving(app, self.listen) as url:
                announce(url)
                await stop.wait()
                _log.info("asked to stop")
        finally:
            await self._end(list(self._tasks))

    async def exchange(self, before: Wiring, after: Wiring) -> None:
        """Run `after` instead of `before`; what both have goes on untouched.

        The new sources are read aside first. Then everything changes between two requests: snapshot, collectors, pages
        of others, and the page that is served.
        """
        warm = await warm_up(self.poller.snapshot, before, after)
        gone = [name for name, run in before.background.items() if after.background.get(name) != run]
        come = {name: run for name, run in after.background.items() if before.background.get(name) != run}
        await self._end(gone)  # two schedules must not probe at once
        for name, memory in after.memories.items():
            if name in before.memories and before.memories[name] is not memory:
                memory.adopt(before.memories[name])
        self.poller.exchange(after.schedules, warm)
        for follow in after.followers:
            if follow not in before.followers:
                follow(lambda: self.poller.snapshot)
        self.routes.clear()
        self.routes.update(after.routes)
        self.keeper.exchange(after)
        self.background = after.background
        self._begin(come)

    def _begin(self, work: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        self._tasks |= {name: asyncio.create_task(keep_running(name, run), name=name) for name, run in work.items()}

    async def _end(self, names: Iterable[str]) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def warm_up(present: Snapshot, before: Wiring, after: Wiring) -> Snapshot:
    """Return a snapshot in which each source that `before` lacks was read or has failed, if it did so in time."""
    come = [one for one in after.schedules if one not in before.schedules]
    poller = Poller(present, come)
    for follow in after.followers:
        if follow not in before.followers:
            follow(lambda: poller.snapshot)
    reading = asyncio.create_task(poller.run(), name="warm-up")
    try:
        async with asyncio.timeout(_WARM_UP_SECONDS):
            while any(poller.snapshot.sources[one.name].message == NOT_READ_YET for one in come):  # noqa: ASYNC110  # readings set no event
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        _log.warning("new sources were not all read within %g s; they take over unread", _WARM_UP_SECONDS)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return poller.snapshot
