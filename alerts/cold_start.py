"""The start of a lane, phase by phase, for each has another owner: longer than usual, or than anybody should wait."""

from dataclasses import replace
from typing import Final, NamedTuple

from alerts.lane_words import LANE, tell_of_lane
from alerts.promql import WATCHER_PLACE, indent, latest
from alerts.rule import Action, Alert, Group, Layer, Record, Severity
from exporter.catalogue import (
    LANE_DESIRED,
    LANE_PROBLEMS,
    LANE_READY,
    LANE_START_LAST,
    LANE_START_PHASE,
    POOL_SWITCH_DEADLINE,
)

_GONE: Final = ", ".join(WATCHER_PLACE)
_COUNT: Final = replace(LANE_START_PHASE, name=f"{LANE_START_PHASE}_count")
_SUM: Final = replace(LANE_START_PHASE, name=f"{LANE_START_PHASE}_sum")

# A start is said for an hour after it; what is usual is older than that, so that none is compared with itself.
_RECENT: Final = "1h"
_WEEK: Final = f"[7d] offset {_RECENT}"
_STARTS: Final = 3  # fewer tell nothing of what is usual
_SLOWER: Final = 2  # times the usual
_LEAST_SECONDS: Final = 30  # below that twice the usual is nobody's business

USUAL: Final = "lanewatch:lane_start_phase:usual_seconds"
_USUAL: Final = Record(
    name=USUAL,
    expr=(
        f"sum without ({_GONE}) (increase({_SUM}{_WEEK}))\n/\n"
        f"(sum without ({_GONE}) (increase({_COUNT}{_WEEK})) >= {_STARTS})"
    ),
    labels=("pool", "lane_namespace", "lane", "phase"),
)
_USUAL_SAID: Final = (
    f'{{{{ with printf `{USUAL}{{pool="%s",lane_namespace="%s",lane="%s",phase="%s"}}` $labels.pool '
    "$labels.lane_namespace $labels.lane $labels.phase | query }}, usually "
    "{{ . | first | value | humanizeDuration }}{{ end }}"
)


class _Phase(NamedTuple):
    """A phase, how long it may take at most, and whose it is."""

    name: str
    phase: str
    bound: int  # seconds
    layer: Layer
    action: Action
    summary: str
    owner: str
    severity: Severity = "ticket"


_PHASES: Final = (
    _Phase(
        "LanewatchSchedulingSlow",
        "scheduling",
        120,
        "allocation",
        "investigate",
        "A lane waited long for a node",
        "The scheduler and the nodes own this phase: the card was taken, the pod did not fit, or a node was made",
    ),
    _Phase(
        "LanewatchImagePullSlow",
        "image_pull",
        600,  # 10 GB at 20 MB/s, and as much to unpack
        "node",
        "investigate",
        "The image of a lane took long to pull",
        "The registry and the node's disk own this phase: an image that is not kept on the node is pulled each time",
    ),
    _Phase(
        "LanewatchModelLoadSlow",
        "model_load",
        300,  # 22 GB at 75 MB/s: slower than a plain disk
        "server",
        "investigate",
        "A lane took long to load its model",
        "The server and the model's storage own this phase: a cold page cache, a slow volume, or a slow PCIe link",
    ),
    _Phase(
        "LanewatchWarmUpSlow",
        "warm_up",
        300,
        "server",
        "wait",
        "A lane took long to its first token",
        "The server owns this phase, and who asks it: where no probe and no user asks, nothing but the wait was long",
        severity="info",
    ),
)


def _slow(one: _Phase) -> str:
    last = latest(LANE_START_LAST.where(phase=one.phase), WATCHER_PLACE)
    ended = f"max without ({_GONE}) (increase({_COUNT.where(phase=one.phase)}[{_RECENT}])) > 0"
    than_usual = f"({last} > {_SLOWER} * {USUAL}) > {_LEAST_SECONDS}"
    return f"(\n{indent(f'{last} > {one.bound}')}\n  or\n{indent(than_usual)}\n)\nand\n{ended}"


def _alert(one: _Phase) -> Alert:
    return Alert(
        name=one.name,
        expr=_slow(one),
        severity=one.severity,
        layer=one.layer,
        action=one.action,
        summary=one.summary,
        description=(
            f"The latest start of {LANE} took {{{{ $value | humanizeDuration }}}} for the phase {one.phase}"
            f"{_USUAL_SAID}. That is slow above {one.bound} seconds, or {_SLOWER} times the usual. {one.owner}."
        ),
    )


# What holds a pod before or in its start and has a ticket of its own.
_TOLD: Final = "~CrashLoopBackOff|ErrImagePull|ImagePullBackOff|InvalidImageName|InsufficientGpu|SchedulingGated"
_IS_TOLD: Final = f"{latest(LANE_PROBLEMS.where(reason=_TOLD), (*WATCHER_PLACE, 'phase', 'reason'))} > 0"
_WAITS: Final = (
    f"{latest(LANE_DESIRED.where(), WATCHER_PLACE)} > 0\nand\n{latest(LANE_READY.where(), WATCHER_PLACE)} == 0\n"
    f"unless\n{_IS_TOLD}"
)
# Since when, kept from one evaluation to the next: how long it may last is the pool's own deadline, which no `for` is.
_SINCE: Final = "lanewatch:lane_start:begun_timestamp_seconds"
_BEGUN: Final = Record(
    name=_SINCE,
    expr=(f"last_over_time({_SINCE}[2m])\nand\n(\n{indent(_WAITS)}\n)\nor\n(\n{indent(_WAITS)}\n) * 0 + time()"),
    labels=("pool", "lane_namespace", "lane"),
)
_DEADLINE: Final = latest(POOL_SWITCH_DEADLINE.where(), WATCHER_PLACE)

GROUP: Final = Group(
    name="lanewatch-cold-start",
    rules=(
        _USUAL,
        *map(_alert, _PHASES),
        _BEGUN,
        Alert(
            name="LanewatchColdStartStuck",
            expr=f"time() - {_SINCE}\n  > ignoring (lane, lane_namespace) group_left ()\n{indent(_DEADLINE)}",
            for_="5m",  # the deadline is for a pod that runs; its model is loaded after that
            severity="ticket",
            layer="server",
            action="investigate",
            summary="The start of a lane does not end",
            description=(
                f"A pod of {LANE} is wanted, and none is ready for {{{{ $value | humanizeDuration }}}}, longer than a "
                "switch of the pool may take. Phases of its latest start that ended:"
                f"{tell_of_lane(LANE_START_LAST, ['phase'])}. "
                f"Problems:{tell_of_lane(LANE_PROBLEMS, ['phase', 'reason'])}."
            ),
        ),
    ),
)
