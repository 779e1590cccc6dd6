"""What promtool says of the rules: they load, lint clean, fire when they should and are silent when they should."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.groups import every_alert
from alerts.render import FOLDER
from e2e.promtool_series import completed
from e2e.tools import tool

_ROOT = Path(__file__).resolve().parents[2]
_TESTS = sorted(Path(__file__).parent.joinpath("promtool").glob("*.yaml"))


def _cases(alert: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((_TESTS[0].parent / f"{alert}.yaml").read_text(encoding="utf-8"))
    cases = [case for test in document["tests"] for case in test.get("alert_rule_test", [])]
    return [case for case in cases if case["alertname"] == alert]


def _promtool(*arguments: str | Path) -> None:
    done = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_its_promtool_file() -> None:
    """And no file tests an alert that is gone."""
    assert sorted(path.stem for path in _TESTS) == sorted(alert.name for alert in every_alert())


@pytest.mark.parametrize("alert", [alert.name for alert in every_alert()])
def test_every_alert_is_shown_to_fire_and_to_be_silent(alert: str) -> None:
    """At least one case with the whole alert, words included, and at least one without any."""
    assert {bool(case.get("exp_alerts")) for case in _cases(alert)} == {True, False}


@pytest.mark.real
@pytest.mark.parametrize("path", sorted((_ROOT / FOLDER).iterdir()), ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(path: Path) -> None:
    """Prometheus loads them, and its linter has nothing to say."""
    _promtool("check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.real
@pytest.mark.parametrize("path", _TESTS, ids=lambda path: path.stem)
def test_rules_do_what_they_say(path: Path, tmp_path: Path) -> None:
    """Each case is a named series of scrapes and what fires at which time."""
    _promtool("test", "rules", completed(path, tmp_path))
