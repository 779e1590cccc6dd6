"""Where an alert points to: its runbook and its dashboard.

`RUNBOOKS` is the one place that says where runbooks live. It is a path in this repository, so that it is true in every
checkout; the chart puts the address of your copy before it, and `render(runbooks=...)` does the same without the chart.
"""

from collections.abc import Mapping
from typing import Final

from alerts.rule import Layer

RUNBOOKS: Final = "alerts/runbooks"
# Uids of the dashboards; kept for ever, links hold them.
INFERENCE_BOARD: Final = "lanewatch-inference"
GPU_BOARD: Final = "lanewatch-gpu-overview"
CARD_BOARD: Final = "lanewatch-gpu-node"
ALIAS_BOARD: Final = "lanewatch-alias"
EXPORTER_BOARD: Final = "lanewatch-exporter"
FLEET_BOARD: Final = "lanewatch-fleet"
BOARDS: Final[Mapping[Layer, str]] = {
    "node": CARD_BOARD,
    "card": CARD_BOARD,
    "driver": CARD_BOARD,
    "allocation": INFERENCE_BOARD,
    "lane": INFERENCE_BOARD,
    "server": INFERENCE_BOARD,
    "gateway": ALIAS_BOARD,
    "alias": ALIAS_BOARD,
    "exporter": EXPORTER_BOARD,
}


def runbook_url(alert: str, runbooks: str = RUNBOOKS) -> str:
    """Return where the runbook of this alert is, below `runbooks`."""
    return f"{runbooks.rstrip('/')}/{alert}.md"
