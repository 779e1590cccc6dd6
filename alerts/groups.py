"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import availability, budget, budget_sums, burns, card, fleet, heartbeat, invariant, places, sources, vram
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    availability.GROUP,
    budget.GROUP,
    budget_sums.GROUP,
    burns.GROUP,
    card.GROUP,
    fleet.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    places.GROUP,
    sources.GROUP,
    vram.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
