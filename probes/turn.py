"""What happens when an alias is due: look at its lane, decide, ask, judge, book; one question a lane at a time.

A probe that somebody asks for goes the same way out of turn: it waits for the lane, and many share one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from exporter.backend import Backend
from exporter.config import Config
from exporter.config_path import Alias, Lane
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.clock import Clock
from probes.ledger import Ledger
from probes.manners import Decision, Go, Passive, Skip, decide, pause_after
from probes.outcome import POLICY, Outcome, judge
from probes.prober import Prober
from probes.question import Target
from probes.temperature import Temperatures

Look = Callable[[str], Awaitable[Backend]]
"""Looks at the server of the lane with this name, now."""

_LOOK_SECONDS: Final = 1.8  # a direct question follows a failure within 2 s
_FRESH_SECONDS: Final = 1.0  # for which an answer stands for whoever asks out of turn
_IN_USE: Final = frozenset({"idle", "busy", "asleep", "unknown"})
_SHORTEST_LIMIT: Final = 0.05  # seconds that are worth a question


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one turn came to; no attempt: nothing was asked. `at` is the schedule's own clock."""

    outcome: Outcome
    at: float
    attempt: Attempt | None = None


class Turns:
    """Takes the turns of all aliases and enters them into the ledger."""

    def __init__(
        self, config: Config, ledger: Ledger, prober: Prober, *, look: Look | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.temperatures = Temperatures(config.probes.cold_seconds, self.clock.now)
        self.snapshot: Callable[[], Snapshot] = lambda: Snapshot(node="")
        self._config = config
        self._ledger = ledger
        self._prober = prober
        self._look = look
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._demands: dict[tuple[str, Target], asyncio.Task[Result]] = {}
        self._results: dict[tuple[str, Target], Result] = {}
        self._quiet_until: dict[str, float] = {}
        self._is_lane_next: defaultdict[str, bool] = defaultdict(bool)

    def adopt(self, before: "Turns") -> None:
        """Leave a gateway alone that asked for it, and know which lanes had just started."""
        self.temperatures.adopt(before.temperatures)
        self._quiet_until = dict(before._quiet_until)  # noqa: SLF001  # its own kind

    def follow(self, snapshot: Callable[[], Snapshot]) -> None:
        """Take the present snapshot from there."""
        self.snapshot = snapshot

    def earliest(self, alias: Alias) -> float:
        """Return when `alias` may be asked again through the gateway: now, or after the pause that was asked for."""
        return max(self.clock.now(), self._quiet_until.get(alias.name, 0.0))

    async def take(self, alias: Alias) -> Result:
        """Take the turn of `alias`; a gateway probe that was not good is followed by a question to the lane itself."""
        async with self._locks[lane_key(alias)]:
            backend = await self._look_at(alias)
            decision = self._decide(alias, backend)
            if not isinstance(decision, Go):
                return self._skip(alias, decision)
            is_lane_first = self._is_lane_first(alias)
            if is_lane_first:
                await self._ask_lane(alias, backend)
            result = await self._ask_gateway(alias)
            if not is_lane_first and wants_direct(alias, result):
                await self._follow_up(alias, backend)
            return result

    async def demand(self, alias: Alias, target: Target, seconds: float | None = None) -> Result:
        """Ask out of turn, or wait for the question that is asked out of turn already; `seconds`: at most so long."""
        key = (alias.name, target)
        task = self._demands.get(key)
        if task is None:
            deadline = None if seconds is None else self.clock.now() + seconds
            task = asyncio.create_task(self._answer(alias, target, deadline), name=f"probe-{alias.name}-{target}")
            self._demands[key] = task
            task.add_done_callback(lambda _: self._demands.pop(key, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is asked out of turn."""
        tasks = list(self._demands.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def lane_of(self, alias: Alias) -> Lane | None:
        """Return the alias's lane where it can be asked directly."""
        return next((lane for lane in self._config.lanes if lane.name == alias.lane and lane.url), None)

    async def _answer(self, alias: Alias, target: Target, deadline: float | None) -> Result:
        async with self._locks[lane_key(alias)]:
            last = self._results.get((alias.name, target))
            if last is not None and self._stands(alias, target, last):
                return last
            backend = await self._look_at(alias)
            decision = self._decide(alias, backend)
            if not isinstance(decision, Go):
                return self._keep(alias, target, outcome_of(decision))
            alias = self._limited(alias, deadline)
            if target == "direct":
                return await self._ask_lane(alias, backend)
            attempt, outcome = await self._attempt(alias)
            self._ledger.record_on_demand(alias, attempt, outcome)
            self._rest(alias, attempt)
            return self._keep(alias, target, outcome, attempt)

    def _stands(self, alias: Alias, target: Target, last: Result) -> bool:
        """Whether the last result answers for now: it is fresh, or the gateway wants to be left alone."""
        is_quiet = target == "gateway" and self.clock.now() < self._quiet_until.get(alias.name, 0.0)
        return is_quiet or self.clock.now() - last.at < _FRESH_SECONDS

    def _limited(self, alias: Alias, deadline: float | None) -> Alias:
        """Return the alias with no more time than is left; none left: nobody waits for the answer any more."""
        if deadline is None:
            return alias
        remaining = deadline - self.clock.now()
        if remaining < _SHORTEST_LIMIT:
            raise TimeoutError
        return msgspec.structs.replace(alias, timeout_seconds=min(alias.timeout_seconds, remaining))

    async def _look_at(self, alias: Alias) -> Backend | None:
        """Look at the alias's lane; None where it has none with an address, or does not say in time what it does."""
        if self._look is None or not alias.look_first or self.lane_of(alias) is None:
            return None
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                backend = await self._look(alias.lane)
        except TimeoutError:
            return None
        self.temperatures.note(backend)
        return backend

    def _decide(self, alias: Alias, backend: Backend | None) -> Decision:
        return decide(alias, backend, self._ledger.account(alias.name), self.clock.wall())

    def _skip(self, alias: Alias, decision: Skip | Passive) -> Result:
        outcome = outcome_of(decision)
        is_passive = isinstance(decision, Passive)
        self._ledger.record_skip(alias, outcome, at=self.clock.wall(), is_passive=is_passive)
        return Result(outcome=outcome, at=self.clock.now())

    def _is_lane_first(self, alias: Alias) -> bool:
        """Whether the lane is asked before the gateway: where both are asked each time, they take turns to be first."""
        if alias.direct != "always" or self.lane_of(alias) is None:
            return False
        is_first = self._is_lane_next[alias.name]
        self._is_lane_next[alias.name] = not is_first
        return is_first

    async def _ask_gateway(self, alias: Alias) -> Result:
        is_cold = self.temperatures.is_cold(alias.lane, self.snapshot(), self.clock.wall())
        attempt, outcome = await self._attempt(alias)
        self._ledger.record(alias, attempt, outcome, is_cold=is_cold)
        if outcome == "loading" and alias.lane:
            self.temperatures.note_loading(alias.lane)
        self._rest(alias, attempt)
        return self._keep(alias, "gateway", outcome, attempt)

    async def _attempt(self, alias: Alias) -> tuple[Attempt, Outcome]:
        attempt = await self._prober.ask_gateway(alias)
        return attempt, judge(attempt, alias, self._config.lanes)

    async def _follow_up(self, alias: Alias, backend: Backend | None) -> None:
        """Ask the lane itself, unless a user came meanwhile; to one that was ill a moment ago nobody came."""
        if self.lane_of(alias) is None:
            return
        if backend is not None and backend.state in _IN_USE:
            backend = await self._look_at(alias)
        decision = self._decide(alias, backend)
        if isinstance(decision, Go):
            await self._ask_lane(alias, backend)
            return
        now = self.clock.wall()
        nothing = Attempt(alias=alias.name, kind=alias.kind, target="direct", lane=alias.lane, started_at=now)
        self._ledger.record_direct(alias, nothing, outcome_of(decision))

    async def _ask_lane(self, alias: Alias, backend: Backend | None) -> Result:
        lane = self.lane_of(alias)
        if lane is None:
            raise ValueError(f"expected a lane with an address, found none: alias {alias.name}")
        attempt = await self._prober.ask_lane(alias, lane, (backend or self._known(lane)).model)
        outcome = judge(attempt, alias, self._config.lanes)
        self._ledger.record_direct(alias, attempt, outcome)
        return self._keep(alias, "direct", outcome, attempt)

    def _known(self, lane: Lane) -> Backend:
        backends = self.snapshot().backends
        return (backends.by_lane.get(lane.name) if backends else None) or Backend(lane=lane.name)

    def _rest(self, alias: Alias, attempt: Attempt) -> None:
        """Leave the gateway alone for as long as it asks."""
        pause = pause_after(attempt, self._ledger.account(alias.name).refused_in_a_row)
        self._quiet_until[alias.name] = self.clock.now() + pause

    def _keep(self, alias: Alias, target: Target, outcome: Outcome, attempt: Attempt | None = None) -> Result:
        result = Result(outcome=outcome, at=self.clock.now(), attempt=attempt)
        self._results[alias.name, target] = result
        return result


def lane_key(alias: Alias) -> str:
    """Return what aliases share that must not be asked at once: their lane, or nothing."""
    return f"lane {alias.lane}" if alias.lane else f"alias {alias.name}"


def outcome_of(decision: Skip | Passive) -> Outcome:
    """Return the outcome of a probe that was not sent."""
    return decision.outcome if isinstance(decision, Skip) else "skipped_busy"


def wants_direct(alias: Alias, result: Result) -> bool:
    """Whether the lane itself is asked after this answer of the gateway."""
    attempt = result.attempt
    if alias.direct == "always":
        return True
    if alias.direct == "never" or attempt is None or POLICY[result.outcome].grade == "pass":
        return False
    is_asked_too_often = attempt.status == 429 and attempt.is_from_lane
    return result.outcome != "error" and not is_asked_too_often
