"""Which lanes each pool has, and had: counters of a lane that is gone stay, so that nothing that was counted is lost.

Bare pods are lanes of their own, each with a name that never comes back: of those that are gone only so many stay.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from exporter.cluster import Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.membership import controllers_of, pods_of

GONE_KEPT: Final = 100
# A pod that is out of sight for this long does not come back; one that a hasty list left out does.
_FORGOTTEN_AFTER: Final = 3600.0


class LaneKey(NamedTuple):
    """What tells one lane from another."""

    namespace: str
    lane: str


class Roster:
    """Follows the lanes of all pools; the ones that went last are remembered longest."""

    def __init__(self, pools: Iterable[Pool]) -> None:
        self._pools = tuple(pools)
        self._rows: dict[tuple[str, LaneKey], None] = {}
        self.present: frozenset[LaneKey] = frozenset()

    def adopt(self, before: "Roster") -> None:
        """Remember the lanes of the pools that are still there."""
        names = {pool.name for pool in self._pools}
        self._rows = {row: None for row in before._rows if row[0] in names}  # noqa: SLF001  # its own kind
        self.present = before.present

    @property
    def known(self) -> frozenset[LaneKey]:
        """Every lane that is there, or is remembered."""
        return frozenset(lane for _, lane in self._rows)

    def follow(self, workloads: Workloads) -> dict[str, Pod]:
        """Take note of the lanes of `workloads`; return the pods of all pools by their UID."""
        pods: dict[str, Pod] = {}
        now: dict[tuple[str, LaneKey], None] = {}
        for pool in self._pools:
            of_pool = {pod.uid: pod for pod in pods_of(pool, workloads)}
            lanes = {LaneKey(one.namespace, one.name) for one in controllers_of(pool, workloads)}
            lanes |= {lane_of(pod) for pod in of_pool.values()}
            now |= dict.fromkeys((pool.name, lane) for lane in sorted(lanes))
            pods |= of_pool
        gone = [row for row in self._rows if row not in now]
        self._rows = dict.fromkeys(gone[-GONE_KEPT:]) | now
        self.present = frozenset(lane for _, lane in now)
        return pods

    def rows(self) -> Iterator[tuple[dict[str, str], LaneKey]]:
        """Yield the labels of each lane in each pool, with its key."""
        for pool, lane in self._rows:
            yield {"pool": pool, "lane_namespace": lane.namespace, "lane": lane.lane}, lane


class Absences:
    """Tells which pods have been gone for so long that what was counted of them may be forgotten."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def forgotten(self, known: Collection[str], present: Collection[str], now: float) -> list[str]:
        """Return the UIDs out of `known` that nobody needs to remember."""
        self._since = {uid: self._since.get(uid, now) for uid in known if uid not in present}
        return [uid for uid, since in self._since.items() if now - since > _FORGOTTEN_AFTER]


def lane_of(pod: Pod) -> LaneKey:
    """Return the lane that a pod is of."""
    return LaneKey(pod.namespace, pod.lane)
