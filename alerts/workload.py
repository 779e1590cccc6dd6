"""What happens to the pods of a lane: ends that nobody ordered, loops, and a readiness that comes and goes."""

from typing import Final, NamedTuple

from alerts.lane_words import LANE, tell_of_lane
from alerts.promql import WATCHER_PLACE, latest
from alerts.rule import Action, Alert, Group, Layer
from exporter.catalogue import LANE_EVENTS, LANE_LAST_TERMINATION, LANE_PODS, LANE_PROBLEMS, LANE_RESTARTS

_GONE: Final = ", ".join(WATCHER_PLACE)
_GONE_EVENT: Final = (*WATCHER_PLACE, "event")
_RECENT: Final = "30m"  # long enough to be seen by whoever gets the ticket
_FLAPS: Final = 4  # changes: lost and come back twice

_LANE: Final = f"L{LANE[1:]}"  # at the beginning of a sentence
_ENDED: Final = f"Ended last (reason/exit code):{tell_of_lane(LANE_LAST_TERMINATION, ['reason', 'exit_code'])}."


def _rise(events: str) -> str:
    return f"max without ({', '.join(_GONE_EVENT)}) (increase({LANE_EVENTS.where(event=events)}[{_RECENT}]))"


def _happened(event: str) -> str:
    """Return the lanes to which `event` happened of late, the first of a series that is born with it too."""
    now = latest(LANE_EVENTS.where(event=event), _GONE_EVENT)
    before = f"last_over_time({LANE_EVENTS.where(event=event)}[{_RECENT}] offset {_RECENT})"
    born = f"{now} > 0\nunless\nmax without ({', '.join(_GONE_EVENT)}) ({before})"
    return f"{_rise(event)} > 0\nor\n(\n{born}\n)"


class _Event(NamedTuple):
    """What may happen, which layer has to mend it, and how."""

    name: str
    event: str
    layer: Layer
    action: Action
    summary: str
    words: str


_EVENTS: Final = (
    _Event(
        "LanewatchLaneOomKilled",
        "oom_killed",
        "lane",
        "fix_configuration",
        "A lane was killed for its memory",
        "had a container killed because it passed its memory limit (RAM, not VRAM) within the last 30 minutes. "
        "Raise the limit, or keep less in memory while the model is loaded",
    ),
    _Event(
        "LanewatchLaneEvicted",
        "evicted",
        "node",
        "free_memory",
        "A lane was evicted from its node",
        "had a pod evicted or preempted within the last 30 minutes: its node ran out of memory or disk, or a pod of a "
        "higher priority took its place",
    ),
    _Event(
        "LanewatchModelLoadFailed",
        "model_load_failure",
        "server",
        "fix_configuration",
        "A server ended before it was ready",
        "had a server that ended by itself before it was ready once, within the last 30 minutes: the model file, an "
        "argument, or too little VRAM",
    ),
)


def _alert(one: _Event) -> Alert:
    return Alert(
        name=one.name,
        expr=_happened(one.event),
        severity="ticket",
        layer=one.layer,
        action=one.action,
        summary=one.summary,
        description=f"{_LANE} {one.words}. {_ENDED}",
    )


_LOOPING: Final = f"{latest(LANE_PROBLEMS.where(reason='CrashLoopBackOff'), (*WATCHER_PLACE, 'phase', 'reason'))} > 0"
# Series by series, and not by `increase`: the count is that of the present pods and falls when one of them goes, which
# is no counter that was reset.
_ROSE: Final = (
    f"max without ({_GONE}) (\n"
    f"  last_over_time({LANE_RESTARTS}[{_RECENT}]) > min_over_time({LANE_RESTARTS}[{_RECENT}])\n)"
)
# A lane that is first seen with a restart: its time speaks, but not while its pods are told to go.
_BORN: Final = (
    f"{latest(LANE_RESTARTS.where(), WATCHER_PLACE)} > 0\nand\n"
    f"time() - {latest(LANE_LAST_TERMINATION.where(), (*WATCHER_PLACE, 'reason', 'exit_code'))} < 1800\nunless\n"
    f"{latest(LANE_PODS.where(phase='terminating'), (*WATCHER_PLACE, 'phase'))} > 0"
)
_EXPLAINED: Final = f"{_rise('~oom_killed|crash_loop|model_load_failure')} > 0"

GROUP: Final = Group(
    name="lanewatch-workload",
    rules=(
        *map(_alert, _EVENTS),
        Alert(
            name="LanewatchLaneCrashLoop",
            expr=f"{_happened('crash_loop')}\nor\n{_LOOPING}",
            severity="ticket",
            layer="server",
            action="investigate",
            summary="A lane ends again and again",
            description=(
                f"{_LANE} has a container that Kubernetes starts again ever later, for it ends each time, or had one "
                f"within the last 30 minutes. {_ENDED}"
            ),
        ),
        Alert(
            name="LanewatchLaneReadinessFlaps",
            expr=f"{_rise('readiness_change')} >= {_FLAPS}",
            severity="ticket",
            layer="server",
            action="investigate",
            summary="A lane is ready and not ready by turns",
            description=(
                f"{_LANE} lost its readiness or got it back "
                '{{ $value | printf "%.0f" }} times within the last 30 minutes. '
                "Each time the gateway has nowhere to send to: the probe's deadline is too short for a busy "
                "server, or the server stalls."
            ),
        ),
        Alert(
            name="LanewatchLaneRestarted",
            # what killed it has its own alert
            expr=f"(\n{_ROSE}\nor\n(\n{_BORN}\n)\n)\nunless\n{_EXPLAINED}",
            severity="ticket",
            layer="server",
            action="investigate",
            summary="A server of a lane was started again",
            description=(
                f"A container of {LANE} was started again within the last 30 minutes, and nobody ordered it. "
                f"Restarts of its present pods: {{{{ $value }}}}. {_ENDED} Look at the log of the run before."
            ),
        ),
    ),
)
