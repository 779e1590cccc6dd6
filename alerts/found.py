"""What an alert finds among the cards, recorded on its own, so that a fleet is asked for it once.

A place is joined to what is there with one and to what is there without: written into one expression, each half would
read every card. What is recorded is nearly always nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alerts.places import in_pool_of_card
from alerts.rule import Alert, Record

FOUND: Final = ":found"  # what such a recorded series ends with
_LABELS = ("node", "gpu_uuid")


def found_once(*rules: Alert | Record) -> tuple[Alert | Record, ...]:
    """Return the rules, each alert `of` a card after a record of what it finds, and with the card's pool."""
    return tuple(one for rule in rules for one in _recorded(rule))


def _recorded(rule: Alert | Record) -> Iterator[Alert | Record]:
    if isinstance(rule, Alert) and rule.of == "card":
        found = Record(name=f"lanewatch:{_name(rule)}{FOUND}", expr=rule.expr, labels=_LABELS)
        yield found
        yield replace(rule, expr=in_pool_of_card(found.name))
    else:
        yield rule


def _name(alert: Alert) -> str:
    words = re.findall(r"[A-Z][a-z0-9]*", alert.name.removeprefix("Lanewatch"))
    return "_".join(words).lower()
