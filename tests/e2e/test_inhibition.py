"""A real Alertmanager with the shipped rules: of each pair of alerts, the second is told to somebody or it is not."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from e2e.monitoring import routing
from e2e.receiver import Receiver
from e2e.routed import routes
from e2e.waiting import eventually

pytestmark = pytest.mark.real

_FASTER: Final = 300  # half a minute becomes a tenth of a second
_SOON: Final = 20.0
Labels = dict[str, str]


def _page(layer: str, **labels: str) -> Labels:
    return {"alertname": f"LanewatchPageOf_{layer}", "severity": "critical", "layer": layer, **labels}


def _ticket(layer: str, **labels: str) -> Labels:
    return _page(layer, **labels) | {"alertname": f"LanewatchTicketOf_{layer}", "severity": "warning"}


def _info(layer: str, **labels: str) -> Labels:
    return _page(layer, **labels) | {"alertname": f"LanewatchInfoOf_{layer}", "severity": "info"}


def _named(name: str, severity: str, **labels: str) -> Labels:
    return {"alertname": f"Lanewatch{name}", "severity": severity, "layer": "alias", **labels}


_SWITCH: Final = _info("lane", explains="switch", pool="p")
_CORDON: Final = _info("node", explains="cordon", node="n")
_EXPLAINED: Final = _info("alias", explains="alias", alias="fast", pool="p")
_SPENT: Final = _info("alias", explains="outage", alias="fast")
_DOWN: Final = _named("AliasDown", "critical", alias="fast", pool="p")
_FAST: Final = _named("AliasBudgetBurnsFast", "critical", alias="fast", pool="p", slo="availability")
_SLOWLY: Final = _named("AliasBudgetBurnsSlowly", "warning", alias="fast", pool="p", slo="availability")

_SILENT: Final[Mapping[str, tuple[Labels, Labels]]] = {
    "a node's page and a card's of its pool": (_page("node", pool="p"), _page("card", pool="p")),
    "a card's page and a lane's": (_page("card", pool="p"), _page("lane", pool="p")),
    "a card's page and a server's ticket": (_page("card", pool="p"), _ticket("server", pool="p")),
    "a lane's page and an alias'": (_page("lane", pool="p"), _page("alias", pool="p")),
    "a lane's page and an alias' ticket": (_page("lane", pool="p"), _ticket("alias", pool="p")),
    "a server's page and an alias'": (_page("server", pool="p", lane="l"), _page("alias", pool="p")),
    "no pool, and one node": (_page("node", node="n"), _page("card", node="n", gpu_uuid="g")),
    "no pool, and one card": (_page("card", gpu_uuid="g"), _page("allocation", gpu_uuid="g")),
    "no pool, and one lane": (_page("lane", lane="l"), _page("server", lane="l")),
    "a unit of a pool": (_page("lane", pool="p", unit="n1"), _page("server", pool="p", unit="n1")),
    "a node's page and the ticket of its agent": (_page("node", node="n"), _ticket("exporter", node="n")),
    "a gateway's page and any alias'": (_page("gateway"), _page("alias", alias="fast", pool="p")),
    "a gateway's page about one alias": (_page("gateway", alias="fast"), _page("alias", alias="fast")),
    "an alias that is explained": (_EXPLAINED, _DOWN),
    "down and a fast burn rate": (_DOWN, _FAST),
    "down and a slow one": (_DOWN, _SLOWLY),
    "a fast and a slow one of one objective": (_FAST, _SLOWLY),
    "a switch and a lane's page": (_SWITCH, _page("lane", pool="p")),
    "a switch and a server's ticket": (_SWITCH, _ticket("server", pool="p")),
    "what was spent in an outage": (_SPENT, _FAST),
    "a cordon and a node's page": (_CORDON, _page("node", node="n")),
    "a cordon and a driver's page": (_CORDON, _page("driver", node="n")),
    "a cordon and a card's ticket": (_CORDON, _ticket("card", node="n")),
    "no cluster, and one pool": (
        _page("lane", cluster="", pool="no-cluster"),
        _page("alias", cluster="", pool="no-cluster"),
    ),
}
_TOLD: Final[Mapping[str, tuple[Labels, Labels]]] = {
    "another cluster": (_page("lane", pool="p", cluster="elsewhere"), _page("alias", pool="p")),
    "another pool": (_page("lane", pool="p"), _page("alias", pool="other")),
    "a target without a pool": (_page("lane", pool="p"), _page("alias")),
    "a source without a pool": (_page("lane"), _page("alias", pool="p")),
    "neither has a pool": (_page("lane"), _page("alias")),
    "another unit": (_page("lane", pool="p", unit="n1"), _page("server", pool="p", unit="n2")),
    "an alias of a pool of units": (_page("lane", pool="p", unit="n1"), _page("alias", pool="p")),
    "a higher layer hides no lower one": (_page("alias", pool="p"), _page("lane", pool="p")),
    "the same layer hides nothing": (_page("lane", pool="p"), _page("lane", pool="p", lane="l")),
    "a ticket hides nothing": (_ticket("card", pool="p"), _page("lane", pool="p")),
    "a dead card hides no alias by itself": (_page("card", pool="p", gpu_uuid="g"), _DOWN),
    "another alias is explained": (_EXPLAINED, _DOWN | {"alias": "chat"}),
    "what is explained is not the lane": (_EXPLAINED, _page("lane", pool="p", alias="fast")),
    "blindness and a page": (_page("exporter", pool="p", node="n"), _page("card", pool="p", node="n")),
    "blindness and an alias": (_ticket("exporter", alias="fast", pool="p"), _DOWN),
    "a node and an exporter that is nobody's": (_page("node", node="n"), _ticket("exporter")),
    "a gateway of another cluster": (_page("gateway", cluster="elsewhere"), _DOWN),
    "a gateway's page about another alias": (_page("gateway", alias="chat"), _DOWN),
    "a gateway's ticket": (_ticket("gateway"), _DOWN),
    "a gateway does not explain a lane": (_page("gateway"), _page("lane", pool="p")),
    "down of another alias": (_DOWN | {"alias": "chat"}, _FAST),
    "a fast burn rate of another objective": (_FAST | {"slo": "first_token"}, _SLOWLY),
    "a slow one hides no fast one": (_SLOWLY, _FAST),
    "what was spent in an outage, and a slow burn rate": (_SPENT, _SLOWLY),
    "what was spent in an outage, and a new one": (_SPENT, _DOWN),
    "a switch and an alias that is down": (_SWITCH, _DOWN),
    "a switch and a card's page": (_SWITCH, _page("card", pool="p")),
    "a switch of another pool": (_SWITCH | {"pool": "other"}, _page("lane", pool="p")),
    "a cordon and what a card reports": (_CORDON, _page("card", node="n", gpu_uuid="g")),
    "a cordon and an alias": (_CORDON, _page("alias", node="n")),
    "a cordon of another node": (_CORDON | {"node": "m"}, _page("node", node="n")),
    "what burns in hides nothing": (_page("lane", pool="p", burn_in="true"), _page("alias", pool="p")),
}
_ROWS: Final = {**_SILENT, **_TOLD}


def _placed(name: str, labels: Labels, side: str) -> Labels:
    placed = {"cluster": name, "row": name, "side": side} | labels
    return {label: value for label, value in placed.items() if value}


def _post(url: str, alerts: list[Labels]) -> None:
    body = [{"labels": labels, "annotations": {}} for labels in alerts]
    httpx.post(f"{url}/api/v2/alerts", json=body, timeout=10.0, trust_env=False).raise_for_status()


def _targets(receiver: Receiver) -> set[str]:
    return {one["labels"]["row"] for one in receiver.alerts if one["labels"]["side"] == "target"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[str]]:
    """Return the rows whose second alert somebody was told of."""
    with Receiver().listening() as receiver, routing(routes(receiver.url, _FASTER), _folder(tmp_path_factory)) as url:
        _post(url, [_placed(name, source, "source") for name, (source, _) in _ROWS.items()])
        _post(url, [_placed(name, target, "target") for name, (_, target) in _ROWS.items()])
        untold: set[str] = set()
        eventually(lambda: set(_TOLD) - _targets(receiver), untold, within=_SOON, what="told of no second alert")
        # the slowest route has had its time when one that came later is told by it
        last = {"cluster": "last", "row": "last", "side": "target"}
        _post(url, [_info("lane") | last])
        eventually(lambda: "last" in _targets(receiver), expected=True, within=_SOON, what="the last is told")
        yield _targets(receiver)


def _folder(factory: Any) -> Path:  # noqa: ANN401  # pytest's own
    folder: Path = factory.mktemp("inhibition")
    return folder


@pytest.mark.parametrize("name", _SILENT)
def test_what_follows_is_not_told(told: set[str], name: str) -> None:
    """The first alert says why, and that is enough."""
    assert name not in told


@pytest.mark.parametrize("name", _TOLD)
def test_what_does_not_follow_is_told(told: set[str], name: str) -> None:
    """Whatever else fires, and whatever label is missing."""
    assert name in told
