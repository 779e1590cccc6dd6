"""The fleet: all clusters by what rules counted, so that a page over a thousand cards costs as much as one over ten."""

from typing import Final

from alerts.links import FLEET_BOARD
from dashboards.board import Board
from dashboards.choices import ALIAS, CLUSTER
from dashboards.happenings import ALERTS
from dashboards.rows import fleet

BOARD: Final = Board(
    uid=FLEET_BOARD,
    title="Lanewatch / Fleet",
    about="All cards, lanes and aliases of the chosen clusters in numbers. No query here goes over cards.",
    tags=("gpu", "kubernetes", "lanewatch", "llm"),
    variables=(CLUSTER, ALIAS),
    rows=(fleet.CARDS, fleet.SERVING, fleet.WATCHED),
    annotations=(ALERTS,),
)
