"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import availability, card, fleet, heartbeat, invariant, places, slo, sources, vram
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    availability.GROUP,
    card.GROUP,
    fleet.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    places.GROUP,
    slo.GROUP,
    sources.GROUP,
    vram.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
