"""Grafana's own published types accept every board: of three releases, from the oldest in use to the newest."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from dashboards.boards import BOARDS
from dashboards.panels import to_json
from e2e.tools import packages, tool

pytestmark = pytest.mark.real

_TYPES: Final = Path(__file__).parent / "schema/board.ts"
_RELEASES: Final = ("schema-11-6", "schema-12-4", "schema-13-2")
_PANELS: Final = ("bargauge", "gauge", "heatmap", "stat", "statetimeline", "table", "text", "timeseries")
_DASHBOARDS: Final = {board.uid: to_json(board) for board in BOARDS}
_STRICT: Final = {"strict": True, "noEmit": True, "skipLibCheck": True, "types": []}
_MODULES: Final = {"module": "esnext", "moduleResolution": "bundler", "target": "es2022"}


def _only(folder: Path) -> list[str]:
    (found,) = folder.glob("*types.gen.d.ts")
    return [str(found)]


def _check(release: str, boards: Mapping[str, dict[str, Any]], directory: Path) -> list[str]:
    """Return what the compiler has to say of the boards."""
    made = packages("grafana-schema") / release / "dist"
    base = made / "types" if (made / "types").is_dir() else made / "esm"  # moved with 12
    paths = {
        "@grafana/schema": [str(base / "index.d.ts")],
        "schema/dashboard": _only(base / "raw/dashboard/x"),
        **{f"schema/{panel}": _only(base / f"raw/composable/{panel}/panelcfg/x") for panel in _PANELS},
    }
    options = {**_STRICT, **_MODULES, "paths": paths}
    (directory / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts"]}))
    (directory / "board.ts").write_text(_TYPES.read_text(encoding="utf-8"))
    for uid, board in boards.items():
        text = f'import type {{ Board }} from "./board";\nexport const board: Board = {json.dumps(board, indent=1)};\n'
        (directory / f"{uid}.ts").write_text(text)
    done = subprocess.run(
        [tool("node"), tool("tsc"), "-p", directory], cwd=directory, capture_output=True, text=True, check=False
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("release", _RELEASES)
def test_grafana_has_every_key_and_value(release: str, tmp_path: Path) -> None:
    """Of the dashboard, of its variables, and of the options and fields of each kind of panel."""
    assert _check(release, _DASHBOARDS, tmp_path) == []


def test_a_planted_mistake_is_found(tmp_path: Path) -> None:
    """The test above tests something: a half option, a word that no enum has, an option of Angular times."""
    mistakes = {
        "timeseries": {"legend": {"displayMode": "list"}},
        "stat": {"textMode": "loud"},
        "heatmap": {"yBucketBound": "auto"},
    }
    panels = {panel["type"]: panel for board in _DASHBOARDS.values() for panel in board["panels"]}
    planted = {
        kind: {
            **_DASHBOARDS["lanewatch-alias"],
            "panels": [{**panels[kind], "options": panels[kind]["options"] | wrong}],
        }
        for kind, wrong in mistakes.items()
    }
    found = _check(_RELEASES[-1], planted, tmp_path)
    assert {line.partition(".ts")[0] for line in found if "error TS" in line} == set(mistakes)
