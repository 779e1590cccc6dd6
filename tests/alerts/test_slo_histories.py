"""Outages and quiet months through the committed rules, in a real Prometheus: what fires, how soon, what does not."""

from pathlib import Path
from typing import Final

import pytest

from alerts.groups import every_alert
from histories import document, simulation
from histories.outages import CONTROL, OUTAGES, SLOW, Outage
from histories.simulation import ALIAS, Fired

_ROOT: Final = Path(__file__).resolve().parents[2]
_TEXT: Final = (_ROOT / document.PATH).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outages() -> Fired:
    """What fired in each outage; seconds of work, so it is done once."""
    return simulation.outages()


@pytest.fixture(scope="module")
def quiet() -> Fired:
    """What fired in the quiet months."""
    return simulation.quiet_months()


@pytest.mark.real
@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
def test_an_outage_is_spoken_of_in_time_and_by_nothing_else(outage: Outage, outages: Fired) -> None:
    """The stated alerts fire, each within its time, for the alias in trouble alone."""
    fired = {key: alerts for key, alerts in outages.items() if key[0] == outage.name}
    late = {name for alerts in fired.values() for name, at in alerts.items() if at > outage.within.get(name, 0)}
    assert {alias for _, alias in fired} <= {ALIAS, ""}
    assert {name for alerts in fired.values() for name in alerts} == set(outage.within)
    assert late == set()


@pytest.mark.real
def test_nobody_is_told_of_a_few_failures_by_chance(quiet: Fired) -> None:
    """0.2 % is within every promise: 30 days of it are neither page nor ticket; 2 % at the end of a month is one."""
    assert {key: set(alerts) for key, alerts in quiet.items()} == {(CONTROL, ALIAS): {SLOW}}


@pytest.mark.real
def test_the_document_tells_what_is_measured(outages: Fired, quiet: Fired) -> None:
    """Where this fails: `PYTHONPATH=tests python -m histories.document`, look at the difference, commit it."""
    assert document.render(outages, quiet) == _TEXT


def test_the_document_names_every_alert_of_the_objectives() -> None:
    """And states for each outage what is stated here, measured or not."""
    names = {alert.name for alert in every_alert() if "Burns" in alert.name and "lanewatch:probe_bad" in alert.expr}
    assert {name for name in names if f"`{name}`" not in _TEXT} == set()
    assert [outage.name for outage in OUTAGES if f"| {outage.name} | {outage.seen} |" not in _TEXT] == []
