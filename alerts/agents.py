"""Whether every node with cards has an agent that is heard: by Prometheus, and by the watcher."""

from typing import Final

from alerts.promql import PLACE, latest
from alerts.rare import watched
from alerts.rule import Alert, Group
from exporter.catalogue import AGENT_UP, BUILD_INFO, GPUS, NODE_CAPACITY_GPUS

_HAS_CARDS: Final = f"{latest(NODE_CAPACITY_GPUS.where(view='capacity'), (*PLACE, 'resource', 'view'))} > 0"
_IS_WATCHED: Final = latest(GPUS.where(), (*PLACE, "view"))
# Who keeps no agents has chosen so; whose agents are all gone hears of it by LanewatchExporterGone.
_AGENTS_ARE_USED: Final = f"last_over_time({BUILD_INFO.where(role='~all|node')}[1h])"
_UNWATCHED: Final = f"{_HAS_CARDS}\nunless on (cluster, node)\n{_IS_WATCHED}\nand on (cluster)\n{_AGENTS_ARE_USED}"

GROUP: Final = Group(
    name="lanewatch-agents",
    rules=(
        Alert(
            name="LanewatchNodeUnwatched",
            expr=_UNWATCHED,
            for_="10m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="A node with cards has no agent that is scraped",
            description=(
                "No agent of node {{ $labels.node }} was scraped for 10 minutes, and it has cards ({{ $value }}). They "
                "may fail unseen: their alerts cannot fire."
            ),
        ),
        Alert(
            name="LanewatchAgentSilent",
            # A dead agent is LanewatchNodeUnwatched; this is one that Prometheus hears and the watcher does not.
            expr=f"{watched(AGENT_UP)}\nunless on (cluster, node) (\n{_UNWATCHED}\n)",
            for_="5m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="The watcher does not hear the agent of a node that hosts a lane",
            description=(
                "The agent of node {{ $labels.node }}, which hosts a lane or hosted one, has not answered the watcher "
                "for 5 minutes. Why an alias fails cannot be told down to the card there."
            ),
        ),
    ),
)
