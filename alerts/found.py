"""What an alert finds among the cards, recorded on its own, so that a fleet is asked for it once.

A place is joined to what is there with one and to what is there without: written into one expression, each half would
read every card. What is recorded is nearly always nothing, and so are the pools of it, which a group looks up once.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alerts.places import BY_CARD, GPU_POOL, in_pool_of_card
from alerts.rule import Alert, Record

FOUND: Final = ":found"  # what such a recorded series ends with
POOLS: Final = "_found:pool"  # and that of the pools of what a group found
_LABELS = ("node", "gpu_uuid")


def found_once(group: str, *rules: Alert | Record) -> tuple[Alert | Record, ...]:
    """Return the rules: all records, with one of what each alert `of` a card finds, then the alerts, with its pool."""
    records = tuple(_record(rule) if isinstance(rule, Alert) else rule for rule in rules if _is_recorded(rule))
    pools = _pools(group, [record.name for record in records if record.name.endswith(FOUND)])
    return (*records, pools, *_alerts(rules, pools.name))


def _is_recorded(rule: Alert | Record) -> bool:
    return isinstance(rule, Record) or rule.of == "card"


def _record(alert: Alert) -> Record:
    return Record(name=_name(alert), expr=alert.expr, labels=_LABELS)


def _pools(group: str, found: list[str]) -> Record:
    """Return the pools of all cards of which something was found; two alerts may find the same of one."""
    cards = "\n  or\n".join(f"  {name}" for name in found)
    expr = f"{GPU_POOL}\nand on ({BY_CARD}) (\n{cards}\n)"
    return Record(name=f"lanewatch:{group}{POOLS}", expr=expr, labels=(*_LABELS, "pool"))


def _alerts(rules: tuple[Alert | Record, ...], pools: str) -> Iterator[Alert]:
    for rule in rules:
        if isinstance(rule, Alert):
            yield replace(rule, expr=in_pool_of_card(_name(rule), pools)) if rule.of == "card" else rule


def _name(alert: Alert) -> str:
    words = re.findall(r"[A-Z][a-z0-9]*", alert.name.removeprefix("Lanewatch"))
    return f"lanewatch:{'_'.join(words).lower()}{FOUND}"
