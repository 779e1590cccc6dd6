"""Families of the starts of lanes: how long each phase takes, each start counted once.

`StartCollector` keeps what one look cannot tell: which phases were counted. A phase that had ended when the watcher
began is shown as the latest, and not counted: the watcher before this one did. When a server that was ready by then
gave its first token is not known at all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from exporter import catalogue as c
from exporter.cluster import Events, ImagePull, Pod
from exporter.collectors.roster import Absences, LaneKey, Roster, lane_of
from exporter.config_cluster import Pool
from exporter.facts.cold_start import PHASES, Start, is_new, starts
from exporter.metric import Distribution, Family, Sample
from exporter.snapshot import Snapshot

# The event that tells how long the images took comes by another watch than the pod that runs already.
_SETTLING: Final = 10.0


@dataclass(slots=True, kw_only=True)
class _Followed:
    """One pod: the seconds of each phase that needs no more counting, None for one that cannot be known."""

    lane: LaneKey
    seen: tuple[object, ...] = ()  # what the last look saw of it
    phases: dict[tuple[int, str], float | None] = field(default_factory=dict)
    settling: float | None = None  # seconds of an image pull that its event may still correct
    settled_at: float = 0.0


class StartCollector:
    """Follows every pod of the pools through its starts."""

    def __init__(self, pools: Sequence[Pool]) -> None:
        self._roster = Roster(pools)
        self._began_at: float | None = None
        self._pods: dict[str, _Followed] = {}
        self._absences = Absences()
        self._counts: defaultdict[LaneKey, dict[str, Distribution]] = defaultdict(_nothing)
        self._latest: dict[LaneKey, tuple[float, str, Start]] = {}
        self._seen: tuple[object, ...] = ()
        self._families: tuple[Family, ...] = ()

    def adopt(self, before: "StartCollector") -> None:
        """Count on where the one before stood."""
        self._roster.adopt(before._roster)  # noqa: SLF001  # its own kind
        self._began_at, self._absences = before._began_at, before._absences  # noqa: SLF001  # its own kind
        self._pods, self._counts, self._latest = before._pods, before._counts, before._latest  # noqa: SLF001  # its own kind

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield both families; what was counted stays while the API server is out of sight."""
        seen = (snapshot.workloads, snapshot.events, snapshot.answers)
        if snapshot.workloads is not None and (self._is_settling or not _are_same(seen, self._seen)):
            self._follow(self._roster.follow(snapshot.workloads), snapshot, now)
            self._families = (c.LANE_START_PHASE.of(self._spreads()), c.LANE_START_LAST.of(self._lasts()))
            self._seen = seen
        yield from self._families

    @property
    def _is_settling(self) -> bool:
        return any(pod.settling is not None for pod in self._pods.values())

    def _follow(self, pods: Mapping[str, Pod], snapshot: Snapshot, now: float) -> None:
        pulls, answered = _pulls(snapshot.events), _answered(snapshot, pods)
        for pod in pods.values():
            seen = (pod, pulls.get(pod.uid), answered.get(lane_of(pod)))
            known = self._pods.get(pod.uid)
            if known is None or known.settling is not None or known.seen != seen:
                self._look(pod, starts(pod, seen[1] or (), seen[2]), now)
                self._pods[pod.uid].seen = seen
        self._began_at = now if self._began_at is None else self._began_at
        self._leave(pods, now)

    def _look(self, pod: Pod, found: Sequence[Start], now: float) -> None:
        if pod.uid not in self._pods:
            self._pods[pod.uid] = _Followed(lane=lane_of(pod))
            if self._began_at is None or not is_new(pod, self._began_at):
                _mark_past(self._pods[pod.uid], found)
        self._enter(self._pods[pod.uid], found, now)
        self._note_latest(pod.uid, found[-1])

    def _enter(self, pod: _Followed, found: Sequence[Start], now: float) -> None:
        for start in found:
            for phase, seconds in start.phases.items():
                if (start.run, phase) in pod.phases:
                    continue
                if phase == "image_pull" and not self._is_settled(pod, seconds, now):
                    continue
                self._count(pod, (start.run, phase), seconds)

    def _is_settled(self, pod: _Followed, seconds: float, now: float) -> bool:
        if pod.settling is None:
            pod.settled_at = now + _SETTLING
        pod.settling = seconds
        return now >= pod.settled_at

    def _count(self, pod: _Followed, phase: tuple[int, str], seconds: float) -> None:
        pod.phases[phase] = seconds
        if phase[1] == "image_pull":
            pod.settling = None
        counts = self._counts[pod.lane]
        counts[phase[1]] = c.LANE_START_PHASE.observe(counts[phase[1]], seconds)

    def _note_latest(self, uid: str, start: Start) -> None:
        """Take what was counted for what a look says: a pod that is not ready any more was ready once."""
        pod = self._pods[uid]
        counted = {phase: seconds for (run, phase), seconds in pod.phases.items() if run == start.run}
        phases = {phase: seconds for phase, seconds in {**start.phases, **counted}.items() if seconds is not None}
        latest = (start.begun_at, uid, Start(run=start.run, begun_at=start.begun_at, phases=phases))
        before = self._latest.get(pod.lane, latest)
        if latest[:2] >= before[:2]:
            self._latest[pod.lane] = latest

    def _leave(self, present: Mapping[str, Pod], now: float) -> None:
        """Count what a pod that is gone cannot correct any more, and forget pods and lanes in time."""
        for uid, pod in self._pods.items():
            if pod.settling is not None and uid not in present:
                self._count(pod, (0, "image_pull"), pod.settling)
        for uid in self._absences.forgotten(self._pods, present, now):
            del self._pods[uid]
        for lane in self._counts.keys() - self._roster.known:
            del self._counts[lane]
        for lane in self._latest.keys() - self._roster.present:
            del self._latest[lane]

    def _spreads(self) -> Iterator[Sample]:
        """Yield every phase of a lane from its first pod on: a histogram that begins at 0 shows its first rise."""
        lanes_of_pods = {pod.lane for pod in self._pods.values()}
        for labels, lane in self._roster.rows():
            if lane not in self._counts and lane not in lanes_of_pods:
                continue
            for phase, distribution in self._counts[lane].items():
                yield from c.LANE_START_PHASE.spread(distribution, **labels, phase=phase)

    def _lasts(self) -> Iterator[Sample]:
        for labels, lane in self._roster.rows():
            if lane not in self._latest:
                continue
            for phase, seconds in self._latest[lane][2].phases.items():
                yield c.LANE_START_LAST.sample(seconds, **labels, phase=phase)


