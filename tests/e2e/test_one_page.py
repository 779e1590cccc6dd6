"""One outage is one page, and the page says why: the whole pack and its routes, real, thirty times as fast.

Every outage has a cluster of its own, and all of them fail and heal together. Half a minute of the rules is a second
here: what is compared is which notifications go out, not when.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts.render import FOLDER
from alerts.routes import PAGE
from e2e.monitoring import Prometheus, prometheus, routing
from e2e.outage_stage import INTERVAL, Stage, serving
from e2e.outages import OUTAGES, Outage
from e2e.receiver import Receiver
from e2e.routed import lapsed_rules, routes
from e2e.tools import ROOT
from e2e.waiting import eventually
from exporter import catalogue as c
from probes.fault_matrix import FAULTS

pytestmark = pytest.mark.real

_FASTER: Final = 30
_PROBE_SECONDS: Final = INTERVAL / _FASTER
_STARTED: Final = 30.0
_PAGED: Final = 45.0
_OVER: Final = 60.0
_BURNS: Final = "LanewatchAliasBudgetBurnsFast"
# What a page is labelled with where its layer is the cause.
_LAYER_OF: Final[Mapping[str, str]] = {
    "device": "card",
    "backend_process": "server",
    "backend_work": "server",
    "gateway_process": "gateway",
}
_PAGED_ONES: Final = [outage for outage in OUTAGES if outage.is_paged]
Notifications = list[Mapping[str, Any]]


def _of(receiver: Receiver, outage: Outage) -> Notifications:
    pages = [one for one in receiver.notifications if one["receiver"] == PAGE]
    return [one for one in pages if one["groupLabels"].get("cluster") == outage.cluster]


def _is_named(outage: Outage, notifications: Notifications) -> bool:
    alerts = [alert for one in notifications for alert in one["alerts"]]
    texts = [str(alert["annotations"]["description"]) for alert in alerts]
    words = (f"Cause: {outage.cause}.", *outage.named)
    is_told = any(word in text for word in words for text in texts)
    return is_told or _LAYER_OF.get(outage.cause, outage.cause) in {alert["labels"]["layer"] for alert in alerts}


def _last(notifications: Notifications) -> str:
    return str(notifications[-1]["status"]) if notifications else "nothing"


def _states(receiver: Receiver, ask: Any) -> dict[str, Any]:  # noqa: ANN401  # what it asks of the notifications
    return {outage.fault: ask(_of(receiver, outage)) for outage in _PAGED_ONES}


def _rules(directory: Path) -> list[Path]:
    for path in (ROOT / FOLDER).glob("*.yaml"):
        lapsed = lapsed_rules(yaml.safe_load(path.read_text(encoding="utf-8")), _FASTER)
        directory.joinpath(path.name).write_text(yaml.safe_dump(lapsed), encoding="utf-8")
    return sorted(directory.iterdir())


def _play(stage: Stage, server: Prometheus, receiver: Receiver) -> None:
    server.eventually(f"count({c.BUILD_INFO})", [len(OUTAGES)], within=_STARTED)
    eventually(server.rule_health, {"ok"}, within=_STARTED, what="health of the rules")
    assert server.values('ALERTS{severity="critical"}') == []
    stage.fail()
    paged = dict.fromkeys([outage.fault for outage in _PAGED_ONES], True)
    eventually(lambda: _states(receiver, bool), paged, within=_PAGED, what="paged for")
    # the burn rates speak late: what was spent is what could page when all is over
    burning = f'count(ALERTS{{alertname="{_BURNS}",alertstate="firing"}}) >= bool {len(_PAGED_ONES)}'
    server.eventually(burning, [1], within=_PAGED)
    stage.heal()
    over = dict.fromkeys(paged, "resolved")
    eventually(lambda: _states(receiver, _last), over, within=_OVER, what="told of the end")
    server.eventually('ALERTS{severity="critical"}', [], within=_OVER)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """Return what was told while every outage came and went."""
    folder = tmp_path_factory.mktemp("one-page")
    folder.joinpath("rules").mkdir()
    stage = Stage(time.monotonic, _PROBE_SECONDS)
    with (
        serving(stage) as target,
        Receiver().listening() as receiver,
        routing(routes(receiver.url, _FASTER), folder / "alertmanager") as url,
        prometheus(target, _rules(folder / "rules"), url, folder / "prometheus") as server,
    ):
        _play(stage, server, receiver)
        yield receiver


@pytest.mark.parametrize("outage", [pytest.param(one, id=one.fault) for one in _PAGED_ONES])
def test_an_outage_is_one_page_that_names_its_cause(heard: Receiver, outage: Outage) -> None:
    """From the first failure to the end, burn rates and all: one group of notifications, and the cause is on it."""
    told = _of(heard, outage)
    assert sorted({str(one["groupKey"]) for one in told}) == [str(told[0]["groupKey"])]
    assert _is_named(outage, told), [alert["annotations"]["description"] for one in told for alert in one["alerts"]]


@pytest.mark.parametrize("outage", [pytest.param(one, id=one.fault) for one in OUTAGES if not one.is_paged])
def test_nobody_is_paged_where_users_are_served(heard: Receiver, outage: Outage) -> None:
    """Blindness is a ticket."""
    assert _of(heard, outage) == []


def test_outages_are_faults_of_the_matrix() -> None:
    """Name and cause are those that are proved on real parts."""
    matrix = {fault.name: fault.cause for fault in FAULTS}
    assert {outage.fault: outage.cause for outage in OUTAGES} == {one.fault: matrix[one.fault] for one in OUTAGES}
