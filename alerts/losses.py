"""What Lanewatch itself lost: series, lines of the kernel log, and counts that should outlive a restart."""

from typing import Final

from alerts.counters import rose_or_appeared
from alerts.rule import Alert, Group
from alerts.sources import OF_NODE, named_by_node
from exporter.catalogue import KERNEL_LOG_LOST, SERIES_DROPPED, XID_STORE_ERRORS

_RECENT: Final = "30m"  # a process counts what it meets as it starts, before anybody scrapes it
_DROPS: Final = f"increase({SERIES_DROPPED}[15m]) > 0"
_FIRST_DROP: Final = f"{SERIES_DROPPED} > 0\n  unless last_over_time({SERIES_DROPPED}[1d] offset 15m)"

GROUP: Final = Group(
    name="lanewatch-losses",
    rules=(
        Alert(
            name="LanewatchSeriesDropped",
            expr=named_by_node(f"{_DROPS}\nor\n{_FIRST_DROP}"),
            severity="ticket",
            layer="exporter",
            action="investigate",
            summary="Lanewatch leaves series out",
            description=(
                f"The exporter{OF_NODE} left series of {{{{ $labels.family }}}} out within the last 15 minutes: the "
                "family is larger than its budget, or could not be made. Alerts that need it cannot be trusted."
            ),
        ),
        Alert(
            name="LanewatchXidStoreFails",
            expr=rose_or_appeared(XID_STORE_ERRORS.where(), _RECENT),
            severity="ticket",
            layer="exporter",
            action="fix_configuration",
            summary="The counts of Xids cannot be kept",
            description=(
                "Within the last 30 minutes the agent of node {{ $labels.node }} could not read or write the file of "
                "its Xid counts. Its next restart forgets how often each card had which error."
            ),
        ),
        Alert(
            name="LanewatchKernelLogLost",
            expr=rose_or_appeared(KERNEL_LOG_LOST.where(), _RECENT),
            severity="ticket",
            layer="exporter",
            action="investigate",
            summary="Lines of the kernel log were overwritten before they were read",
            description=(
                "Node {{ $labels.node }} lost lines of its kernel log within the last 30 minutes. An Xid may have "
                "been among them: of the cards of this node, silence is no health for that time."
            ),
        ),
    ),
)
