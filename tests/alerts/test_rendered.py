"""The rule files in the chart are what the tables render."""

import subprocess
import sys
from pathlib import Path

from alerts.render import FOLDER, render

_ROOT = Path(__file__).resolve().parents[2]


def test_committed_rules_are_those_rendered() -> None:
    """Never edited by hand, and no file of a group that is gone stays behind."""
    committed = {f"{FOLDER}/{path.name}": path.read_text(encoding="utf-8") for path in (_ROOT / FOLDER).iterdir()}
    rendered = render()
    differing = sorted(path for path in committed.keys() | rendered if committed.get(path) != rendered.get(path))
    assert differing == [], "the rules differ from alerts/: run `make generate`"


def test_rendering_is_stable() -> None:
    """Twice the same, in the order of the paths."""
    assert list(render().items()) == sorted(render().items())


def test_rules_need_no_library_for_dashboards() -> None:
    """Dashboards are an extra: `lanewatch rules` works without grafanalib."""
    loaded = "import alerts.render, sys; print('grafanalib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
