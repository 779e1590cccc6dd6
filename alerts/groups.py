"""Every group of rules, as one table that can be read."""

from typing import Final

from alerts import (
    agents,
    availability,
    card,
    clock,
    disagreement,
    ecc,
    engine,
    first_token,
    gateway,
    heartbeat,
    invariant,
    losses,
    nvlink,
    pcie,
    places,
    presence,
    probes,
    recovery,
    root_cause,
    server,
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
    engine.GROUP,
    first_token.GROUP,
    gateway.GROUP,
    heartbeat.GROUP,
    invariant.GROUP,
    losses.GROUP,
    nvlink.GROUP,
    pcie.GROUP,
    places.GROUP,
    presence.GROUP,
    probes.GROUP,
    recovery.GROUP,
    root_cause.GROUP,
    server.GROUP,
    slo.GROUP,
    sources.GROUP,
    vram.GROUP,
    xid.GROUP,
)


def every_alert() -> tuple[Alert, ...]:
    """Return the alerts of all groups."""
    return tuple(alert for group in GROUPS for alert in group.alerts)
