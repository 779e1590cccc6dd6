"""An objective for which an alert would be silent for ever stops the start, as any other mistake of the file does."""

import subprocess
import sys
from pathlib import Path

import pytest

from alerts.objectives import refuse_silent_objectives
from exporter.config import parse_config

_ROOT = Path(__file__).resolve().parents[2]
_BAD = sorted((Path(__file__).parent / "bad_config").glob("*.yaml"))


@pytest.mark.parametrize("command", [("config", "check"), ("serve", "--config")], ids=["config check", "the start"])
@pytest.mark.parametrize("path", _BAD, ids=[path.stem for path in _BAD])
def test_it_is_refused_with_its_message(path: Path, command: tuple[str, ...]) -> None:
    """The file can be read, and says where, what was expected and what was found."""
    line = [sys.executable, "-m", "lanewatch", *command, str(path)]
    done = subprocess.run(line, cwd=_ROOT, capture_output=True, text=True, check=False)
    expected = f"lanewatch: {path}: {path.with_suffix('.txt').read_text(encoding='utf-8')}"
    assert (done.returncode, done.stderr) == (2, expected)


@pytest.mark.parametrize(
    "objectives",
    [
        pytest.param("{availability: 0.94, first_token: 0.94}", id="just above the limit"),
        pytest.param("{inter_token: 0.5, total: 0.5}", id="a share of a time that is not promised"),
    ],
)
def test_what_can_be_watched_is_accepted(objectives: str) -> None:
    """A share alone promises nothing, so no alert waits for it."""
    text = f"{{gateway: {{url: http://gw:4000}}, aliases: [{{name: fast, objectives: {objectives}}}]}}"
    refuse_silent_objectives(parse_config(text, "x"), "x")


def test_who_is_asked_too_seldom_for_an_alert_is_told_so(tmp_path: Path) -> None:
    """An hourly probe is no mistake, but the quickest tier never sees three of them in its hour."""
    path = tmp_path / "hourly.yaml"
    aliases = "aliases: [{name: fast, interval_seconds: 1200}, {name: rare, interval_seconds: 3600}]"
    path.write_text(f"gateway: {{url: http://gw:4000}}\n{aliases}\n", encoding="utf-8")
    line = [sys.executable, "-m", "lanewatch", "config", "check", str(path)]
    done = subprocess.run(line, cwd=_ROOT, capture_output=True, text=True, check=False)
    note = "note: the alert for a burn rate of 14.4 over 1h cannot fire, it needs 3 bad probes, and 1 are due"
    expected = [
        f"{path}: $.aliases[1].interval_seconds: {note}",
        f"{path}: valid: pools 1, lanes 0, aliases 2",
    ]
    assert (done.returncode, done.stdout.splitlines()) == (0, expected)
