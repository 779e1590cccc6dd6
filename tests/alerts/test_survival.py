"""What holds for every alert, whoever wrote it: a lost target, a restart, a second scraper, and nothing to watch."""

import os
import re
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
import yaml

from alerts.groups import GROUPS, every_alert
from alerts.render import FOLDER
from alerts.rule import Alert
from e2e.promtool_series import Series, expand
from e2e.survival import (
    CASES,
    EXCEPTIONS,
    OTHER_PAGES,
    as_seldom,
    derived,
    in_the_whole_pack,
    is_shown,
    plain,
    seconds,
    telling,
)
from e2e.tools import ROOT, tool
from exporter import catalogue as c

_RULES: Final = sorted((ROOT / FOLDER).glob("*.yaml"))
_USUAL_SECONDS: Final = 30
_NAMES: Final = [alert.name for alert in every_alert()]
# An alert whose file is missing or says too little fails a test of its own, and not those of all others.
_SHOWN: Final = [name for name in _NAMES if is_shown(name)]
_EACH_ALERT = pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in every_alert()])
_UNRENDERED: Final = re.compile(r"<no value>|<error[^\"]*")

# An exporter on a machine that has neither a card nor a cluster: what it says, and nothing of it is a failure.
_NO_CARD: Final[tuple[tuple[str, dict[str, str], str], ...]] = (
    (str(c.BUILD_INFO), {"role": "all", "version": "1", "simulated": "false"}, "1x400"),
    (str(c.SOURCE_UP), {"source": "nvml"}, "0x400"),
    (str(c.SOURCE_UP), {"source": "kubelet"}, "0x400"),
    (str(c.SOURCE_ERRORS), {"source": "nvml", "kind": "absent"}, "0+2x400"),
    (str(c.SOURCE_ERRORS), {"source": "nvml", "kind": "timeout"}, "0x400"),
    (str(c.SOURCE_ERRORS), {"source": "kubelet", "kind": "absent"}, "0+2x400"),
    (str(c.READER_STUCK), {}, "0x400"),
    (str(c.GPUS), {"node": "cpu-worker-0", "view": "pci"}, "0x400"),
    (str(c.GPUS), {"node": "cpu-worker-0", "view": "nvml"}, "0x400"),
    (str(c.GPUS), {"node": "cpu-worker-0", "view": "telemetry"}, "0x400"),
)


