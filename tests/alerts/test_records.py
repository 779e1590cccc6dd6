"""What is recorded for pages alone: no alert tells of it, so promtool is asked for the values."""

import subprocess
from pathlib import Path

import pytest

from e2e.promtool_series import completed
from e2e.tools import tool

_TESTS = sorted(Path(__file__).parent.joinpath("records").glob("*.yaml"))


@pytest.mark.real
@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.stem)
def test_recorded_series_are_what_they_say(path: Path, tmp_path: Path) -> None:
    """Each case is a named series of scrapes, and what is recorded at which time."""
    line: list[str | Path] = [tool("promtool"), "test", "rules", completed(path, tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
