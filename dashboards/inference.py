"""AI / Inference Operational Overview: which lane serves, whether the aliases answer, on which card, and is it true."""

from typing import Final

from alerts.links import INFERENCE_BOARD
from dashboards.board import Board, Query, Variable
from dashboards.rows import answering, cards, serving, trust
from exporter import catalogue as c

BOARD: Final = Board(
    uid=INFERENCE_BOARD,
    title="AI / Inference Operational Overview",
    about="Which layer failed: the lane, the alias, the card, or what watches them. Read it from top to bottom.",
    tags=("gpu", "kubernetes", "lanewatch", "llm"),
    variables=(
        Variable("cluster", str(c.BUILD_INFO), "cluster"),
        Variable("node", str(c.GPU_INFO), "node"),
        Variable("gpu", str(c.GPU_INFO), "gpu_uuid"),
        Variable("alias", str(c.PROBE_INTERVAL), "alias"),
    ),
    rows=(serving.ROW, answering.ROW, cards.ROW, trust.ROW),
    annotation=Query(
        'ALERTS{alertname=~"Lanewatch.*",alertname!="LanewatchWatchdog",alertstate="firing",cluster=~"$cluster"}',
        "{{alertname}} {{alias}}{{pool}}{{gpu_uuid}}",
    ),
)
