"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    availability,
    card,
    from_dcgm,
    from_engines,
    from_engines_times,
    from_gateway,
    heartbeat,
    invariant,
    places,
    slo,
    sources,
    users,
    users_alerts,
    vram,
)
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    availability.GROUP,
    card.GROUP,
    from_dcgm.GROUP,
    from_engines.GROUP,
    from_engines_times.GROUP,
    from_gateway.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    places.GROUP,
    slo.GROUP,
    sources.GROUP,
    users.GROUP,
    users_alerts.GROUP,
    vram.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
