"""When each source is read, under what deadline, and what happens when it fails.

The only place that catches every exception: a source that fails takes only its own part of the snapshot away.
"""

import asyncio
import dataclasses
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from exporter.backend import Backends
from exporter.cluster import Dra, Events, Nodes, Workloads
from exporter.errors import SourceError, SourceErrorKind
from exporter.snapshot import (
    Agents,
    Allocations,
    Answers,
    Gpus,
    KernelLog,
    PciBus,
    Processes,
    Snapshot,
    SourceState,
)

NOT_READ_YET: Final = "not read yet"
Part = (
    Gpus | Allocations | KernelLog | PciBus | Processes | Workloads | Nodes | Dra | Events | Agents | Answers | Backends
)
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Source(Protocol):
    """One outside system: `read` returns its whole part of the snapshot or raises `SourceError`."""

    async def read(self) -> Part:
        """Read once; what blocks for long belongs in the source's own process or task, never in here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One source and how it is read: every `interval_seconds`, given up after `deadline_seconds`.

    What it says goes into the field `slot` of the snapshot, and is a `part`. While it fails it is tried again every
    `retry_seconds`, where that is sooner.
    """

    name: str
    source: Source
    slot: str
    part: type[Part]
    interval_seconds: float
    deadline_seconds: float
    retry_seconds: float = math.inf


class Poller:
    """Holds the present snapshot, replaces it whole after each reading, and tells `on_change`."""

    def __init__(self, first: Snapshot, schedules: Iterable[Schedule]) -> None:
        self.snapshot = first
        self.on_change: Callable[[], None] = lambda: None
        self._schedules = tuple(schedules)
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for schedule in self._schedules:
            every = schedule.interval_seconds
            first_state = SourceState(name=schedule.name, is_up=False, message=NOT_READ_YET, interval_seconds=every)
            self._note(schedule, first_state, None)

    async def run(self) -> None:
        """Read every source for ever, each at its own pace."""
        async with asyncio.TaskGroup() as self._group:
            for schedule in self._schedules:
                self._begin(schedule)
            await asyncio.Event().wait()

    def exchange(self, schedules: Iterable[Schedule], warm: Snapshot) -> None:
        """Read by these schedules from now on; what the new ones among them gave stands in `warm`.

        The snapshot changes once and whole: nobody sees a part of before beside one of after.
        """
        after = tuple(schedules)
        gone, come = set(self._schedules) - set(after), [one for one in after if one not in self._schedules]
        errors = {name: state.errors for name, state in self.snapshot.sources.items()}
        for schedule in gone:
            if task := self._tasks.pop(schedule.name, None):
                task.cancel()
        stay = {schedule.name for schedule in after if schedule in self._schedules}
        states = {name: state for name, state in self.snapshot.sources.items() if name in stay}
        states |= {one.name: _plus_errors(warm.sources[one.name], errors.get(one.name, {})) for one in come}
        changes: dict[str, Any] = {schedule.slot: None for schedule in gone}
        changes |= {schedule.slot: getattr(warm, schedule.slot) for schedule in come}
        self.snapshot = dataclasses.replace(self.snapshot, sources=states, **changes)
        self._schedules = after
        for schedule in come:
            self._begin(schedule)

    def _begin(self, schedule: Schedule) -> None:
        if self._group is not None:
            task = self._group.create_task(self._read_for_ever(schedule), name=f"poll-{schedule.name}")
            self._tasks[schedule.name] = task

    async def read_once(self, schedule: Schedule) -> None:
        """Read one source and put what it says, or that it failed, into a new snapshot."""
        before = self.snapshot.sources[schedule.name]
        started = time.monotonic()
        try:
            async with asyncio.timeout(schedule.deadline_seconds):
                part = await schedule.source.read()
        except TimeoutError:
            self._fail(schedule, before, "timeout", f"no answer within {schedule.deadline_seconds:g} s")
        except SourceError as error:
            partial = error.partial if isinstance(error.partial, schedule.part) else None
            self._fail(schedule, before, error.kind, str(error), partial=partial)
        except Exception as error:  # noqa: BLE001  # the one place that isolates a source from the others
            _log.exception("source %s failed in a way that nobody foresaw", schedule.name)
            self._fail(schedule, before, "failed", f"{type(error).__name__}; see the log")
        else:
            duration = time.monotonic() - started
            state = dataclasses.replace(
                before, is_up=True, last_success_at=time.time(), duration_seconds=duration, message=""
            )
            if not before.is_up:
                _log.info("source %s works", schedule.name)
            self._note(schedule, state, part)

    async def _read_for_ever(self, schedule: Schedule) -> None:
        while True:
            started = time.monotonic()
            await self.read_once(schedule)
            await asyncio.sleep(max(0.0, started + self._pause_seconds(schedule) - time.monotonic()))

    def _pause_seconds(self, schedule: Schedule) -> float:
        is_up = self.snapshot.sources[schedule.name].is_up
        return schedule.interval_seconds if is_up else min(schedule.interval_seconds, schedule.retry_seconds)

    def _fail(
        self,
        schedule: Schedule,
        before: SourceState,
        kind: SourceErrorKind,
        message: str,
        *,
        partial: Part | None = None,
    ) -> None:
        if before.is_up or before.message != message:
            _log.warning("source %s: %s: %s", schedule.name, kind, message)
        errors = {**before.errors, kind: before.errors.get(kind, 0) + 1}
        self._note(schedule, dataclasses.replace(before, is_up=False, errors=errors, message=message), partial)

    def _note(self, schedule: Schedule, state: SourceState, part: Part | None) -> None:
        changes: dict[str, Any] = {
            "sources": {**self.snapshot.sources, schedule.name: state},
            schedule.slot: part,
        }
        self.snapshot = dataclasses.replace(self.snapshot, **changes)
        self.on_change()


def _plus_errors(state: SourceState, before: Mapping[str, int]) -> SourceState:
    counts = {kind: before.get(kind, 0) + state.errors.get(kind, 0) for kind in {*before, *state.errors}}
    return dataclasses.replace(state, errors=counts)


async def keep_running(name: str, work: Callable[[], Awaitable[None]], *, pause_seconds: float = 1.0) -> None:
    """Run `work` for ever: one that raises or ends is logged and started again after a pause."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001  # a background task that dies silently is worse than one that restarts
            _log.exception("%s failed and starts again", name)
        await asyncio.sleep(pause_seconds)


class Isolation:
    """Calls what may raise and goes on without it; says so when it begins and when it ends, not each time."""

    def __init__(self) -> None:
        self._failing: set[str] = set()

    def call(self, name: str, call: Callable[[], T]) -> T | None:
        """Return what `call` returns, or None where it raises."""
        try:
            result = call()
        except Exception:  # noqa: BLE001  # one family that cannot be made must not cost the page
            if name not in self._failing:
                _log.exception("%s failed; it is left out", name)
            self._failing.add(name)
            return None
        if name in self._failing:
            _log.info("%s works again", name)
            self._failing.discard(name)
        return result
