"""What every alert has: a unique name, a runbook, labels to route by, and words for who is paged."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.groups import GROUPS, every_alert
from alerts.render import render
from alerts.rule import Alert

_RUNBOOKS = Path(__file__).resolve().parents[2] / "alerts/runbooks"
_HEADINGS = ["Meaning", "Impact", "Confirm", "What to do", "How it clears"]
_EACH_ALERT = pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in every_alert()])


def _rendered_alerts() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(text) for text in render().values()]
    rules = [rule for document in documents for group in document["groups"] for rule in group["rules"]]
    return [rule for rule in rules if "alert" in rule]


def test_names_are_unique_and_ours() -> None:
    """A name is an address: of a runbook, of a route, of a silence."""
    names = [alert.name for alert in every_alert()]
    assert [name for name in names if names.count(name) > 1 or not re.fullmatch(r"Lanewatch[A-Z][A-Za-z]+", name)] == []


def test_recorded_series_are_unique_and_named_as_recorded() -> None:
    """level:metric:operation, with colons, which no exporter's own metric has."""
    names = [record.name for group in GROUPS for record in group.records]
    assert [name for name in names if names.count(name) > 1 or name.count(":") != 2] == []


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule["alert"]) for rule in _rendered_alerts()])
def test_every_alert_can_be_routed_and_read(rule: dict[str, Any]) -> None:
    """Severity and layer to route by; words, a runbook and a dashboard for the person.

    Whether `action` is there, by the rule or by its series, is asked of what fires: test_survival.py.
    """
    assert {"layer", "severity"} <= set(rule["labels"])
    assert sorted(rule["annotations"]) == ["dashboard", "description", "runbook_url", "summary"]


@_EACH_ALERT
def test_a_summary_holds_no_value(alert: Alert) -> None:
    """Notifications are grouped by their summary: it must not differ from one alert of a group to the next."""
    assert "{{" not in alert.summary


@_EACH_ALERT
def test_every_alert_has_a_runbook(alert: Alert) -> None:
    """Named as the alert, with the five headings in their order."""
    text = (_RUNBOOKS / f"{alert.name}.md").read_text(encoding="utf-8")
    assert [f"# {alert.name}", *(f"## {heading}" for heading in _HEADINGS)] == re.findall(
        r"^#+ .*$", text, re.MULTILINE
    )


def test_every_runbook_has_an_alert() -> None:
    """A runbook that no alert leads to is never read."""
    assert sorted(path.stem for path in _RUNBOOKS.iterdir()) == sorted(alert.name for alert in every_alert())


def test_a_copy_of_the_runbooks_can_live_elsewhere() -> None:
    """The base is one argument; nothing else in the files changes."""
    elsewhere = render("https://wiki.example.com/gpu/")
    back = {path: text.replace("https://wiki.example.com/gpu", "alerts/runbooks") for path, text in elsewhere.items()}
    assert (elsewhere != render(), back) == (True, render())


@_EACH_ALERT
def test_aggregation_keeps_the_cluster(alert: Alert) -> None:
    """`by` drops the labels that a fleet adds; only the heartbeat, one a cluster, may use it, and it names cluster."""
    assert set(re.findall(r"\bby \(([^)]*)\)", alert.expr)) <= {"cluster"}
