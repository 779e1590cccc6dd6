"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    availability,
    card,
    engine,
    first_token,
    gateway,
    heartbeat,
    invariant,
    places,
    probes,
    root_cause,
    server,
    slo,
    sources,
    vram,
)
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    availability.GROUP,
    card.GROUP,
    engine.GROUP,
    first_token.GROUP,
    gateway.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    places.GROUP,
    probes.GROUP,
    root_cause.GROUP,
    server.GROUP,
    slo.GROUP,
    sources.GROUP,
    vram.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
