"""Who is told of what, and what silences what: the tables by themselves, by amtool, and in a real Alertmanager."""

import itertools
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml

from alerts import alertmanager
from alerts.explained import EXPLAINS
from alerts.groups import every_alert
from alerts.routes import (
    CHAIN,
    HEARTBEAT,
    INFO,
    NOBODY,
    OWNERS,
    PAGE,
    RANKS,
    SPENT,
    TICKET,
    Inhibition,
    Matcher,
    inhibitions,
)
from alerts.rule import SEVERITY_LABEL, Layer
from e2e.tools import ROOT, tool

_NAMES: Final = [alert.name for alert in every_alert()]
_RULES: Final = pytest.mark.parametrize(
    "one", [pytest.param(one, id=" ".join(map(str, one.source))) for one in inhibitions()]
)


def _matches(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    return all(_claim(matcher, labels.get(matcher.label, "")) for matcher in matchers)


def _claim(matcher: Matcher, value: str) -> bool:
    is_regex, is_not = "~" in matcher.operator, "!" in matcher.operator
    found = re.fullmatch(matcher.value, value) is not None if is_regex else matcher.value == value
    return found != is_not


def _every_shape() -> Iterator[dict[str, str]]:
    """Yield every combination of what the rules ask about, with all ties there."""
    ties = {"pool": "p", "unit": "u", "node": "n", "gpu_uuid": "g", "lane": "l", "slo": "availability"}
    names = [*_NAMES, "LanewatchOther"]
    explains = ["", "switch", "cordon", "alias", "outage"]
    shapes = itertools.product(names, SEVERITY_LABEL.values(), get_args(Layer), explains, ["", "a"])
    for name, severity, layer, explained, alias in shapes:
        labels = {"alertname": name, "severity": severity, "layer": layer, EXPLAINS: explained, "alias": alias}
        yield labels | ties


@_RULES
def test_no_alert_matches_both_sides(one: Inhibition) -> None:
    """Alertmanager would not silence such an alert by its like, and silence it by others."""
    assert [labels for labels in _every_shape() if _matches(one.source, labels) and _matches(one.target, labels)] == []


@_RULES
def test_a_source_has_what_ties_it_to_its_target(one: Inhibition) -> None:
    """A label that is missing on both sides counts as equal: only the cluster may be missing, where there is one."""
    tied = {matcher.label for matcher in one.source if matcher.operator == "=~" and matcher.value == ".+"}
    is_gateway = Matcher("layer", "=", "gateway") in one.source
    assert one.equal[0] == "cluster"
    assert tied & set(one.equal) or (is_gateway and one.equal == ("cluster",))


@_RULES
def test_blindness_hides_no_page(one: Inhibition) -> None:
    """An exporter that is gone, or a source that fails, is never the reason for silence."""
    blind = [labels for labels in _every_shape() if labels["layer"] == "exporter" and labels[EXPLAINS] == ""]
    hidden = [labels for labels in blind if _matches(one.source, labels) and labels["alertname"] == "LanewatchOther"]
    assert hidden == []


def test_every_layer_has_its_place() -> None:
    """In the chain, beside it, or outside."""
    assert {*CHAIN, "gateway", "exporter"} == set(get_args(Layer))


@pytest.mark.parametrize("pattern", [*(pattern for worse, others, _ in RANKS for pattern in (worse, others)), SPENT])
def test_a_name_in_a_rule_is_an_alert(pattern: str) -> None:
    """A rule about a name that is gone is silent for ever."""
    assert [name for name in _NAMES if re.fullmatch(pattern, name)] != []


def test_the_object_says_what_the_configuration_says() -> None:
    """One policy, two forms: read back, they are equal."""
    plain = alertmanager.configuration()
    spec = yaml.safe_load(alertmanager.render()[alertmanager.OBJECT])["spec"]
    assert [_read_route(one) for one in spec["route"]["routes"]] == plain["route"]["routes"][0]["routes"]
    assert [_read_inhibition(one) for one in spec["inhibitRules"]] == plain["inhibit_rules"]
    assert [one["name"] for one in spec["receivers"]] == [one["name"] for one in plain["receivers"]]


def _read_route(one: Mapping[str, Any]) -> dict[str, Any]:
    snake = {re.sub(r"[A-Z]", lambda found: f"_{found.group().lower()}", key): value for key, value in one.items()}
    return {**snake, "matchers": _read_matchers(one["matchers"])}


def _read_inhibition(one: Mapping[str, Any]) -> dict[str, Any]:
    sides = {f"{side}_matchers": _read_matchers(one[f"{side}Match"]) for side in ("source", "target")}
    return {**sides, "equal": one["equal"]}


def _read_matchers(fields: Sequence[Mapping[str, str]]) -> list[str]:
    return [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in fields]


def test_no_address_stands_in_what_is_shipped() -> None:
    """Addresses of receivers are secrets: a file, or a key of a Secret."""
    assert [path for path, text in alertmanager.render().items() if "://" in text] == []


def _amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool("amtool"), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.real
def test_amtool_accepts_the_configuration() -> None:
    """As it is, before anybody fills it."""
    done = _amtool("check-config", ROOT / alertmanager.CONFIGURATION)
    assert done.returncode == 0, done.stdout + done.stderr


_ALERT: Final = {"alertname": "LanewatchX"}


@pytest.mark.real
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        pytest.param(_ALERT | {"severity": "critical", "cluster": "c", "pool": "p"}, PAGE, id="a page"),
        pytest.param(_ALERT | {"severity": "critical"}, PAGE, id="a page without cluster and pool"),
        pytest.param(
            _ALERT | {"severity": "critical", "xid": "79", "owner_namespace": "lab"}, PAGE, id="a page is first a page"
        ),
        pytest.param(_ALERT | {"severity": "warning", "pool": "p"}, TICKET, id="a ticket"),
        pytest.param(_ALERT | {"severity": "warning", "xid": "31"}, TICKET, id="an Xid of nobody known"),
        pytest.param(
            _ALERT | {"severity": "warning", "xid": "31", "owner_namespace": "lab"}, OWNERS, id="an Xid of the program"
        ),
        pytest.param(
            _ALERT | {"severity": "info", "xid": "31", "owner_namespace": "lab"}, OWNERS, id="the same as info"
        ),
        pytest.param(_ALERT | {"severity": "info"}, INFO, id="an info"),
        pytest.param({"alertname": "LanewatchWatchdog", "severity": "none"}, HEARTBEAT, id="the heartbeat"),
        pytest.param(_ALERT, TICKET, id="no severity at all is not lost"),
        pytest.param(_ALERT | {"severity": "high"}, TICKET, id="nor is one that nobody knows"),
        pytest.param(_ALERT | {"severity": "critical", "burn_in": "true"}, NOBODY, id="a page that burns in"),
        pytest.param(
            {"alertname": "LanewatchWatchdog", "severity": "none", "burn_in": "true"},
            NOBODY,
            id="a heartbeat that burns in",
        ),
        pytest.param({"alertname": "KubeNodeNotReady", "severity": "critical"}, NOBODY, id="not one of ours"),
        pytest.param({"severity": "critical"}, NOBODY, id="no name"),
    ],
)
def test_amtool_finds_the_receiver(labels: Mapping[str, str], receiver: str) -> None:
    """For what is whole and for what lacks a label."""
    given = [f"{label}={value}" for label, value in labels.items()]
    route = ["config", "routes", "test", f"--config.file={ROOT / alertmanager.CONFIGURATION}"]
    done = _amtool(*route, f"--verify.receivers={receiver}", *given)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in every_alert()])
def test_every_alert_of_the_pack_reaches_who_it_is_for(alert: Any) -> None:  # noqa: ANN401  # an Alert
    """By the labels that its rule gives it."""
    expected = {"page": PAGE, "ticket": TICKET, "info": INFO, "heartbeat": HEARTBEAT}[alert.severity]
    labels = {"alertname": alert.name, "severity": SEVERITY_LABEL[alert.severity], **alert.labels}
    test_amtool_finds_the_receiver(labels, expected)
