"""Alias and SLO: what users of an alias were promised, what they get, and which layer is to blame."""

from typing import Final

from alerts.links import ALIAS_BOARD
from dashboards.board import Board
from dashboards.choices import ALIAS, CLUSTER
from dashboards.happenings import ALERTS, SWITCHES
from dashboards.rows import costs, gateway, layers, promise, times

BOARD: Final = Board(
    uid=ALIAS_BOARD,
    title="Alias & SLO",
    about="What users of an alias were promised, what they get, and which layer explains the difference.",
    tags=("gpu", "kubernetes", "lanewatch", "llm"),
    variables=(CLUSTER, ALIAS),
    rows=(promise.ROW, layers.ROW, times.ROW, gateway.ROW, costs.ROW),
    annotations=(ALERTS, SWITCHES),
)
