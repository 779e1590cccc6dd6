"""From the boards to the files that Grafana's sidecar loads: pure and stable, one file a board."""

import json
from typing import Final

from dashboards.board import Board
from dashboards.boards import BOARDS
from dashboards.panels import to_json

FOLDER: Final = "chart/files/dashboards"


def render() -> dict[str, str]:
    """Return the text of every dashboard by its path in the repository."""
    return {f"{FOLDER}/{board.uid}.json": _dump(board) for board in sorted(BOARDS, key=lambda board: board.uid)}


def _dump(board: Board) -> str:
    return json.dumps(to_json(board), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
