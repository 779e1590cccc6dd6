"""How fast an alias spends its error budget: burn rates over probes, safe for few events.

A fixed schedule tells how many probes are due. A ratio of bad to due ones does not page on the first failures of a
fresh exporter, and a gap is no failure; what was not asked or did not count is `LanewatchProbesStale` and
`LanewatchAliasUnknown`.
"""

from dataclasses import dataclass
from typing import Final

from alerts.promql import WATCHER_PLACE, latest
from alerts.rule import Record, Severity
from exporter.catalogue import (
    PROBE_INTERVAL,
    PROBE_SLO_BAD_EVENTS,
    PROBE_SLO_EVENTS,
    PROBE_SLO_OBJECTIVE,
    PROBES,
)
from exporter.errors import ConfigError
from exporter.metric import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One row of the burn-rate table; `severity` is that for availability, the floors hold for the long window."""

    severity: Severity
    factor: float
    long: str
    short: str
    least_bad: int = 3
    least_events: int = 0  # or half of those that are due, where that is less


# SRE workbook, chapter 5, for a budget of 30 days: 2 %, 5 %, 10 % and 10 % of it. The floors are ours: at a probe a
# minute and 99.9 % one failure alone would page, and at one in 5 minutes it would be a ticket.
TIERS: Final = (
    Tier(severity="page", factor=14.4, long="1h", short="5m", least_events=20),
    Tier(severity="page", factor=6, long="6h", short="30m", least_events=20),
    Tier(severity="ticket", factor=3, long="1d", short="2h"),
    Tier(severity="ticket", factor=1, long="3d", short="6h"),
)
WINDOWS: Final = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}

BUDGET: Final = "lanewatch:probe_budget:ratio"
INTERVAL: Final = "lanewatch:probe_interval:seconds"
_FEW_MINUTES: Final = "10m"  # an exporter that restarts must not resolve what burns

_PLACE: Final = ", ".join(WATCHER_PLACE)


def bad_ratio(window: str) -> str:
    """Return the name of the recorded share of due probes that were bad within `window`."""
    return f"lanewatch:probe_bad:ratio_rate{window}"


def bad_increase(window: str) -> str:
    """Return the name of the recorded number of bad probes within `window`."""
    return f"lanewatch:probe_bad:increase{window}"


def event_increase(window: str) -> str:
    """Return the name of the recorded number of probes that counted within `window`."""
    return f"lanewatch:probe_events:increase{window}"


def due_increase(window: str) -> str:
    """Return the name of the recorded number of probes that counted, or were missed by a gap, within `window`."""
    return f"lanewatch:probe_due:increase{window}"


def refuse_impossible_tiers(objective: float) -> None:
    """Raise `ConfigError` if a tier can never fire for this objective: it would need more than 100 % bad probes."""
    for tier in TIERS:
        threshold = tier.factor * (1 - objective)
        if threshold >= 1:
            raise ConfigError(
                f"expected an objective > {1 - 1 / tier.factor:.4f}, found {objective:g}: the alert for a burn rate "
                f"of {tier.factor:g} over {tier.long} could never fire, it needs {threshold:.0%} bad probes"
            )


def attempt_increase(window: str) -> str:
    """Return the name of the recorded number of probes made within `window`, whether they counted or not."""
    return f"lanewatch:probe_attempts:increase{window}"


def _increase(metric: Metric, window: str) -> str:
    return f"sum without ({_PLACE}) (increase({metric}[{window}]))"


def _due(window: str) -> str:
    """Return the probes that counted plus the slots in which none was made; an attempt that was excluded is neither."""
    gap = f"clamp_min({WINDOWS[window]} / {INTERVAL} - {attempt_increase(window)}, 0)"
    return f"{event_increase(window)} + ignoring (slo) group_left () {gap}"


def _records(window: str) -> tuple[Record, ...]:
    return (
        Record(name=bad_increase(window), expr=_increase(PROBE_SLO_BAD_EVENTS, window)),
        Record(name=event_increase(window), expr=_increase(PROBE_SLO_EVENTS, window)),
        Record(
            name=attempt_increase(window),
            expr=_increase(PROBES, window),
            labels=("alias",),
        ),
        Record(name=due_increase(window), expr=_due(window)),
        Record(name=bad_ratio(window), expr=f"{bad_increase(window)} / ({due_increase(window)} > 0)"),
    )


def burns(tier: Tier, slo: str = "") -> str:
    """Return the claims of one tier for the objectives that the matcher `slo` selects: both windows, and its floors."""
    allowed = f"{tier.factor:g} * {BUDGET}"
    claims = [f"{bad_ratio(window)}{slo} > {allowed}" for window in (tier.long, tier.short)]
    if tier.least_bad:
        claims.append(f"{bad_increase(tier.long)} >= {tier.least_bad}")
    if tier.least_events:
        half = f"{WINDOWS[tier.long]} / {INTERVAL} / 2"
        claims.append(
            f"{event_increase(tier.long)} >= ignoring (slo) group_left () clamp_max({half}, {tier.least_events})"
        )
    return "\nand\n".join(claims)


_BASE: Final = (
    Record(name=BUDGET, expr=f"1 - {latest(PROBE_SLO_OBJECTIVE.where(), WATCHER_PLACE, back=_FEW_MINUTES)}"),
    Record(name=INTERVAL, expr=latest(PROBE_INTERVAL.where(), WATCHER_PLACE, back=_FEW_MINUTES), labels=("alias",)),
)
RECORDS: Final = (*_BASE, *(record for window in WINDOWS for record in _records(window)))
