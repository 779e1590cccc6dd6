"""Our rules over a small simulated fleet in a real Prometheus: no rule fails, and of a healthy fleet nobody is told."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.fleet_server import AHEAD_SECONDS, Server, serving
from e2e.waiting import eventually
from fakes.fleet import Fleet
from fakes.fleet_series import Clock

pytestmark = pytest.mark.real

_MINUTES_OF_HISTORY = 10
_EVERY = "5s"  # whatever the group: all are seen within the first round
_ROUND_SECONDS = 20.0
# On the golden page of a lane requests wait, and its gateway adds delay.
_SAID_BY_THE_PAGE = {"LanewatchRequestsWait", "LanewatchGatewayAddsDelay"}
_TELLS_SOMEBODY = {"critical", "warning"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("fleet")
    now = int(time.time())
    with serving(directory) as server:
        server.fill(Fleet(50, 40), Clock(range(now - 60 * _MINUTES_OF_HISTORY, now + AHEAD_SECONDS, 60), now))
        server.evaluate(_EVERY)
        yield server


def _health(server: Server) -> set[str]:
    groups = server.ask("rules")["groups"]
    return {rule.get("lastError") or rule["health"] for group in groups for rule in group["rules"]}


def test_every_rule_can_be_evaluated_over_a_fleet(fleet: Server) -> None:
    """No join meets two where it expects one, with many of everything."""
    eventually(lambda: _health(fleet), {"ok"}, within=_ROUND_SECONDS, what="rules")


def test_of_a_healthy_fleet_nothing_is_told(fleet: Server) -> None:
    """No page and no ticket, but for what the page of the lane shows; waiting to be told counts too."""
    told = [one["labels"] for one in fleet.ask("alerts")["alerts"] if one["labels"]["severity"] in _TELLS_SOMEBODY]
    assert {labels["alertname"] for labels in told} - _SAID_BY_THE_PAGE == set()
