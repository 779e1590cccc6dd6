"""Alerts about an error budget that is spent too fast, two for each objective, and about one that nobody can judge.

The fast alert fires where either of the two quick tiers burns, the slow one where either of the two slow ones does.
Both are one series for an alias and its objective, so two tiers never notify twice. Only availability pages: late is
not down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.availability import SWITCH
from alerts.found import found_once
from alerts.promql import indent, tell
from alerts.rule import Alert, Group, Severity
from alerts.slo import RECORDS, TIERS, Tier, attempt_increase, burns, event_increase
from exporter.catalogue import PROBE_LAST_OUTCOME

FAST: Final = tuple(tier for tier in TIERS if tier.severity == "page")
SLOW: Final = tuple(tier for tier in TIERS if tier.severity == "ticket")

_AVAILABILITY: Final = '{slo="availability"}'
_SHARE: Final = "{{ $value | humanizePercentage }} of the probes of alias {{ $labels.alias }}"
_LEAST_TURNS: Final = 10  # that say nothing in a row; fewer are a lane that has work


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the fast alert of one objective is called and says; `miss` is what the probes do."""

    slo: str
    name: str
    severity: Severity = "ticket"  # slow is not down
    summary: str
    miss: str


PROMISES: Final = (
    Promise(
        slo="availability",
        name="LanewatchAliasBudgetBurnsFast",
        severity="page",
        summary="An alias fails so often that its error budget is gone within days",
        miss="fail",
    ),
    Promise(
        slo="first_token",
        name="LanewatchAliasFirstTokenBurnsFast",
        summary="An alias is so often slow that its error budget is gone within days",
        miss="get their first token late",
    ),
    Promise(
        slo="inter_token",
        name="LanewatchAliasInterTokenBurnsFast",
        summary="An alias writes so often too slowly that its error budget is gone within days",
        miss="get their tokens too slowly one after the other",
    ),
    Promise(
        slo="total",
        name="LanewatchAliasTotalBurnsFast",
        summary="An alias ends its answers so often late that its error budget is gone within days",
        miss="get the whole answer late",
    ),
)


def _any_burns(tiers: Sequence[Tier], slo: str = "") -> str:
    return "\nor\n".join(f"(\n{indent(_claim(tier, slo))}\n)" for tier in tiers)


def _claim(tier: Tier, slo: str) -> str:
    if slo != _AVAILABILITY or tier.severity != "page":
        return burns(tier, slo)
    # A planned switch is no reason to wake anybody, and the short window holds its failures when it has ended.
    return f"{burns(tier, slo)}\nunless on (cluster, alias)\nlast_over_time({SWITCH}[{tier.short}])"


def _rates(tiers: Sequence[Tier]) -> str:
    words = {"1h": "1 hour", "6h": "6 hours", "1d": "1 day", "3d": "3 days"}
    first, second = (f"of {tier.factor:g} over {words[tier.long]}" for tier in tiers)
    return f"a burn rate {first}, or {second}, and it goes on"


def _fast(promise: Promise) -> Alert:
    return Alert(
        name=promise.name,
        expr=_any_burns(FAST, f'{{slo="{promise.slo}"}}'),
        of="alias",
        for_="2m",
        severity=promise.severity,
        layer="alias",
        action="investigate",
        summary=promise.summary,
        description=f"{_SHARE} {promise.miss}: {_rates(FAST)}.",
    )


def _nothing_counts(window: str) -> str:
    """Return the aliases that had their turns within `window`, and no probe that says anything."""
    return (
        f"{event_increase(window)}{_AVAILABILITY} == 0\n"
        f"and ignoring (slo)\n{attempt_increase(window)} >= {_LEAST_TURNS}"
    )


_SLOW_ALERT: Final = Alert(
    name="LanewatchAliasBudgetBurnsSlowly",
    expr=_any_burns(SLOW),
    of="alias",
    for_="15m",
    severity="ticket",
    layer="alias",
    action="investigate",
    summary="An alias spends its error budget faster than it was promised",
    description=f"{_SHARE} miss the objective {{{{ $labels.slo }}}}: {_rates(SLOW)}.",
)
# Within a day: an alias that is asked each hour has its tenth turn in the tenth.
_UNKNOWN: Final = Alert(
    name="LanewatchAliasUnknown",
    expr="\nor\n".join(f"(\n{indent(_nothing_counts(window))}\n)" for window in ("1h", "1d")),
    of="alias",
    for_="5m",
    severity="ticket",
    layer="exporter",
    action="restore_source",
    summary="An alias is probed, but no probe counts",
    description=(
        f"Alias {{{{ $labels.alias }}}} had its turn {_LEAST_TURNS} times and more, and no probe counted for an hour: "
        "each was skipped or failed by itself. Whether the alias answers is unknown. "
        f"Last outcome:{tell(PROBE_LAST_OUTCOME, ['outcome'], same='alias')}."
    ),
)

GROUP: Final = Group(
    name="lanewatch-slo", rules=found_once("slo", *RECORDS, *map(_fast, PROMISES), _SLOW_ALERT, _UNKNOWN)
)
