"""Whether users get what they were promised, told by their own traffic: burn rates, server errors and the slowest.

Each has a floor: of a few requests one is a large share. Below it the probes speak, whose alerts have other names.
"""

from collections.abc import Sequence
from typing import Final

from alerts import users
from alerts.found import found_once
from alerts.from_gateway import GATEWAY_REQUESTS
from alerts.promql import indent
from alerts.rule import Alert, Group, Severity
from alerts.slo import TIERS, Tier
from alerts.users import BY, PROMISE, USERS_BUDGET, bad_increase, bad_ratio, certain_increase

# Of the long window. At 99 % and a burn rate of 14.4, 100 requests need 15 bad ones; of pairs of tokens there are
# hundreds in one answer, so a hundred times as many are asked for.
LEAST_REQUESTS: Final = 100
LEAST_BAD: Final = 10
_PAIRS: Final = 100
_TIMES: Final = "first_token|inter_token|total"

_FAILED_SHARE: Final = 0.05  # far above what any objective allows, and seen within minutes
_FAILED_WINDOW: Final = "30m"
_RECORDED_A_REQUEST: Final = 10  # each is in the increase over 5 minutes that is recorded each 30 seconds
_TAIL_FACTOR: Final = 4  # the slowest of a hundred may take longer than was promised of 95, not four times as long
_TAIL_REQUESTS: Final = 500  # 1 % of fewer are not five

_WHO: Final = "{{ with $labels.alias }}alias {{ . }}{{ else }}lane {{ $labels.lane }}{{ end }}"
_SHARE: Final = "{{ $value | humanizePercentage }}"


def _burns(tier: Tier, slos: str) -> str:
    long, short = (f'{bad_ratio(window)}{{slo=~"{slos}"}}' for window in (tier.long, tier.short))
    allowed = f"on ({BY}) {tier.factor:g} * {USERS_BUDGET}"
    return f"{long} > {allowed}\nand on ({BY})\n{short} > {allowed}\nand on ({BY})\n(\n{indent(_enough(tier.long))}\n)"


def _enough(window: str) -> str:
    """Return the series with enough events, and enough bad ones, for a share to mean something."""

    def least(factor: int, slo: str) -> str:
        return (
            f"{certain_increase(window)}{{{slo}}} >= {LEAST_REQUESTS * factor}\n"
            f"and on ({BY}) {bad_increase(window)} >= {LEAST_BAD * factor}"
        )

    requests, pairs = least(1, 'slo!="inter_token"'), least(_PAIRS, 'slo="inter_token"')
    return f"{requests}\nor\n{pairs}"


def _any_burns(severity: Severity, slos: str) -> str:
    tiers: Sequence[Tier] = [tier for tier in TIERS if tier.severity == severity]
    return "\nor\n".join(f"(\n{indent(_burns(tier, slos))}\n)" for tier in tiers)


def _within(results: str) -> str:
    """Return the gateway's requests of the window."""
    counts = f'sum_over_time({GATEWAY_REQUESTS}{{result=~"{results}"}}[{_FAILED_WINDOW}])'
    return f"(sum without (result) ({counts}) / {_RECORDED_A_REQUEST})"


_FAILED: Final = (
    f"{_within('failed')} / {_within('answered|failed')} > {_FAILED_SHARE:g}\n"
    f"and\n{_within('failed')} >= {LEAST_BAD}\n"
    f'and on (cluster, alias)\nsum without (result) ({GATEWAY_REQUESTS}{{result="failed"}}) > 0'  # and it goes on
)
_SLOWEST: Final = (
    f"{users.quantile('p99')} > on ({BY}) {_TAIL_FACTOR} * {PROMISE}\n"
    f'and on ({BY})\n{certain_increase("1h")}{{slo=~"first_token|total"}} >= {_TAIL_REQUESTS}'
)

GROUP: Final = Group(
    name="lanewatch-users-alerts",
    rules=found_once(
        "users",
        Alert(
            name="LanewatchUsersBudgetBurnsFast",
            expr=_any_burns("page", "availability"),
            of="served",
            for_="2m",
            severity="page",
            layer="alias",
            action="investigate",
            summary="So many requests of users fail that the error budget is gone within days",
            description=(
                f"{_SHARE} of users' requests to {_WHO} fail: a burn rate of 14.4 over 1 hour, or of 6 over 6 hours, "
                "and it goes on. Compare with the probes: lanewatch explain."
            ),
        ),
        Alert(
            name="LanewatchUsersTimeBurnsFast",
            expr=_any_burns("page", _TIMES),
            of="served",
            for_="2m",
            severity="ticket",  # slow is not down
            layer="alias",
            action="scale_out",
            summary="Users wait so often for too long that the error budget is gone within days",
            description=(
                f"{_SHARE} of what users got from {_WHO} missed the objective {{{{ $labels.slo }}}}: a burn rate of "
                "14.4 over 1 hour, or of 6 over 6 hours, and it goes on. Look at the requests that wait for the lane."
            ),
        ),
        Alert(
            name="LanewatchUsersBudgetBurnsSlowly",
            expr=_any_burns("ticket", f"availability|{_TIMES}"),
            of="served",
            for_="15m",
            severity="ticket",
            layer="alias",
            action="investigate",
            summary="Users spend an error budget faster than it was promised",
            description=(
                f"{_SHARE} of what users got from {_WHO} missed the objective {{{{ $labels.slo }}}}: a burn rate of 3 "
                "over 1 day, or of 1 over 3 days, and it goes on."
            ),
        ),
        Alert(
            name="LanewatchUsersServerErrors",
            expr=_FAILED,
            of="served",
            for_="5m",
            severity="ticket",
            layer="alias",
            action="investigate",
            summary="The gateway answers users with server errors",
            description=(
                f"{_SHARE} of users' requests to alias {{{{ $labels.alias }}}} within {_FAILED_WINDOW} ended in a "
                "server error, or in the gateway's own time-out. The labels exception_class and model_id of "
                "litellm_proxy_failed_requests_metric_total say at which deployment."
            ),
        ),
        Alert(
            name="LanewatchUsersSlowest",
            expr=_SLOWEST,
            of="served",
            for_="15m",
            severity="ticket",
            layer="alias",
            action="scale_out",
            summary="The slowest of users' requests take far longer than was promised",
            description=(
                f"One request of users in a hundred to {_WHO} takes longer than {{{{ $value | humanizeDuration }}}} "
                f"({{{{ $labels.slo }}}}), more than {_TAIL_FACTOR} times what was promised, over 1 hour."
            ),
        ),
    ),
)
