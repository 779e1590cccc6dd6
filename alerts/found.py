"""What an alert finds among cards or nodes, recorded on its own, so that a fleet is asked for it once.

A place is joined to what is there with one and to what is there without: written into one expression, each half would
read all of them. What is recorded is nearly always nothing, and so are the pools of it, which a group looks up once.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from alerts.places import BY_CARD, BY_NODE, GPU_POOL, NODE_POOL, in_pool
from alerts.rule import Alert, Record

FOUND: Final = ":found"  # what such a recorded series ends with
POOLS: Final = "_found:pool"  # and that of the pools of what a group found


class _Subject(NamedTuple):
    """What alerts of a group find: by what it is known, and where its pool is recorded."""

    by: str
    pool: str
    labels: tuple[str, ...]


_SUBJECTS: Final = {
    "card": _Subject(BY_CARD, GPU_POOL, ("node", "gpu_uuid")),
    "node": _Subject(BY_NODE, NODE_POOL, ("node",)),
}


def found_once(group: str, *rules: Alert | Record) -> tuple[Alert | Record, ...]:
    """Return the rules: all records, with one of what each alert `of` something finds, then the alerts, with its pool.

    A group finds cards or nodes, not both.
    """
    (subject,) = {_SUBJECTS[rule.of] for rule in rules if isinstance(rule, Alert) and rule.of}
    records = tuple(_record(rule, subject) if isinstance(rule, Alert) else rule for rule in rules if _is_recorded(rule))
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
