"""What a fleet is too large to show: nodes that have no series of their own have no alerts of their own."""

from typing import Final

from alerts.promql import WATCHER_PLACE, latest
from alerts.rule import Alert, Group
from exporter.catalogue import NODES_LEFT_OUT

GROUP: Final = Group(
    name="lanewatch-left-out",
    rules=(
        Alert(
            name="LanewatchNodesLeftOut",
            expr=f"{latest(NODES_LEFT_OUT.where(), WATCHER_PLACE)} > 0",
            for_="15m",
            severity="info",
            layer="exporter",
            action="fix_configuration",
            summary="Some nodes or lanes have no series",
            description=(
                "{{ $value }} nodes (of a family of lanes: lanes) have no series in {{ $labels.family }} for 15 "
                "minutes, and no alerts by it: the fleet is larger than the budget of a family. What is wrong was kept "
                "first. Run a watcher for each part of the fleet."
            ),
        ),
    ),
)
