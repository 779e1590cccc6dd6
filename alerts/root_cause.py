"""Which layer explains what is wrong with an alias: no call to act, but what the calls and the panels are read with."""

from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import ALIAS_INFO, ALIAS_ROOT_CAUSE, PROBE_LAST_OUTCOME

# Each of the causes but none and unknown, which a regular expression of Prometheus can only say by what there is.
_CAUSES: Final = (
    "node|driver|device|allocation|lane_pod|backend_process|backend_work|network|gateway_process|gateway_key|"
    "alias_route|gateway_translation|first_token|output"
)
_OUTCOME: Final = f"Last outcome:{tell(PROBE_LAST_OUTCOME, ['outcome'], same='alias')}."
_LANE: Final = f"Lane:{tell(ALIAS_INFO, ['lane'], same='alias')}."

GROUP: Final = Group(
    name="lanewatch-root-cause",
    rules=found_once(
        "root_cause",
        Alert(
            name="LanewatchAliasRootCause",
            expr=f"{latest(ALIAS_ROOT_CAUSE.where(cause=f'~{_CAUSES}'), WATCHER_PLACE)} == 1",
            of="alias",
            for_="30s",  # seen twice: while the lane itself is being asked the cause may be another
            severity="info",
            layer="alias",
            action="investigate",
            summary="One layer explains what is wrong with an alias",
            description=f"Alias {{{{ $labels.alias }}}}: layer {{{{ $labels.cause }}}}. {_OUTCOME} {_LANE}",
        ),
    ),
)
