"""All our dashboards, and each by the name that people call it."""

from typing import Final

from dashboards import alias, exporter, fleet, gpu_node, gpu_overview, inference
from dashboards.board import Board

BOARDS: Final[tuple[Board, ...]] = (
    alias.BOARD,
    exporter.BOARD,
    fleet.BOARD,
    gpu_node.BOARD,
    gpu_overview.BOARD,
    inference.BOARD,
)
_PREFIX: Final = "lanewatch-"


def by_name() -> dict[str, Board]:
    """Return each board by its uid without the prefix that all share."""
    return {board.uid.removeprefix(_PREFIX): board for board in BOARDS}
