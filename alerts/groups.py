"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    availability,
    card,
    heartbeat,
    invariant,
    lane_fit,
    ownership,
    places,
    power,
    slo,
    sources,
    thermal,
    throttle,
    vram,
    vram_growth,
)
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    availability.GROUP,
    card.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    lane_fit.GROUP,
    ownership.GROUP,
    places.GROUP,
    power.GROUP,
    slo.GROUP,
    sources.GROUP,
    thermal.GROUP,
    throttle.GROUP,
    vram.GROUP,
    vram_growth.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
