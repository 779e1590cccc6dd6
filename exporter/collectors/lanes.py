"""Families of lanes and pools, and how long a pool has been in its state.

`LaneCollector` keeps only what one snapshot cannot tell: the verdict before this one.
"""

from collections.abc import Iterator, Sequence

from exporter import catalogue as c
from exporter.config_cluster import Pool
from exporter.facts import invariant
from exporter.facts.invariant import LaneCount, PoolVerdict
from exporter.metric import Family, Sample, one_hot
from exporter.snapshot import Snapshot


class LaneCollector:
    """Judges every pool once a snapshot and remembers the verdicts."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._pools = tuple(pools)
        self.verdicts: dict[str, PoolVerdict] = {}

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield the families of every pool and its lanes."""
        for pool in self._pools:
            before = self.verdicts.get(pool.name)
            self.verdicts[pool.name] = invariant.judge_pool(pool, snapshot.workloads, before, now)
        verdicts = tuple(self.verdicts.values())
        yield from _pool_families(verdicts)
        yield from _lane_families(verdicts)


def _pool_families(verdicts: Sequence[PoolVerdict]) -> Iterator[Family]:
    yield c.POOL_STATE.of(
        sample
        for verdict in verdicts
        for sample in one_hot(c.POOL_STATE, invariant.STATES, verdict.state, label="state", pool=verdict.pool, unit="")
    )
    yield c.POOL_STATE_SINCE.of(c.POOL_STATE_SINCE.sample(one.since, pool=one.pool, unit="") for one in verdicts)
    yield c.POOL_INVARIANT_OK.of(
        c.POOL_INVARIANT_OK.sample(one.is_ok, pool=one.pool, unit="") for one in verdicts if one.is_ok is not None
    )
    yield c.POOL_VIOLATION.of(
        c.POOL_VIOLATION.sample(reason in verdict.violations, pool=verdict.pool, unit="", reason=reason)
        for verdict in verdicts
        if verdict.is_ok is not None
        for reason in invariant.VIOLATIONS
    )


def _lane_families(verdicts: Sequence[PoolVerdict]) -> Iterator[Family]:
    counts = [(verdict.pool, lane) for verdict in verdicts for lane in verdict.lanes]
    yield c.LANE_PODS.of(sample for pool, lane in counts for sample in _pods(pool, lane))
    yield c.LANE_DESIRED.of(
        c.LANE_DESIRED.sample(lane.desired, pool=pool, lane_namespace=lane.namespace, lane=lane.lane)
        for pool, lane in counts
        if lane.desired is not None
    )
    yield c.LANE_READY.of(
        c.LANE_READY.sample(lane.ready, pool=pool, lane_namespace=lane.namespace, lane=lane.lane)
        for pool, lane in counts
    )
    yield c.LANE_RESTARTS.of(
        c.LANE_RESTARTS.sample(lane.restarts, pool=pool, lane_namespace=lane.namespace, lane=lane.lane)
        for pool, lane in counts
    )


def _pods(pool: str, lane: LaneCount) -> Iterator[Sample]:
    for phase, count in lane.phases.items():
        yield c.LANE_PODS.sample(count, pool=pool, lane_namespace=lane.namespace, lane=lane.lane, phase=phase)
