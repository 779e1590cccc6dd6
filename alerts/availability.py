"""Whether an alias answers now, and whether anybody still asks it."""

from typing import Final

from alerts.found import found_once
from alerts.places import ALIAS_POOL
from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    ALIAS_ROOT_CAUSE,
    POOL_STATE,
    PROBE_CONSECUTIVE_FAILURES,
    PROBE_INTERVAL,
    PROBE_LAST_OUTCOME,
    PROBE_LAST_TURN,
    PROBE_PASSIVE,
)

_FAILURES_IN_A_ROW: Final = 3
_MISSED_PROBES: Final = 3
_NEVER: Final = "15m"  # the first turn comes within seconds of the start, and may take a time-out of 10 minutes
_NEVER_SECONDS: Final = 900
_PLACE: Final = ", ".join(WATCHER_PLACE)

SWITCH: Final = "lanewatch:alias_switch:info"

# A planned switch must not page, and a dead gateway during one must: a switch explains what the verdict puts at the
# lane or below its pod. The exporter bounds that by its grace, after which the pool's own alert speaks as well. Where
# nobody knows the alias's pool, any that the same watcher sees switching will do.
_OF_A_SWITCH: Final = "~allocation|backend_process|backend_work|lane_pod"
_AT_THE_LANE: Final = f"{latest(ALIAS_ROOT_CAUSE.where(cause=_OF_A_SWITCH), (*WATCHER_PLACE, 'cause'))} == 1"


def _switching(*drop: str) -> str:
    return f"{latest(POOL_STATE.where(state='switching'), (*WATCHER_PLACE, *drop, 'unit', 'state'))} == 1"


_EXPLAINED: Final = (
    f"(\n  (\n{indent(_AT_THE_LANE, 4)}\n  ) * on (cluster, alias) group_left (pool) {ALIAS_POOL}\n"
    f"  and on (cluster, pool)\n{indent(_switching())}\n)\n"
    f"or\n(\n  (\n{indent(_AT_THE_LANE, 4)}\n  ) unless on (cluster, alias) {ALIAS_POOL}\n"
    f"  and ignoring (alias)\n{indent(_switching('pool'))}\n)"
)

# A lane that works for users is not down, whatever the last question met; what is broken before it may still be.
_BELOW_THE_GATEWAY: Final = "~allocation|backend_process|backend_work|device|driver|lane_pod|node"
_BLAMED: Final = f"{latest(ALIAS_ROOT_CAUSE.where(cause=_BELOW_THE_GATEWAY), (*WATCHER_PLACE, 'cause'))} == 1"
_SERVING: Final = f"sum without ({_PLACE}) (increase({PROBE_PASSIVE}[3m])) > 0\nand\n{_BLAMED}"

_LATE: Final = (
    f"time() - {latest(PROBE_LAST_TURN.where(), WATCHER_PLACE)}\n"
    f"  > {_MISSED_PROBES} * {latest(PROBE_INTERVAL.where(), WATCHER_PLACE)}"
)
_NEVER_ASKED: Final = (
    f"0 * max without ({_PLACE}) ({PROBE_INTERVAL}) + {_NEVER_SECONDS}\n"
    f"and max without ({_PLACE}) ({PROBE_INTERVAL} offset {_NEVER})\n"
    f"unless max without ({_PLACE}) (last_over_time({PROBE_LAST_TURN}[{_NEVER}]))"
)
STALE: Final = f"{_LATE}\nor\n(\n{indent(_NEVER_ASKED)}\n)"

GROUP: Final = Group(
    name="lanewatch-availability",
    rules=found_once(
        "availability",
        Record(name=SWITCH, expr=_EXPLAINED, labels=("alias", "pool")),
        Alert(
            name="LanewatchAliasDown",
            # No `for`: three failures in a row are the wait, and the page must come within 90 s of the third.
            expr=(
                f"{latest(PROBE_CONSECUTIVE_FAILURES.where(), WATCHER_PLACE)} >= {_FAILURES_IN_A_ROW}\n"
                f"unless on (cluster, alias)\n{SWITCH}\n"
                f"unless on (cluster, alias)\n(\n{indent(_SERVING)}\n)"
            ),
            of="alias",
            severity="page",
            layer="alias",
            action="investigate",
            summary="An alias does not answer",
            description=(
                "The last {{ $value }} probes of alias {{ $labels.alias }} through the gateway failed. "
                f"Last outcome:{tell(PROBE_LAST_OUTCOME, ['outcome'], same='alias')}. "
                f"Cause:{tell(ALIAS_ROOT_CAUSE, ['cause'], same='alias')}."
            ),
        ),
        Alert(
            name="LanewatchProbesStale",
            expr=STALE,
            of="alias",
            for_="2m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="An alias is no longer probed",
            description=(
                "Alias {{ $labels.alias }} had no turn for {{ $value | humanizeDuration }}, which is more than "
                f"{_MISSED_PROBES} intervals, or it never had one. Whether the alias answers is unknown, and no other "
                "alert will say so."
            ),
        ),
    ),
)
