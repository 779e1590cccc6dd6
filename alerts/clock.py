"""Whether the exporter's clock goes as the server's: ages, and what was seen last, are told by both."""

from typing import Final

from alerts.rule import Alert, Group
from alerts.sources import OF_NODE, named_by_node
from exporter.catalogue import SOURCE_LAST_SUCCESS

# Some source is read at least every 30 s, even where the driver is gone; a clock that is kept is within one second.
_MOST_SECONDS: Final = 60
# A subquery: of `last_over_time` alone nobody can tell when it was scraped.
_BEHIND: Final = f"last_over_time((timestamp({SOURCE_LAST_SUCCESS}) - {SOURCE_LAST_SUCCESS})[2m:30s])"
_NEWEST: Final = f"min without (source) ({_BEHIND})"

GROUP: Final = Group(
    name="lanewatch-clock",
    rules=(
        Alert(
            name="LanewatchClockOff",
            expr=named_by_node(f"abs({_NEWEST}) > {_MOST_SECONDS}"),
            for_="5m",
            severity="ticket",
            layer="node",
            action="fix_configuration",
            summary="The clock of an exporter is not that of Prometheus",
            description=(
                f"The newest reading of the exporter{OF_NODE} is {{{{ $value | humanizeDuration }}}} away from the "
                "time at which it was scraped: the clock of its node is wrong, or the exporter stands still. Ages, "
                "and when an Xid was seen, are wrong by as much."
            ),
        ),
    ),
)
