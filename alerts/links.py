"""Where an alert points to: its runbook and its dashboard.

`RUNBOOKS` is the one place that says where runbooks live. It is a path in this repository, so that it is true in every
checkout; the chart puts the address of your copy before it, and `render(runbooks=...)` does the same without the chart.
"""

from typing import Final

RUNBOOKS: Final = "alerts/runbooks"
INFERENCE_BOARD: Final = "lanewatch-inference"  # uid of the dashboard; kept for ever, links hold it


def runbook_url(alert: str, runbooks: str = RUNBOOKS) -> str:
    """Return where the runbook of this alert is, below `runbooks`."""
    return f"{runbooks.rstrip('/')}/{alert}.md"
