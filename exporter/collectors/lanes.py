"""Families of lanes and pools, and how long each unit of a pool has been in its state.

`LaneCollector` keeps what one snapshot cannot tell, the verdicts before these, and what need not be told anew each
second: who is of a pool, and the families of its lanes, are made once for each change of what they are made of.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.config_cluster import Annotations, Pool
from exporter.facts import invariant, violators
from exporter.facts.case import Scene
from exporter.facts.invariant import PoolVerdict, UnitVerdict
from exporter.facts.lanes import Lane, lanes_of, word_of
from exporter.facts.roll import Roll, call_roll
from exporter.facts.sight import Sight, look
from exporter.facts.surge import deadlocks
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import Snapshot

_PARTS: Final = ("workloads", "nodes", "dra", "events", "agents", "gpus", "allocations", "processes", "dcgm", "xpum")
# A pod whose time to go is up may wait this long to be called stuck: thousands of units need not be judged each second.
_REST_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _PoolLanes:
    """The lanes of one pool, and for each that asks for a GPU whether its next roll-out will hang."""

    pool: str
    lanes: tuple[Lane, ...] = ()
    deadlocks: Mapping[tuple[str, str], bool]


class LaneCollector:
    """Judges every pool once a snapshot and remembers the verdicts."""

    def __init__(self, pools: Sequence[Pool], annotations: Annotations | None = None) -> None:
        self._pools = tuple(pools)
        self._annotations = annotations or Annotations()
        self._seen: tuple[object, ...] = ()
        self._sight = Sight()
        self._rolls: Mapping[str, Roll | None] = {}
        self._families: tuple[Family, ...] = ()
        self._judged_at = float("-inf")
        self._shown: tuple[object, ...] = ()
        self._pool_families: tuple[Family, ...] = ()
        self.verdicts: dict[str, PoolVerdict] = {}

    def adopt(self, before: "LaneCollector") -> None:
        """Know since when each pool has been in its state, of those that are still there."""
        names = {pool.name for pool in self._pools}
        self.verdicts = {name: verdict for name, verdict in before.verdicts.items() if name in names}

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield the families of every pool and its lanes."""
        if self._look(snapshot) or not self._rests(now):
            self._judge(now)
        yield from self._pools_shown()
        yield c.POOL_SWITCH_DEADLINE.of(
            c.POOL_SWITCH_DEADLINE.sample(pool.switch_seconds, pool=pool.name) for pool in self._pools
        )
        yield from self._families

    def _judge(self, now: float) -> None:
        self._judged_at = now
        for pool in self._pools:
            scene = Scene(pool=pool, roll=self._rolls[pool.name], sight=self._sight, now=now)
            self.verdicts[pool.name] = invariant.judge_pool(scene, self.verdicts.get(pool.name))

    def _rests(self, now: float) -> bool:
        """Whether nothing is under way that the time alone could change within moments."""
        units = (one for verdict in self.verdicts.values() for one in verdict.units.values())
        return 0 <= now - self._judged_at < _REST_SECONDS and all(one.state != "switching" for one in units)

    def _pools_shown(self) -> tuple[Family, ...]:
        """Return the families of the pools, those of before while nothing that they show has changed."""
        shown = tuple(_shown(verdict) for verdict in self.verdicts.values())
        if shown != self._shown:
            self._shown, self._pool_families = shown, tuple(_pool_families(self.verdicts))
        return self._pool_families

    def _look(self, snapshot: Snapshot) -> bool:
        """Make anew what depends on a part of the snapshot that is another than before; return whether one is."""
        seen = tuple(getattr(snapshot, part) for part in _PARTS)
        if _are_same(self._seen, seen):
            return False
        is_moved = not _are_same(self._seen[:2], seen[:2])  # workloads and nodes
        self._seen, self._sight = seen, look(snapshot)
        if is_moved:
            sight = self._sight
            self._rolls = {pool.name: call_roll(pool, sight.workloads, sight.nodes) for pool in self._pools}
            self._families = tuple(_lane_families([*self._lanes()]))
        return True

    def _lanes(self) -> Iterator[_PoolLanes]:
        for pool in self._pools:
            roll = self._rolls[pool.name]
            if roll is not None:
                yield _PoolLanes(
                    pool=pool.name,
                    lanes=lanes_of(roll, self._annotations),
                    deadlocks=deadlocks(pool, roll, self._sight),
                )


def _shown(verdict: PoolVerdict) -> tuple[object, ...]:
    units = tuple(
        (one.unit, one.state, one.since, one.violations, one.memory.switches, one.memory.switch_seconds)
        for one in verdict.units.values()
    )
    return verdict.pool, verdict.violations, units


def _are_same(before: Sequence[object], now: Sequence[object]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))


