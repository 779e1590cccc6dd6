"""One card in depth: whose it is, what has its memory, what holds it back, and what its driver reported."""

from typing import Final

from alerts.links import CARD_BOARD
from dashboards.board import Board
from dashboards.choices import CLUSTER, ONE_GPU, ONE_NODE
from dashboards.happenings import EVERYTHING
from dashboards.rows import clocks, fitness, heat, link, owners, parts, reports, same_card

BOARD: Final = Board(
    uid=CARD_BOARD,
    title="GPU / One card in depth",
    about="One card and its node. Come here from an alert or another page: the card is chosen at the top.",
    tags=("gpu", "kubernetes", "lanewatch"),
    variables=(CLUSTER, ONE_NODE, ONE_GPU),
    rows=(owners.ROW, parts.ROW, clocks.ROW, reports.ROW, link.ROW, same_card.ROW, heat.ROW, fitness.ROW),
    annotations=EVERYTHING,
)