def _run(documents: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """Return by the name of the test what promtool says of those that fail; a file is one process, several at once."""
    for name, document in documents.items():
        directory.joinpath(name).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(_failed_of, [directory / name for name, document in documents.items() if "tests" in document])
        return {name: text for one in found for name, text in one.items()}


def _failed_of(path: Path) -> dict[str, str]:
    report = path.with_suffix(".xml")
    line: list[str | Path] = [tool("promtool"), "test", "rules", f"--junit={report}", path]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert report.is_file(), done.stdout + done.stderr
    return {
        str(case.get("name")): "\n".join(failure.get("message") or failure.text or "" for failure in failures)
        for case in ET.parse(report).iter("testcase")  # noqa: S314  # promtool wrote it, just now
        if (failures := [*case.iter("failure"), *case.iter("error")])
    }


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return which derived cases of which alert do not hold, all found in one run."""
    pack = [group for path in _RULES for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    return _run(in_the_whole_pack(_SHOWN, pack) | derived(_SHOWN), tmp_path_factory.mktemp("survival"))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return every alert that fires while things come and go, with its words, by derived case."""
    claims = {name: telling(document) for name, document in derived(_SHOWN).items()}
    return _run(claims, tmp_path_factory.mktemp("told"))


@pytest.mark.real
@_EACH_ALERT
def test_an_alert_survives_what_happens_every_day(failed: Mapping[str, str], alert: Alert) -> None:
    """Together with the whole pack: same alert, same labels, no error of evaluation, and no page besides."""
    mine = {name: text for name, text in failed.items() if name.startswith(f"{alert.name}: ")}
    assert mine == {}, "\n".join(f"--- {name}\n{text}" for name, text in mine.items())


@pytest.mark.real
@_EACH_ALERT
def test_words_are_whole_in_every_case(told: Mapping[str, str], alert: Alert) -> None:
    """No template meets a label or a value that is not there."""
    mine = {name: text for name, text in told.items() if name.startswith(f"{alert.name}: ")}
    broken = {name: _UNRENDERED.findall(text) for name, text in mine.items()}
    assert (bool(mine), {name: found for name, found in broken.items() if found}) == (True, {})


@pytest.mark.real
@pytest.mark.parametrize(
    ("alert", "interval"),
    [
        pytest.param(alert.name, seconds(group.interval), id=alert.name)
        for group in GROUPS
        for alert in group.alerts
        if seconds(group.interval) > _USUAL_SECONDS
    ],
)
def test_an_alert_that_is_asked_seldom_fires_in_its_own_interval(alert: str, interval: int, tmp_path: Path) -> None:
    """A trend is looked at each few minutes: what it is made of must reach from one look to the next."""
    assert _run({"seldom.yaml": as_seldom(alert, interval)}, tmp_path) == {}


@pytest.mark.real
@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param((), [], id="no exporter at all"),
        pytest.param(_NO_CARD, ["LanewatchWatchdog"], id="a machine without a card or a cluster"),
    ],
)
def test_nothing_to_watch_is_no_failure(series: Any, expected: list[str], tmp_path: Path) -> None:  # noqa: ANN401
    """Silence, but for the heartbeat of an exporter that is there; three hours are longer than any `for`."""
    place = {"job": "lanewatch", "instance": "m:1", "pod": "m-1"}
    given = [Series(name, place | labels, expand(values)).written() for name, labels, values in series]
    heard = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    checks = [
        {"expr": "count by (alertname) (ALERTS)", "eval_time": time, "exp_samples": heard} for time in ("30m", "3h")
    ]
    test = {"name": "nothing", "interval": "30s", "input_series": given, "promql_expr_test": checks}
    document = {"rule_files": [str(path) for path in _RULES], "evaluation_interval": "30s", "tests": [test]}
    assert _run({"nothing.yaml": document}, tmp_path) == {}


@_EACH_ALERT
def test_every_alert_has_a_plain_case(alert: Alert) -> None:
    """The first test of its promtool file fires, and what fires can be routed and acted on."""
    assert is_shown(alert.name), f"expected that the first test of promtool/{alert.name}.yaml has exp_alerts"
    found = [sorted({"severity", "layer", "action"} - set(labels)) for labels in plain(alert.name).labels]
    assert found == [[]] * len(found) != []


def test_exceptions_are_of_alerts_and_cases_that_exist() -> None:
    """A row that excuses nothing any more is removed."""
    cases = {case.name for case in CASES}
    unknown = [key for key in EXCEPTIONS if key[0] not in _NAMES or key[1] not in cases]
    stated = {name for alert, others in OTHER_PAGES.items() for name in (alert, *others)}
    assert (unknown, stated - set(_NAMES)) == ([], set())


@pytest.mark.parametrize(
    ("notation", "expected"),
    [
        pytest.param("1 2 _ stale", ("1", "2", "_", "stale"), id="one by one"),
        pytest.param("1x2", ("1", "1", "1"), id="repeated"),
        pytest.param("_x2", ("_", "_"), id="gaps"),
        pytest.param("0+1.5x2 7", ("0", "1.5", "3", "7"), id="rising"),
        pytest.param("-4-1x1", ("-4", "-5"), id="falling from below 0"),
    ],
)
def test_short_notation_is_read_as_promtool_reads_it(notation: str, expected: tuple[str, ...]) -> None:
    """`axN` are N + 1 values, `_xN` are N."""
    assert expand(notation) == expected
