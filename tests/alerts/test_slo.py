"""The burn-rate table: its numbers, and the objectives for which it would be silent."""

import re

import pytest

from alerts import availability, burns
from alerts.places import ALIAS_POOL
from alerts.rule import Alert
from alerts.slo import TIERS, WINDOWS, Tier, refuse_impossible_tiers
from exporter.config_path import Objectives
from exporter.errors import ConfigError
from probes.outcome import SLOS

_ALIAS_ALERTS = (*availability.GROUP.alerts, *burns.GROUP.alerts)
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


@pytest.mark.parametrize("window", sorted(WINDOWS))
def test_a_window_is_as_long_as_its_name(window: str) -> None:
    """The expected number of probes is computed from it."""
    assert int(window[:-1]) * _SECONDS[window[-1]] == WINDOWS[window]


def test_every_window_of_the_table_is_recorded() -> None:
    """And none is recorded that no tier reads."""
    assert {window for tier in TIERS for window in (tier.long, tier.short)} == set(WINDOWS)


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: f"{tier.severity} {tier.long}")
def test_a_long_window_is_twelve_short_ones(tier: Tier) -> None:
    """The workbook's rule: the short window ends the alert soon after the trouble."""
    assert WINDOWS[tier.long] == 12 * WINDOWS[tier.short]


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        pytest.param(
            0.93,
            "expected an objective > 0.9306, found 0.93: the alert for a burn rate of 14.4 over 1h could never fire, "
            "it needs 101% bad probes",
            id="one hour's page is out of reach",
        ),
        pytest.param(
            0.5,
            "expected an objective > 0.9306, found 0.5: the alert for a burn rate of 14.4 over 1h could never fire, "
            "it needs 720% bad probes",
            id="nearly all tiers are out of reach",
        ),
    ],
)
def test_an_objective_that_silences_a_tier_is_refused(objective: float, message: str) -> None:
    """Other generators stay silent, and so do their alerts."""
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        refuse_impossible_tiers(objective)


@pytest.mark.parametrize("objective", [0.95, 0.99, 0.995, 0.999, Objectives().availability, Objectives().first_token])
def test_usual_objectives_are_accepted(objective: float) -> None:
    """The defaults of the configuration among them."""
    refuse_impossible_tiers(objective)


def test_every_objective_has_its_fast_alert_and_only_availability_pages() -> None:
    """And the slow alert, which selects no objective, speaks of all of them."""
    assert {promise.slo: promise.severity for promise in burns.PROMISES} == {
        slo: "page" if slo == "availability" else "ticket" for slo in SLOS
    }


@pytest.mark.parametrize("alert", _ALIAS_ALERTS, ids=lambda alert: alert.name)
def test_every_alert_about_an_alias_says_its_pool(alert: Alert) -> None:
    """It is routed, grouped and inhibited by it."""
    assert f"group_left (pool) {ALIAS_POOL}" in alert.expr
