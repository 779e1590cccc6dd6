"""What an alert finds, recorded on its own, so that nobody is asked twice for it.

A place is joined to what is there with one and to what is there without: written into one expression, each half would
read all of a fleet. What is recorded is nearly always nothing, and so are the pools of it, which a group looks up once
where there are thousands of them.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.places import (
    ALIAS_POOL,
    BY_ALIAS,
    BY_CARD,
    BY_LANE,
    BY_NODE,
    BY_SERVED,
    GPU_POOL,
    LANE_POOL,
    NODE_POOL,
    USERS_POOL,
    in_pool,
)
from alerts.rule import Alert, Record

FOUND: Final = ":found"  # what such a recorded series ends with
POOLS: Final = "_found:pool"  # and that of the pools of what a group found


class _Subject(NamedTuple):
    """What alerts of a group find: by what it is known, where its pool is recorded, and whether there are many."""

    by: str
    pool: str
    labels: tuple[str, ...]
    are_many: bool = False


_SUBJECTS: Final = {
    "card": _Subject(BY_CARD, GPU_POOL, ("node", "gpu_uuid"), are_many=True),
    "node": _Subject(BY_NODE, NODE_POOL, ("node",), are_many=True),
    "lane": _Subject(BY_LANE, LANE_POOL, ("lane",)),
    "alias": _Subject(BY_ALIAS, ALIAS_POOL, ("alias",)),
    "served": _Subject(BY_SERVED, USERS_POOL, ("alias", "lane")),  # what users ask for: an alias, or a lane
}


def found_once(group: str, *rules: Alert | Record) -> tuple[Alert | Record, ...]:
    """Return the rules: all records, with one of what each alert `of` something finds, then the alerts, with its pool.

    A group finds one kind of thing.
    """
    (subject,) = {_SUBJECTS[rule.of] for rule in rules if isinstance(rule, Alert) and rule.of}
    records = tuple(_record(rule, subject) if isinstance(rule, Alert) else rule for rule in rules if _is_recorded(rule))
    if not subject.are_many:
        return (*records, *_alerts(rules, subject.pool, subject.by))
    pools = _pools(group, subject, [record.name for record in records if record.name.endswith(FOUND)])
    return (*records, pools, *_alerts(rules, pools.name, subject.by))


def _is_recorded(rule: Alert | Record) -> bool:
    return isinstance(rule, Record) or bool(rule.of)


def _record(alert: Alert, subject: _Subject) -> Record:
    return Record(name=_name(alert), expr=alert.expr, labels=subject.labels)


def _pools(group: str, subject: _Subject, found: list[str]) -> Record:
    """Return the pools of all of which something was found; two alerts may find the same of one."""
    every = "\n  or\n".join(f"  {name}" for name in found)
    expr = f"{subject.pool}\nand on ({subject.by}) (\n{every}\n)"
    return Record(name=f"lanewatch:{group}{POOLS}", expr=expr, labels=(*subject.labels, "pool"))


def _alerts(rules: tuple[Alert | Record, ...], pools: str, by: str) -> Iterator[Alert]:
    for rule in rules:
        if isinstance(rule, Alert):
            yield replace(rule, expr=in_pool(_name(rule), pools, by)) if rule.of else rule


def _name(alert: Alert) -> str:
    words = re.findall(r"[A-Z][a-z0-9]*", alert.name.removeprefix("Lanewatch"))
    return f"lanewatch:{'_'.join(words).lower()}{FOUND}"
