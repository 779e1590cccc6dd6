"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    agreement,
    availability,
    baseline,
    budget,
    budget_sums,
    burns,
    card,
    cold_start,
    explained,
    headroom,
    heartbeat,
    invariant,
    lanes,
    left_out,
    maintenance,
    places,
    reasons,
    sources,
    vram,
    workload,
)
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    agreement.GROUP,
    availability.GROUP,
    baseline.GROUP,
    budget.GROUP,
    budget_sums.GROUP,
    burns.GROUP,
    card.GROUP,
    cold_start.GROUP,
    explained.GROUP,
    headroom.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    lanes.GROUP,
    left_out.GROUP,
    maintenance.GROUP,
    places.GROUP,
    reasons.GROUP,
    sources.GROUP,
    vram.GROUP,
    workload.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
