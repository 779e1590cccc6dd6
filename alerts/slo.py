"""How fast an alias spends its error budget: burn rates over probes, safe for few events.

A fixed schedule tells how many probes are due. A ratio of bad to due ones does not page on the first failures of a
fresh exporter, and a gap is no failure; what was not asked or did not count is `LanewatchProbesStale` and
`LanewatchAliasUnknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group, Record, Severity
from exporter.catalogue import (
    PROBE_ATTEMPTS,
    PROBE_INTERVAL,
    PROBE_LAST_OUTCOME,
    PROBE_SLO_BAD_EVENTS,
    PROBE_SLO_EVENTS,
    PROBE_SLO_OBJECTIVE,
)
from exporter.errors import ConfigError
from exporter.metric import Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One row of the burn-rate table; the floors hold for the long window."""

    severity: Severity
    factor: float
    long: str
    short: str
    least_bad: int = 0
    least_events: int = 0


# SRE workbook, chapter 5, for a budget of 30 days: 2 %, 5 %, 10 % and 10 % of it. The floors are ours: at a probe a
# minute and 99.9 % one failure alone would page.
TIERS: Final = (
    Tier(severity="page", factor=14.4, long="1h", short="5m", least_bad=3, least_events=20),
    Tier(severity="page", factor=6, long="6h", short="30m", least_bad=3, least_events=20),
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
                f"Expected an objective > {1 - 1 / tier.factor:.4f}, found {objective:g}: the {tier.severity} for a "
                f"burn rate of {tier.factor:g} over {tier.long} can never fire, it needs {threshold:.0%} bad probes"
            )


def attempt_increase(window: str) -> str:
    """Return the name of the recorded number of probes made within `window`, whether they counted or not."""
    return f"lanewatch:probe_attempts:increase{window}"


def _increase(metric: Metric, window: str, drop: str = _PLACE) -> str:
    return f"sum without ({drop}) (increase({metric}[{window}]))"


def _due(window: str) -> str:
    """Return the probes that counted plus the slots in which none was made; an attempt that was excluded is neither."""
    gap = f"clamp_min({WINDOWS[window]} / {INTERVAL} - {attempt_increase(window)}, 0)"
    events = event_increase(window)
    return f"{events} + ignoring (slo) group_left () {gap}\nor\n{events}"


def _records(window: str) -> tuple[Record, ...]:
    return (
        Record(name=bad_increase(window), expr=_increase(PROBE_SLO_BAD_EVENTS, window)),
        Record(name=event_increase(window), expr=_increase(PROBE_SLO_EVENTS, window)),
        Record(
            name=attempt_increase(window),
            expr=_increase(PROBE_ATTEMPTS, window, f"{_PLACE}, kind, outcome"),
            labels=("alias",),
        ),
        Record(name=due_increase(window), expr=_due(window)),
        Record(name=bad_ratio(window), expr=f"{bad_increase(window)} / ({due_increase(window)} > 0)"),
    )


def _burns(tier: Tier, slo: str) -> str:
    allowed = f"{tier.factor:g} * {BUDGET}"
    claims = [f"{bad_ratio(window)}{slo} > {allowed}" for window in (tier.long, tier.short)]
    if tier.least_bad:
        claims.append(f"{bad_increase(tier.long)} >= {tier.least_bad}")
    if tier.least_events:
        claims.append(f"{event_increase(tier.long)} >= {tier.least_events}")
    return "\nand\n".join(claims)


def _any_burns(severity: Severity, slo: str = "") -> str:
    tiers: Sequence[Tier] = [tier for tier in TIERS if tier.severity == severity]
    return "\nor\n".join(f"(\n{indent(_burns(tier, slo))}\n)" for tier in tiers)


_BASE: Final = (
    Record(name=BUDGET, expr=f"1 - {latest(PROBE_SLO_OBJECTIVE.where(), WATCHER_PLACE, back=_FEW_MINUTES)}"),
    Record(name=INTERVAL, expr=latest(PROBE_INTERVAL.where(), WATCHER_PLACE, back=_FEW_MINUTES), labels=("alias",)),
)
_BLIND: Final = "1h"
_SHARE: Final = "{{ $value | humanizePercentage }}"
_ALERTS: Final = (
    Alert(
        name="LanewatchAliasBudgetBurnsFast",
        expr=_any_burns("page", '{slo="availability"}'),
        for_="2m",
        severity="page",
        layer="alias",
        action="investigate",
        summary="An alias fails so often that its error budget is gone within days",
        description=(
            f"{_SHARE} of the probes of alias {{{{ $labels.alias }}}} fail: a burn rate of 14.4 over 1 hour, "
            "or of 6 over 6 hours, and it goes on."
        ),
    ),
    Alert(
        name="LanewatchAliasFirstTokenBurnsFast",
        expr=_any_burns("page", '{slo="first_token"}'),
        for_="2m",
        severity="ticket",  # slow is not down
        layer="alias",
        action="investigate",
        summary="An alias is so often slow that its error budget is gone within days",
        description=(
            f"{_SHARE} of the probes of alias {{{{ $labels.alias }}}} get their first token late: a burn rate of 14.4 "
            "over 1 hour, or of 6 over 6 hours, and it goes on."
        ),
    ),
    Alert(
        name="LanewatchAliasBudgetBurnsSlowly",
        expr=_any_burns("ticket"),
        for_="15m",
        severity="ticket",
        layer="alias",
        action="investigate",
        summary="An alias spends its error budget faster than it was promised",
        description=(
            f"{_SHARE} of the probes of alias {{{{ $labels.alias }}}} miss the objective {{{{ $labels.slo }}}}: a burn "
            "rate of 3 over 1 day, or of 1 over 3 days, and it goes on."
        ),
    ),
    Alert(
        name="LanewatchAliasUnknown",
        expr=(
            f'{event_increase(_BLIND)}{{slo="availability"}} == 0\nand ignoring (slo)\n{attempt_increase(_BLIND)} > 0'
        ),
        for_="5m",
        severity="ticket",
        layer="exporter",
        action="restore_source",
        summary="An alias is probed, but no probe counts",
        description=(
            f"No probe of alias {{{{ $labels.alias }}}} counted within {_BLIND}: each was skipped or failed by itself. "
            f"Whether the alias answers is unknown. Last outcome:{tell(PROBE_LAST_OUTCOME, ['outcome'], same='alias')}."
        ),
    ),
)

GROUP: Final = Group(
    name="lanewatch-slo",
    rules=(*_BASE, *(record for window in WINDOWS for record in _records(window)), *_ALERTS),
)
