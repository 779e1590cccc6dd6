"""The exporter itself: whether it speaks, whether its sources can be read, and what it had to leave out."""

from typing import Final

from alerts.links import EXPORTER_BOARD
from dashboards.board import Board
from dashboards.choices import ALIAS, CLUSTER, EXPORTER, GPU, NODE
from dashboards.happenings import ALERTS
from dashboards.rows import exporters, gaps

BOARD: Final = Board(
    uid=EXPORTER_BOARD,
    title="Lanewatch / The exporter itself",
    about="Whether what the other pages show can be trusted. What could not be read is absent there, never 0.",
    tags=("gpu", "kubernetes", "lanewatch"),
    variables=(CLUSTER, NODE, GPU, ALIAS, EXPORTER),
    rows=(exporters.SPEAKING, exporters.SOURCES, gaps.ROW),
    annotations=(ALERTS,),
)
