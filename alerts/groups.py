"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    agents,
    availability,
    card,
    clock,
    disagreement,
    ecc,
    heartbeat,
    invariant,
    losses,
    nvlink,
    pcie,
    places,
    presence,
    recovery,
    slo,
    sources,
    vram,
    xid,
)
from alerts.rule import Alert, Group

GROUPS: Final[tuple[Group, ...]] = (
    agents.GROUP,
    availability.GROUP,
    card.GROUP,
    clock.GROUP,
    disagreement.GROUP,
    ecc.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    losses.GROUP,
    nvlink.GROUP,
    pcie.GROUP,
    places.GROUP,
    presence.GROUP,
    recovery.GROUP,
    slo.GROUP,
    sources.GROUP,
    vram.GROUP,
    xid.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
