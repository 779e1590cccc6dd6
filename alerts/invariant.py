"""The contract of a pool: exactly one GPU LLM runs. Every way to break it pages once, under one name.

What besides is told of a state is told by its age, which the exporter keeps: a Prometheus that restarts counts on.
Why a pool is broken, and what to do about it, is with `reasons.py`.
"""

from typing import Final

from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    POOL_INVARIANT_OK,
    POOL_STATE,
    POOL_STATE_SINCE,
    POOL_SWITCH_DEADLINE,
    POOL_VIOLATION,
    POOL_VIOLATOR_INFO,
)

_BROKEN: Final = f"{latest(POOL_INVARIANT_OK.where(), WATCHER_PLACE, pick='min')} == 0"
# `switching` ends by itself: the exporter leaves the state when its grace is over, and what is left is broken.
# `many` has its own alert, which says what to do; one cause must not page twice.
_EXPLAINED: Final = f"{latest(POOL_STATE.where(state='~many|switching'), (*WATCHER_PLACE, 'state'))} == 1"
# A machine without a cluster knows nothing of any pool for ever, and that is no failure.
_KNOWN_WITHIN_A_DAY: Final = f"max without ({', '.join(WATCHER_PLACE)}) (last_over_time({POOL_INVARIANT_OK}[1d]))"
_REASONS: Final = f"Reasons:{tell(POOL_VIOLATION, ['reason'], same='pool', part='unit')}."
_POOL: Final = "{{ $labels.pool }}{{ with $labels.unit }} on {{ . }}{{ end }}"  # of a pool that is one unit, its name

_AGE: Final = f"time() - {latest(POOL_STATE_SINCE.where(), WATCHER_PLACE)}"
_LATE: Final = 0.8  # of the deadline: what is left is time to look before anybody is paged
_DEADLINE: Final = latest(POOL_SWITCH_DEADLINE.where(), WATCHER_PLACE)
_DEADLINE_SAID: Final = (
    f"{{{{ with printf `{POOL_SWITCH_DEADLINE.where(pool='%s')}` $labels.pool | query }}}} of "
    "{{ . | first | value | humanizeDuration }}{{ end }}"
)
_WHO: Final = tell(POOL_VIOLATOR_INFO, ["reason", "kind", "violator_namespace", "violator"], same="pool", part="unit")


def is_in(states: str) -> str:
    """Return the pools that are in one of `states`, without the label that says which."""
    return f"{latest(POOL_STATE.where(state=states), (*WATCHER_PLACE, 'state'))} == 1"


# A switch begins with the state of that name and ends with `steady`, and with nothing else: a pool that was steady for
# a day and then lost its pod is no failed switch. Ten minutes bridge a Prometheus that restarts, as in `places.py`.
_SWITCH: Final = "lanewatch:pool_switch:begun"
_BEGUN: Final = Record(
    name=_SWITCH,
    expr=(
        f"{is_in('switching')}\nor\n(\n  last_over_time({_SWITCH}[10m])\n    unless\n{indent(is_in('steady'), 4)}\n)"
    ),
    labels=("pool", "unit"),
)
_AGE_SAID: Final = (
    f"{{{{ with printf `time() - {POOL_STATE_SINCE.where(pool='%s', unit='%s')}` $labels.pool $labels.unit | query }}}}"
    " Its state is {{ . | first | value | humanizeDuration }} old.{{ end }}"
)

GROUP: Final = Group(
    name="lanewatch-invariant",
    rules=(
        _BEGUN,
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
                f"and no switch explains it, or a switch never completed. {_REASONS}{_AGE_SAID}"
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
                f"On one card one of them cannot start. {_REASONS}{_AGE_SAID}"
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
                f"The pool's other alerts cannot fire.{_AGE_SAID}"
            ),
        ),
        Alert(
            name="LanewatchPoolSwitchLate",
            expr=(
                f"(\n{indent(_AGE)}\n    > ignoring (unit) group_left ()\n"
                f"  {_LATE} * {indent(_DEADLINE).lstrip()}\n)\nand\n{is_in('switching')}"
            ),
            severity="info",
            layer="lane",
            action="finish_switch",
            summary="A switch will miss its deadline",
            description=(
                f"Pool {_POOL} has been switching for {{{{ $value | humanizeDuration }}}}, more than "
                f"{_LATE:.0%} of its deadline{_DEADLINE_SAID}. What is missing:{_WHO}."
            ),
        ),
        Alert(
            name="LanewatchPoolSwitchStuck",
            expr=f"{_AGE}\nand\n{is_in('~none|many|split')}\nand\n{_SWITCH}",
            for_="1m",
            severity="ticket",
            layer="lane",
            action="finish_switch",
            summary="A switch never completed",
            description=(
                f"Pool {_POOL} was ordered to switch and is not steady after its deadline{_DEADLINE_SAID}; "
                f"its present state is {{{{ $value | humanizeDuration }}}} old. What is missing:{_WHO}."
            ),
        ),
        Alert(
            name="LanewatchPoolSplit",
            expr=f"{_AGE}\nand\n{is_in('split')}",
            for_="2m",
            severity="ticket",
            layer="allocation",
            action="investigate",
            summary="The API server and the card name different owners",
            description=(
                f"Pool {_POOL} is split for {{{{ $value | humanizeDuration }}}}: what the API server calls running is "
                f"not what the kubelet gave the card to, or what holds its memory. Who:{_WHO}."
            ),
        ),
    ),
)
