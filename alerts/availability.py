"""Whether an alias answers now, and whether anybody still asks it."""

from typing import Final

from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import (
    ALIAS_ROOT_CAUSE,
    POOL_STATE,
    PROBE_CONSECUTIVE_FAILURES,
    PROBE_INTERVAL,
    PROBE_LAST_OUTCOME,
    PROBE_LAST_TURN,
)

_FAILURES_IN_A_ROW: Final = 3
_MISSED_PROBES: Final = 3

# A planned switch must not page, and a dead gateway during one must. No series says to which pool an alias belongs, so
# any pool that the same watcher sees switching explains what the verdict puts at the lane or below its pod. The
# exporter bounds that by its grace, after which the pool's own alert speaks as well.
_OF_A_SWITCH: Final = "~allocation|backend_process|backend_work|lane_pod"
_AT_THE_LANE: Final = f"{latest(ALIAS_ROOT_CAUSE.where(cause=_OF_A_SWITCH), (*WATCHER_PLACE, 'cause'))} == 1"
_SWITCHING: Final = f"{latest(POOL_STATE.where(state='switching'), (*WATCHER_PLACE, 'pool', 'unit', 'state'))} == 1"
_EXPLAINED: Final = f"(\n{indent(_AT_THE_LANE)}\n  and ignoring (alias)\n{indent(_SWITCHING)}\n)"

STALE: Final = (
    f"time() - {latest(PROBE_LAST_TURN.where(), WATCHER_PLACE)}\n"
    f"  > {_MISSED_PROBES} * {latest(PROBE_INTERVAL.where(), WATCHER_PLACE)}"
)

GROUP: Final = Group(
    name="lanewatch-availability",
    rules=(
        Alert(
            name="LanewatchAliasDown",
            # No `for`: three failures in a row are the wait, and the page must come within 90 s of the third.
            expr=(
                f"{latest(PROBE_CONSECUTIVE_FAILURES.where(), WATCHER_PLACE)} >= {_FAILURES_IN_A_ROW}\n"
                f"unless\n{_EXPLAINED}"
            ),
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
            for_="2m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="An alias is no longer probed",
            description=(
                "The last turn of alias {{ $labels.alias }} was {{ $value | humanizeDuration }} ago, more than "
                f"{_MISSED_PROBES} intervals. Whether the alias answers is unknown, and no other alert will say so."
            ),
        ),
    ),
)
