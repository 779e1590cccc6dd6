"""What happened to a lane's pods between two looks at them.

Pure. Whoever looks twice counts once. What came and went without a trace is lost: of all the runs of a container that
ended, its pod tells of the last two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from exporter.cluster import Container, Pod, Termination
from exporter.facts.cold_start import run_began_at, server_of

LaneEvent = Literal["oom_killed", "evicted", "crash_loop", "readiness_change", "model_load_failure"]
EVENTS: Final[tuple[LaneEvent, ...]] = get_args(LaneEvent)

_EVICTIONS: Final = frozenset({"Evicted", "Preempted", "Preempting"})


class EndedRun(NamedTuple):
    """What tells one run of a container that ended from every other of the same pod."""

    container: str
    started_at: float | None
    at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What earlier looks at one pod have shown; nothing yet, before the first."""

    is_ready: bool = False
    ready_changed_at: float | None = None
    was_ready_once: bool = False
    ready_run: float | None = None  # beginning of the server's latest run in which the pod was seen ready
    ended: frozenset[EndedRun] = frozenset()
    looping: frozenset[str] = frozenset()  # containers in a crash loop, until they are ready again
    is_evicted: bool = False


def look(before: Seen, pod: Pod) -> tuple[Seen, tuple[LaneEvent, ...]]:
    """Return what is now known of `pod`, and what happened to it since."""
    return _seen(before, pod), tuple(_events(before, pod))


def _events(before: Seen, pod: Pod) -> Iterator[LaneEvent]:
    yield from _run_events(before, pod)
    if pod.reason in _EVICTIONS and not before.is_evicted:
        yield "evicted"
    for _ in _looping(pod) - before.looping:
        yield "crash_loop"
    for _ in range(_readiness_changes(before, pod)):
        yield "readiness_change"


def _seen(before: Seen, pod: Pod) -> Seen:
    well = {one.name for one in pod.containers if one.is_ready}
    server = server_of(pod)
    began_at = run_began_at(server) if server else None
    return Seen(
        is_ready=pod.is_ready,
        ready_changed_at=pod.ready_changed_at,
        was_ready_once=before.was_ready_once or pod.is_ready or _lost_readiness_since(began_at, pod),
        ready_run=began_at if pod.is_ready else before.ready_run,
        ended=frozenset(_identity(container, run) for container, run in _ended_runs(pod)),
        looping=(before.looping | _looping(pod)) - well,
        is_evicted=before.is_evicted or pod.reason in _EVICTIONS,
    )


def _looping(pod: Pod) -> frozenset[str]:
    return frozenset(one.name for one in pod.containers if one.waiting == "CrashLoopBackOff")


def _run_events(before: Seen, pod: Pod) -> Iterator[LaneEvent]:
    server = server_of(pod)
    for container, run in _ended_runs(pod):
        if _identity(container, run) in before.ended:
            continue
        if run.reason == "OOMKilled":
            yield "oom_killed"
        if container is server and _failed_to_load(before, pod, run):
            yield "model_load_failure"


def _failed_to_load(before: Seen, pod: Pod, run: Termination) -> bool:
    """Whether the server's run ended badly, by itself, before the pod was ready in it."""
    if run.exit_code == 0 or pod.is_terminating or pod.reason in _EVICTIONS:
        return False
    was_seen_ready = run.started_at is not None and run.started_at == before.ready_run
    return not was_seen_ready and not _lost_readiness_since(run.started_at, pod)


def _lost_readiness_since(began_at: float | None, pod: Pod) -> bool:
    """Whether the pod was ready in a run that began then and is not now: a pod that never was has an older date."""
    if pod.is_ready or began_at is None or pod.ready_changed_at is None:
        return False
    return pod.ready_changed_at > began_at


def _readiness_changes(before: Seen, pod: Pod) -> int:
    """Return how often readiness was lost or came back; becoming ready at first is none, nor is the pod's own end."""
    is_over = pod.is_terminating or pod.phase != "Running"
    if is_over or before.ready_changed_at is None or before.ready_changed_at == pod.ready_changed_at:
        return 0
    changes = 1 if before.is_ready != pod.is_ready else 2  # there and back between the two looks
    return changes if before.was_ready_once else changes - 1


def _ended_runs(pod: Pod) -> Iterator[tuple[Container, Termination]]:
    for container in pod.containers:
        yield from ((container, run) for run in (container.last, container.ended) if run is not None)


def _identity(container: Container, run: Termination) -> EndedRun:
    return EndedRun(container.name, run.started_at, run.at)
