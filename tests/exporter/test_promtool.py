"""The golden page against the real promtool: its linter's findings are failures."""

import subprocess
from pathlib import Path

import pytest

from e2e.tools import tool

_GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.prom"))


@pytest.mark.real
@pytest.mark.parametrize("page", _GOLDEN, ids=[page.stem for page in _GOLDEN])
def test_promtool_accepts_the_golden_page(page: Path) -> None:
    command: list[str | Path] = [tool("promtool"), "check", "metrics"]
    done = subprocess.run(command, input=page.read_bytes(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
