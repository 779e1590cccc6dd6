"""Families of what happened to the pods of the lanes since the watcher began.

`LaneEventCollector` keeps what one look cannot tell: what was counted. What a pod that is older than the watcher shows
at first sight happened before.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from exporter import catalogue as c
from exporter.cluster import Pod
from exporter.collectors.roster import Absences, LaneKey, Roster, lane_of
from exporter.config_cluster import Pool
from exporter.facts.cold_start import is_new
from exporter.facts.lane_events import EVENTS, Seen, look
from exporter.metric import Family, Sample
from exporter.snapshot import Snapshot


class LaneEventCollector:
    """Follows every pod of the pools; a lane that is gone keeps its counters."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._roster = Roster(pools)
        self._began_at: float | None = None
        self._pods: dict[str, tuple[Pod, Seen]] = {}  # by UID: the last look, and what all looks have shown
        self._absences = Absences()
        self._counts: defaultdict[LaneKey, Counter[str]] = defaultdict(Counter)
        self._seen: object = None
        self._families: tuple[Family, ...] = ()

    def adopt(self, before: "LaneEventCollector") -> None:
        """Count on where the one before stood."""
        self._roster.adopt(before._roster)  # noqa: SLF001  # its own kind
        self._began_at, self._absences = before._began_at, before._absences  # noqa: SLF001  # its own kind
        self._pods, self._counts = before._pods, before._counts  # noqa: SLF001  # its own kind

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield the counters; they stand still while the API server is out of sight."""
        if snapshot.workloads is not None and snapshot.workloads is not self._seen:
            self._follow(self._roster.follow(snapshot.workloads), now)
            self._families = (c.LANE_EVENTS.of(self._samples()),)
            self._seen = snapshot.workloads
        yield from self._families

    def _follow(self, pods: Mapping[str, Pod], now: float) -> None:
        for pod in pods.values():
            known, before = self._pods.get(pod.uid, (None, Seen()))
            if known is pod:
                continue
            seen, events = look(before, pod)
            self._pods[pod.uid] = (pod, seen)
            if known is not None or self._is_of_our_time(pod):
                self._counts[lane_of(pod)].update(events)
        self._began_at = now if self._began_at is None else self._began_at
        for uid in self._absences.forgotten(self._pods, pods, now):
            del self._pods[uid]
        for lane in self._counts.keys() - self._roster.known:
            del self._counts[lane]

    def _is_of_our_time(self, pod: Pod) -> bool:
        return self._began_at is not None and is_new(pod, self._began_at)

    def _samples(self) -> Iterator[Sample]:
        for labels, lane in self._roster.rows():
            for event in EVENTS:
                yield c.LANE_EVENTS.sample(self._counts[lane][event], **labels, event=event)
