"""Two kinds of work in one window: a device plugin that settles while a lane is rolled leaves rejected pods behind."""

from typing import Final

from alerts.places import NODE_POOL
from alerts.promql import PLACE, WATCHER_PLACE, indent, latest
from alerts.rule import Alert, Group
from exporter.catalogue import NODE_ALLOCATABLE_CHANGED, POOL_STATE, SOURCE_CALLS

# A device plugin registers anew within seconds; the kubelet forgets one that stays away after five minutes.
_SETTLES: Final = "10m"
# A watcher that begins calls what it sees first a change. Its counters, which begin again with it, give that away.
_BEGAN: Final = f"on (cluster, instance, pod) resets({SOURCE_CALLS}[{_SETTLES}]) > 0"
_CHANGED: Final = (
    f"max without ({', '.join(PLACE)}) (\n  changes({NODE_ALLOCATABLE_CHANGED}[{_SETTLES}]) > 0\n  unless {_BEGAN}\n)"
)
_OF_POOL: Final = f"(\n{indent(_CHANGED)}\n) * on (cluster, node) group_left (pool) {NODE_POOL}"
_STATE: Final = (*WATCHER_PLACE, "state")
_MOVES: Final = "~switching|many"


def _moving(unit: str) -> str:
    return f"{latest(POOL_STATE.where(state=_MOVES, unit=unit), _STATE)} == 1"


# Of a pool of nodes only the unit that is this node.
_HERE: Final = f'label_replace(\n{indent(_moving("~.+"))}, "node", "$1", "unit", "(.*)"\n)'
_OVERLAP: Final = (
    f"(\n{indent(_OF_POOL)}\n)\nand on (cluster, pool) (\n{indent(_moving(''))}\n)\n"
    f"or\n(\n{indent(_OF_POOL)}\n)\nand on (cluster, pool, node) {_HERE}"
)

GROUP: Final = Group(
    name="lanewatch-maintenance",
    rules=(
        Alert(
            name="LanewatchMaintenanceOverlaps",
            expr=_OVERLAP,
            severity="ticket",
            layer="allocation",
            action="wait",
            summary="The device plugin changed its offer while a lane is rolled",
            description=(
                "What node {{ $labels.node }} offers of {{ $labels.resource }} changed within the last 10 minutes, and "
                "pool {{ $labels.pool }} is switching or has several pods: those that come before the offer is whole "
                "are rejected with UnexpectedAdmissionError and stay as Failed. Stop one of the two until the other is "
                "done."
            ),
        ),
    ),
)
