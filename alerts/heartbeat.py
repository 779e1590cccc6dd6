"""Whether Lanewatch itself is there: an alert when it is gone, and one that stops when it no longer sees."""

from typing import Final

from alerts.availability import STALE
from alerts.promql import WATCHER_PLACE, indent
from alerts.rule import Alert, Group
from exporter.catalogue import BUILD_INFO

_PLACE: Final = ", ".join((*WATCHER_PLACE, "version", "simulated"))  # an update is no absence
_NOW: Final = f"max without ({_PLACE}) ({BUILD_INFO})"
# Not `absent()`: it names nothing, and it fires on every server of a fleet that never had this exporter.
_WITHIN_A_DAY: Final = f"max without ({_PLACE}) (last_over_time({BUILD_INFO}[1d]))"
_WATCHERS: Final = BUILD_INFO.where(role="~all|cluster")

GROUP: Final = Group(
    name="lanewatch-heartbeat",
    rules=(
        Alert(
            name="LanewatchExporterGone",
            expr=f"{_WITHIN_A_DAY}\nunless\n{_NOW}",
            for_="10m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="Every Lanewatch exporter of one role is gone",
            description=(
                "No exporter of role {{ $labels.role }} was scraped for 10 minutes, and one was within the last day. "
                "What it watches is unknown, and its alerts cannot fire."
            ),
        ),
        Alert(
            name="LanewatchWatchdog",
            expr=f"max by (cluster) ({_WATCHERS})\nunless\nmax by (cluster) (\n{indent(STALE)}\n)",
            severity="heartbeat",
            layer="exporter",
            action="none",
            summary="Lanewatch sees: this alert always fires",
            description=(
                "This alert fires while the watcher is scraped and its probes are fresh. Route it to a dead man's "
                "switch outside the cluster: when it stops, nobody is watching."
            ),
        ),
    ),
)
