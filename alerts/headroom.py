"""Whether the node of a lane has place for what it needs besides, and whether a lane's request still fits its node."""

from typing import Final

from alerts.found import found_once
from alerts.lane_words import LANE
from alerts.places import on_a_host
from alerts.promql import bridged, indent
from alerts.rare import only, watched
from alerts.rule import Alert, Group
from exporter.catalogue import LANE_REQUEST_DRIFT, LANE_REQUEST_RATIO, NODE_CPU, NODE_MEMORY
from exporter.metric import Metric
from exporter.notable import LEAST_FREE

_FILLS: Final = watched(LANE_REQUEST_RATIO)
_DRIFTED: Final = f"abs(\n{indent(watched(LANE_REQUEST_DRIFT))}\n)"


def _free(metric: Metric, resource: str) -> str:
    """Return the free share of what the node can give: the parts of a node add up to that."""
    free, parts = bridged(metric.where(part="free")), bridged(str(metric))
    share = only(f"{free} / ignoring (part) sum without (part) ({parts})", f"< {LEAST_FREE}", pick="min")
    return f'label_replace(\n{share}, "resource", "{resource}", "", ""\n)'


_SCARCE: Final = f"{_free(NODE_CPU, 'cpu')}\nor\n{_free(NODE_MEMORY, 'memory')}"

GROUP: Final = Group(
    name="lanewatch-headroom",
    rules=found_once(
        "headroom",
        Alert(
            name="LanewatchNodeHeadroomLow",
            # the lane that takes it all has its own alert
            expr=f"{on_a_host(_SCARCE)}\nunless on (cluster, node, resource) (\n{_FILLS}\n)",
            of="node",
            for_="15m",
            severity="ticket",
            layer="node",
            action="fix_configuration",
            summary="The node of a lane has no place for daemons",
            description=(
                "{{ $value | humanizePercentage }} of the {{ $labels.resource }} that node {{ $labels.node }} can give "
                f"is requested by nobody for 15 minutes, less than {LEAST_FREE:.0%}: a DaemonSet that is rolled, the "
                "device plugin's too, may find no place. See who requests it, by part."
            ),
        ),
        Alert(
            name="LanewatchLaneFillsNode",
            expr=_FILLS,
            for_="15m",
            severity="ticket",
            layer="lane",
            action="fix_configuration",
            summary="A lane requests the whole node",
            description=(
                f"A pod of {LANE} requests "
                "{{ $value | humanizePercentage }} of the {{ $labels.resource }} that node {{ $labels.node }} can "
                "give. Above 100% it never starts; near it no daemon does beside it."
            ),
        ),
        Alert(
            name="LanewatchLaneRequestDrifts",
            expr=_DRIFTED,
            for_="1h",
            severity="info",
            layer="lane",
            action="fix_configuration",
            summary="A node changed its size, and its lane was not told",
            description=(
                f"What {LANE} requests of the {{{{ $labels.resource }}}} of "
                "node {{ $labels.node }} is another share by {{ $value | humanizePercentage }} than when its spec was "
                "changed last: the node grew or shrank. Set its request anew."
            ),
        ),
    ),
)
