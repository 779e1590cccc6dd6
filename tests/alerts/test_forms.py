"""The rules in the forms that other rulers load: the same rules in each, and a pack that burns in tells nobody."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from alerts.groups import GROUPS
from alerts.links import RUNBOOKS
from alerts.render import BURN_IN, FOLDER, FORMS, render_as
from alerts.rules_command import rules
from e2e.tools import ROOT, tool


def _groups(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document.get("spec", document)["groups"]
    return found


def _rules_of(form: str, **settings: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # those of render_as
    documents = [yaml.safe_load(text) for text in render_as(form, **settings).values()]
    groups = sorted((group for one in documents for group in _groups(one)), key=lambda group: str(group["name"]))
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_holds_the_same_rules(form: str) -> None:
    """Only what is around them differs."""
    assert _rules_of(form) == _rules_of("prometheus")


def test_an_object_of_the_operator_is_named_as_its_group() -> None:
    """One object a group, so that each can be left out; the name is one that the API server takes."""
    objects = [yaml.safe_load(text) for text in render_as("operator").values()]
    named = {(one["apiVersion"], one["kind"], one["metadata"]["name"], len(one["spec"]["groups"])) for one in objects}
    assert named == {("monitoring.coreos.com/v1", "PrometheusRule", group.name, 1) for group in GROUPS}


def test_mimir_gets_one_namespace_in_one_file() -> None:
    """A second file of the same namespace would be refused."""
    assert {name: yaml.safe_load(text)["namespace"] for name, text in render_as("mimir").items()} == {
        "lanewatch.yaml": "lanewatch"
    }


def test_burning_in_labels_every_alert_and_no_recorded_series() -> None:
    """The series stay those that panels read, and nothing but the label differs."""
    burning = _rules_of("prometheus", labels=BURN_IN)
    assert {("alert" in rule, rule.get("labels", {}).get("burn_in")) for rule in burning} == {
        (True, "true"),
        (False, None),
    }
    back = [
        {**rule, "labels": {k: v for k, v in rule["labels"].items() if k not in BURN_IN}} if "alert" in rule else rule
        for rule in burning
    ]
    assert back == _rules_of("prometheus")


def test_the_command_writes_what_is_committed(tmp_path: Path) -> None:
    """Without options for it the files are those of the chart."""
    done = CliRunner().invoke(rules, ["render", "--out", str(tmp_path / "made")])
    committed = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / FOLDER).iterdir()}
    assert (done.exit_code, done.output.split()) == (0, [str(tmp_path / "made" / name) for name in sorted(committed)])
    assert {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "made").iterdir()} == committed


def test_the_command_takes_the_address_of_the_runbooks_and_burns_in(tmp_path: Path) -> None:
    """Both at once, in another form."""
    options = ["--format", "operator", "--burn-in", "--runbooks", "https://wiki.example.com/gpu"]
    done = CliRunner().invoke(rules, ["render", *options, "--out", str(tmp_path)])
    text = (tmp_path / "lanewatch-card.yaml").read_text(encoding="utf-8")
    assert (done.exit_code, RUNBOOKS in text, "burn_in: 'true'" in text) == (0, False, True)


def test_the_command_refuses_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """It says which, and writes nothing."""
    tmp_path.joinpath("taken").write_text("")
    done = CliRunner().invoke(rules, ["render", "--out", str(tmp_path / "taken")])
    assert (done.exit_code, "is a file" in done.output) == (2, True)


@pytest.mark.real
@pytest.mark.parametrize("labels", [pytest.param({}, id="as they are"), pytest.param(BURN_IN, id="burning in")])
@pytest.mark.parametrize("form", FORMS)
def test_promtool_accepts_what_each_form_holds(form: str, labels: Mapping[str, str], tmp_path: Path) -> None:
    """Taken out of its wrapping, each is a rule file that loads and lints clean."""
    for name, text in render_as(form, labels=labels).items():
        written = yaml.safe_dump({"groups": _groups(yaml.safe_load(text))})
        tmp_path.joinpath(name).write_text(written, encoding="utf-8")
    check: list[str | Path] = [
        tool("promtool"),
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *sorted(tmp_path.iterdir()),
    ]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
