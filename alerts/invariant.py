"""The contract of a pool: exactly one GPU LLM runs. Every way to break it pages once, under one name."""

from typing import Final

from alerts.promql import WATCHER_PLACE, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import POOL_INVARIANT_OK, POOL_STATE, POOL_VIOLATION

_BROKEN: Final = f"{latest(POOL_INVARIANT_OK.where(), WATCHER_PLACE, pick='min')} == 0"
# `switching` ends by itself: the exporter leaves the state when its grace is over, and what is left is broken.
# `many` has its own alert, which says what to do; one cause must not page twice.
_EXPLAINED: Final = f"{latest(POOL_STATE.where(state='~many|switching'), (*WATCHER_PLACE, 'state'))} == 1"
# A machine without a cluster knows nothing of any pool for ever, and that is no failure.
_KNOWN_WITHIN_A_DAY: Final = f"max without ({', '.join(WATCHER_PLACE)}) (last_over_time({POOL_INVARIANT_OK}[1d]))"
_REASONS: Final = f"Reasons:{tell(POOL_VIOLATION, ['reason'], same='pool', part='unit')}."
_POOL: Final = "{{ $labels.pool }}{{ with $labels.unit }} on {{ . }}{{ end }}"  # of a pool that is one unit, its name

GROUP: Final = Group(
    name="lanewatch-invariant",
    rules=(
        Alert(
            name="LanewatchPoolInvariantBroken",
            expr=f"{_BROKEN}\nunless\n{_EXPLAINED}",
            for_="2m",
            severity="page",
            layer="lane",
            action="investigate",
            summary="Not exactly one GPU LLM serves, and no switch is under way",
            description=(
                f"Pool {_POOL} does not have exactly one running GPU LLM for 2 minutes, "
                f"and no switch explains it, or a switch never completed. {_REASONS}"
            ),
        ),
        Alert(
            name="LanewatchPoolManyLanes",
            expr=f"{latest(POOL_STATE.where(state='many'), WATCHER_PLACE)} == 1",
            for_="2m",
            severity="page",
            layer="lane",
            action="park_lane",
            summary="More than one GPU LLM wants the card",
            description=(
                f"Pool {_POOL} has several GPU LLMs running or waiting for 2 minutes. "
                f"On one card one of them cannot start. {_REASONS}"
            ),
        ),
        Alert(
            name="LanewatchPoolUnknown",
            expr=(
                f"{latest(POOL_STATE.where(state='unknown'), WATCHER_PLACE)} == 1\n"
                f"and ignoring (state)\n{_KNOWN_WITHIN_A_DAY}"
            ),
            for_="10m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="It cannot be told whether a GPU LLM serves",
            description=(
                f"The state of pool {_POOL} is unknown for 10 minutes, and it was known within the last day: "
                "the API server, or what the pool is judged by besides, cannot be asked, or the node is lost. "
                "The pool's other alerts cannot fire."
            ),
        ),
    ),
)
