"""Why first tokens come late: one alert that names the cause, and what the gateway adds to the lane's own time."""

from collections.abc import Mapping
from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import (
    ALIAS_FIRST_TOKEN_CAUSE,
    ALIAS_INFO,
    LANE_PROBE_ATTEMPTS,
    LANE_PROBE_FIRST_TOKEN,
    PROBE_FIRST_TOKEN,
    PROBE_SLO_THRESHOLD,
)

_PLACE: Final = ", ".join(WATCHER_PLACE)
_LANE: Final = f"Lane:{tell(ALIAS_INFO, ['lane'], same='alias')}."

# What to do first about each cause; `unknown` is no cause, and `none` no lateness.
_NEXT: Final[Mapping[str, str]] = {
    "throttling": "heat, a power brake or a lowered limit slows the card: look at its cooling and its power",
    "co_tenant": "somebody else is on the lane's card: send them away",
    "vram": "the card is fuller than when the lane was in time: free memory",
    "cold_start": "the server starts again and again: look for why",
    "queue": "the probe waited for a slot: the lane has more to do than it can",
    "gateway_overhead": "the gateway takes the time, or tries lanes in vain first: look at it, not at the card",
}
_MOST: Final = 0.5  # of the last 15 minutes, for a probe now and then is late anyway
_SHARE: Final = 0.5  # of the objective: a gateway that takes half of it leaves the lane no room

_TOLD: Final = ALIAS_FIRST_TOKEN_CAUSE.where(cause="~" + "|".join(_NEXT))
_WHAT_NEXT: Final = "".join(
    f"{{{{ {'else if' if number else 'if'} eq $labels.cause `{cause}` }}}}{words}"
    for number, (cause, words) in enumerate(_NEXT.items())
)

_OF_ALIAS: Final = "on (cluster, lane, kind)"
_ASKED_LANES: Final = (
    f"max without ({_PLACE}, outcome) (increase({LANE_PROBE_ATTEMPTS.where(outcome='~ok|slow')}[15m])) > 0"
)
_BY_LANE: Final = f"max without ({_PLACE}) (avg_over_time({LANE_PROBE_FIRST_TOKEN}[15m]))\nand\n{_ASKED_LANES}"
_ALONE: Final = (
    f"max without ({_PLACE}, lane, kind) (\n"
    f"  {latest(ALIAS_INFO.where(lane='~.+'), WATCHER_PLACE).replace(chr(10), chr(10) + '  ')}\n"
    f"  * {_OF_ALIAS} group_left ()\n  (\n{indent(_BY_LANE, 4)}\n  )\n)"
)
_LIMIT: Final = latest(PROBE_SLO_THRESHOLD.where(slo="first_token"), (*WATCHER_PLACE, "slo"))

GROUP: Final = Group(
    name="lanewatch-first-token",
    rules=found_once(
        "first_token",
        Alert(
            name="LanewatchFirstTokenLate",
            expr=f"max without ({_PLACE}) (avg_over_time({_TOLD}[15m])) > {_MOST}",
            of="alias",
            for_="10m",
            severity="ticket",
            layer="alias",
            action="investigate",
            summary="The first token of an alias comes late, and the cause is known",
            description=(
                "The first tokens of alias {{ $labels.alias }} came late in {{ $value | humanizePercentage }} of the "
                f"last 15 minutes. Cause {{{{ $labels.cause }}}}: {_WHAT_NEXT}{{{{ end }}}}. {_LANE}"
            ),
        ),
        Alert(
            name="LanewatchGatewayAddsDelay",
            expr=(
                f"(\n  max without ({_PLACE}) (avg_over_time({PROBE_FIRST_TOKEN}[15m]))\n"
                f"  - on (cluster, alias) group_left ()\n{indent(_ALONE)}\n)\n"
                f"> on (cluster, alias) group_left ()\n{_SHARE} * {_LIMIT}"
            ),
            of="alias",
            for_="10m",
            severity="ticket",
            layer="gateway",
            action="investigate",
            summary="The gateway adds much to the first token of an alias",
            description=(
                "Through the gateway the first token of alias {{ $labels.alias }} came {{ $value | humanizeDuration }} "
                "later than from its lane alone, on average over 15 minutes: more than half of what is promised. "
                f"{_LANE}"
            ),
        ),
    ),
)