def _pool_families(verdicts: Mapping[str, PoolVerdict]) -> Iterator[Family]:
    units = [(pool, one) for pool, verdict in verdicts.items() for one in verdict.units.values()]
    yield c.POOL_STATE.of(
        sample
        for pool, one in units
        for sample in one_hot(c.POOL_STATE, invariant.STATES, one.state, label="state", pool=pool, unit=one.unit)
    )
    yield c.POOL_STATE_SINCE.of(c.POOL_STATE_SINCE.sample(one.since, pool=pool, unit=one.unit) for pool, one in units)
    yield c.POOL_INVARIANT_OK.of(
        c.POOL_INVARIANT_OK.sample(one.is_ok, pool=pool, unit=one.unit) for pool, one in units if one.is_ok is not None
    )
    yield c.POOL_VIOLATION.of(_violations(verdicts))
    yield c.POOL_VIOLATOR_INFO.of(_violators(verdicts))
    yield from _switches(units)


def _switches(units: Sequence[tuple[str, UnitVerdict]]) -> Iterator[Family]:
    yield c.POOL_SWITCHES.of(
        c.POOL_SWITCHES.sample(one.memory.switches, pool=pool, unit=one.unit) for pool, one in units
    )
    yield c.POOL_SWITCH_SECONDS.of(
        c.POOL_SWITCH_SECONDS.sample(one.memory.switch_seconds, pool=pool, unit=one.unit)
        for pool, one in units
        if one.memory.switch_seconds is not None
    )


def _found(verdicts: Mapping[str, PoolVerdict]) -> Iterator[tuple[str, str, Iterable[str], violators.Violations]]:
    """Yield pool, unit, the reasons that were looked for, and what was found of them."""
    for pool, verdict in verdicts.items():
        for one in verdict.units.values():
            if one.violations is not None:
                yield pool, one.unit, violators.OF_A_UNIT, one.violations
        if verdict.violations is not None:
            yield pool, "", violators.OF_A_POOL, verdict.violations


def _violations(verdicts: Mapping[str, PoolVerdict]) -> Iterator[Sample]:
    for pool, unit, reasons, found in _found(verdicts):
        # of a fleet's many units only what is wrong: their zeros alone would fill the budget of the family
        for reason in found if unit else reasons:
            yield c.POOL_VIOLATION.sample(reason in found, pool=pool, unit=unit, reason=reason)


def _violators(verdicts: Mapping[str, PoolVerdict]) -> Iterator[Sample]:
    for pool, unit, _, found in _found(verdicts):
        for reason, those in found.items():
            for who in those:
                yield c.POOL_VIOLATOR_INFO.sample(
                    1,
                    pool=pool,
                    unit=unit,
                    reason=reason,
                    kind=who.kind,
                    violator_namespace=who.namespace,
                    violator=who.name,
                )


def _lane_families(pools: Sequence[_PoolLanes]) -> Iterator[Family]:
    rows = [(_place(one.pool, lane), lane) for one in pools for lane in one.lanes]
    yield c.LANE_INFO.of(_info(place, lane) for place, lane in rows)
    yield c.LANE_POD_INFO.of(
        c.LANE_POD_INFO.sample(1, **place, owner_pod=pod, node=node) for place, lane in rows for pod, node in lane.pods
    )
    yield c.LANE_PODS.of(
        c.LANE_PODS.sample(count, **place, phase=phase) for place, lane in rows for phase, count in lane.phases.items()
    )
    yield c.LANE_PROBLEMS.of(
        c.LANE_PROBLEMS.sample(count, **place, phase=phase, reason=reason)
        for place, lane in rows
        for (phase, reason), count in lane.problems.items()
    )
    yield c.LANE_LAST_TERMINATION.of(_terminations(rows))
    yield from (_one_each(metric, rows) for metric in _ONE_EACH)
    yield c.LANE_SURGE_DEADLOCK.of(
        c.LANE_SURGE_DEADLOCK.sample(hangs, pool=one.pool, lane_namespace=namespace, lane=name)
        for one in pools
        for (namespace, name), hangs in one.deadlocks.items()
    )


_ONE_EACH: Final = {
    c.LANE_DESIRED: lambda lane: lane.desired,
    c.LANE_READY: lambda lane: lane.ready,
    c.LANE_RESTARTS: lambda lane: lane.restarts,
    c.LANE_MODEL_BYTES: lambda lane: lane.model_bytes,
}


def _one_each(metric: Metric, rows: Sequence[tuple[Mapping[str, str], Lane]]) -> Family:
    values = [(place, _ONE_EACH[metric](lane)) for place, lane in rows]
    return metric.of(metric.sample(value, **place) for place, value in values if value is not None)


def _info(place: Mapping[str, str], lane: Lane) -> Sample:
    return c.LANE_INFO.sample(
        1,
        **place,
        kind=lane.kind,
        strategy=lane.strategy,
        model=lane.model,
        model_digest=lane.model_digest,
        image=lane.image,
        image_digest=lane.image_digest,
    )


def _terminations(rows: Sequence[tuple[Mapping[str, str], Lane]]) -> Iterator[Sample]:
    for place, lane in rows:
        if lane.ended is not None and lane.ended.at is not None:
            yield c.LANE_LAST_TERMINATION.sample(
                lane.ended.at, **place, reason=word_of(lane.ended.reason), exit_code=str(lane.ended.exit_code)
            )


def _place(pool: str, lane: Lane) -> dict[str, str]:
    return {"pool": pool, "lane_namespace": lane.namespace, "lane": lane.name}
