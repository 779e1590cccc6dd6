"""What somebody ordered that cannot end well, and what earlier orders left behind: told before it breaks the pool."""

from typing import Final

from alerts.lane_words import LANE
from alerts.promql import WATCHER_PLACE, in_order, latest
from alerts.rule import Alert, Group
from exporter.catalogue import LANE_DESIRED, LANE_PODS, LANE_SURGE_DEADLOCK, POOL_INVARIANT_OK

_LANE: Final = "lane, lane_namespace"
# Kubernetes keeps thousands before it collects them; a controller that is rejected adds some each minute.
_FAILED_PODS: Final = 10
_FAILED: Final = f"sum without ({_LANE}) {latest(LANE_PODS.where(phase='failed'), (*WATCHER_PLACE, 'phase'))}"
_BY_LANE: Final = (
    f"{{{{ range printf `{LANE_PODS.where(phase='failed', pool='%s')} > 0` $labels.pool | query "
    f"| {in_order(['lane_namespace', 'lane'])} }}}}"
    " {{ .Labels.lane_namespace }}/{{ .Labels.lane }}{{ end }}"
)
_DESIRED: Final = f"sum without ({_LANE}) {latest(LANE_DESIRED.where(), WATCHER_PLACE)}"
# Where one is allowed on each node or card several may be ordered: that pool has a series for each unit, none for all.
_AS_A_WHOLE: Final = latest(POOL_INVARIANT_OK.where(unit=""), (*WATCHER_PLACE, "unit"))

GROUP: Final = Group(
    name="lanewatch-lanes",
    rules=(
        Alert(
            name="LanewatchRolloutWillDeadlock",
            expr=f"{latest(LANE_SURGE_DEADLOCK.where(), WATCHER_PLACE)} == 1",
            for_="10m",
            severity="info",
            layer="lane",
            action="fix_configuration",
            summary="The next roll-out of a lane will wait for itself",
            description=(
                f"The next roll-out of {LANE} starts a new pod before it ends the old one, and there is no second card "
                "for it. Nothing is wrong yet. Set strategy Recreate, or maxSurge 0, before you roll it."
            ),
        ),
        Alert(
            name="LanewatchFailedPodsPileUp",
            expr=f"{_FAILED} > {_FAILED_PODS}",
            for_="10m",
            severity="ticket",
            layer="lane",
            action="delete_pods",
            summary="Failed pods of a pool pile up",
            description=(
                "{{ $value }} pods of pool {{ $labels.pool }} have failed and were not deleted, more than "
                f"{_FAILED_PODS}. Of lanes:{_BY_LANE}."
            ),
        ),
        Alert(
            name="LanewatchPoolWantsTwoLanes",
            expr=f"{_DESIRED} > 1\nand\n{_AS_A_WHOLE}",
            for_="5m",  # whoever switches by hand may raise the new lane before the old one is parked
            severity="ticket",
            layer="lane",
            action="park_lane",
            summary="More than one lane of a pool is ordered",
            description=(
                "The controllers of pool {{ $labels.pool }} ask for {{ $value }} pods for 5 minutes, and one may run: "
                "the next pod that ends may give its card to the other lane. Park all lanes but one."
            ),
        ),
    ),
)
