"""That nothing which a driver can say of a card is told twice, or to nobody."""

from collections.abc import Iterator
from typing import Any, get_args

import promql_parser
import pytest

from alerts import recovery, xid
from alerts.found import POOLS
from alerts.rule import Alert
from exporter.collectors.devices import RECOVERY_ACTIONS
from exporter.facts.xid import XID_ACTIONS, XID_CLASSES
from exporter.snapshot import CardEvent

_RECORDED = {record.name: record.expr for record in xid.GROUP.records}
# What is not 0 and what rose, of all Xids; whose they are, each alert says.
_PICKED_OUT = {"lanewatch:gpu_xid_errors:now", "lanewatch:gpu_xid_errors:increase30m"}
# Not the pools: they are those of all alerts.
_FOUND_IN = {name for name in _RECORDED if not name.endswith(POOLS)} - _PICKED_OUT
# Those tell how Xids are spread over time and cards; the others of every single one.
_OF_MANY = {"LanewatchGpuXidRepeated", "LanewatchXidOnManyGpus", "LanewatchNvswitchSxid"}
_TOLD_BY_OTHERS = {"ecc_storm", "memory_retirement", "mig_change", "recovery_action_change"}


def _selectors(expression: str) -> Iterator[Any]:
    """Yield the selectors of an expression, and of what was recorded for it."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), pre_visit=found.append)
    for node in found:
        if isinstance(node, promql_parser.VectorSelector):
            yield node
            yield from _selectors(_RECORDED[node.name]) if node.name in _FOUND_IN else ()


def _matchers(alert: Alert) -> list[dict[str, list[str]]]:
    xids = [one for one in _selectors(alert.expr) if one.name in _PICKED_OUT]
    return [{matcher.name: matcher.value.split("|") for matcher in one.matchers.matchers} for one in xids]


_TAKES = {alert.name: _matchers(alert) for alert in xid.GROUP.alerts if alert.name not in _OF_MANY}


def _takers(**labels: str) -> list[str]:
    """Return the alerts that tell of an Xid with these labels."""
    return [
        name
        for name, selectors in _TAKES.items()
        if any(all(labels[label] in values for label, values in selector.items()) for selector in selectors)
    ]


@pytest.mark.parametrize("xid_class", XID_CLASSES)
@pytest.mark.parametrize("action", XID_ACTIONS)
def test_each_xid_is_told_by_one_alert(xid_class: str, action: str) -> None:
    """Whatever an operator's override says of it; a record, and where nothing is to be done, by none."""
    assert len(_takers(**{"class": xid_class, "action": action})) == (xid_class != "info" and action != "none")


@pytest.mark.parametrize("action", RECOVERY_ACTIONS)
def test_each_wish_of_a_driver_is_told_by_one_alert(action: str) -> None:
    """But the wish for nothing."""
    told = [
        wanted for wanted in (recovery.AT_ONCE, recovery.AFTER_DRAIN) if action in wanted.removeprefix("~").split("|")
    ]
    assert len(told) == (action != "none")


def test_each_event_is_told_or_is_no_fault() -> None:
    """A new kind of event must be put on one side."""
    reported = set(recovery.REPORTED.removeprefix("~").split("|"))
    assert (reported | _TOLD_BY_OTHERS, reported & _TOLD_BY_OTHERS) == (set(get_args(CardEvent)), set())
