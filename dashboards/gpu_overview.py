"""GPU / NVIDIA DCGM Overview: every card, by what its source tells: NVML, dcgm-exporter or xpumanager."""

from typing import Final

from alerts.links import GPU_BOARD
from dashboards.board import Board
from dashboards.choices import CLUSTER, GPU, NODE
from dashboards.happenings import ALERTS, XIDS
from dashboards.rows import clocks, health, heat, inventory, link, memory, work

BOARD: Final = Board(
    uid=GPU_BOARD,
    title="GPU / NVIDIA DCGM Overview",
    about="All cards side by side. What a source does not tell is absent, never 0: an Arc card has no temperature.",
    tags=("gpu", "kubernetes", "lanewatch"),
    variables=(CLUSTER, NODE, GPU),
    rows=(inventory.ROW, memory.ROW, work.ROW, heat.ROW, clocks.ROW, health.ROW, link.ROW),
    annotations=(ALERTS, XIDS),
)