def _are_same(one: Sequence[object], other: Sequence[object]) -> bool:
    """Whether both hold the very same parts: sources give the same object as long as nothing changed."""
    return len(one) == len(other) and all(new is old for new, old in zip(one, other, strict=True))


def _nothing() -> dict[str, Distribution]:
    return dict.fromkeys(PHASES, c.LANE_START_PHASE.nothing())


def _mark_past(pod: _Followed, found: Sequence[Start]) -> None:
    """Note what had ended before the watcher began; whether a first token came before its own is not known."""
    for start in found:
        for phase, seconds in start.phases.items():
            pod.phases[start.run, phase] = seconds
        if "model_load" in start.phases:
            pod.phases[start.run, "warm_up"] = None


def _pulls(events: Events | None) -> Mapping[str, list[ImagePull]]:
    found: defaultdict[str, list[ImagePull]] = defaultdict(list)
    for pull in events.pulls if events else ():
        found[pull.pod_uid].append(pull)
    return found


def _answered(snapshot: Snapshot, pods: Mapping[str, Pod]) -> Mapping[LaneKey, float]:
    """Return when each lane answered last; of two lanes of one name, in two namespaces, it is not known which did."""
    lanes = {lane_of(pod) for pod in pods.values()}
    namesakes = Counter(lane.lane for lane in lanes)
    by_lane = snapshot.answers.by_lane if snapshot.answers else {}
    return {lane: by_lane[lane.lane] for lane in lanes if lane.lane in by_lane and namesakes[lane.lane] == 1}
