"""AI / Inference Operational Overview: which lane serves, whether the aliases answer, on which card, and is it true."""

from typing import Final

from alerts.links import INFERENCE_BOARD
from dashboards.board import Board
from dashboards.choices import ALIAS, CLUSTER, GPU, NODE
from dashboards.happenings import EVERYTHING
from dashboards.rows import answering, cards, idle, servers, serving, starts, trust

BOARD: Final = Board(
    uid=INFERENCE_BOARD,
    title="AI / Inference Operational Overview",
    about="Which layer failed: the lane, the alias, the card, or what watches them. Read it from top to bottom.",
    tags=("gpu", "kubernetes", "lanewatch", "llm"),
    variables=(CLUSTER, NODE, GPU, ALIAS),
    rows=(serving.ROW, answering.ROW, servers.ROW, cards.ROW, idle.ROW, starts.ROW, trust.ROW),
    annotations=EVERYTHING,
)
