"""Whether the gateway lives, lets us in, sends each alias to its lane, and tells the truth about its deployments."""

from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, WHOLE, indent, latest, tell
from alerts.rule import Alert, Group, Record
from alerts.third_party import LITELLM_DEPLOYMENT_COOLED_DOWN, LITELLM_DEPLOYMENT_REQUESTS, LITELLM_DEPLOYMENT_STATE
from exporter.catalogue import (
    ALIAS_INFO,
    ALIAS_ROOT_CAUSE,
    GATEWAY_UP,
    PROBE_ATTEMPTS,
    PROBE_CONSECUTIVE_FAILURES,
    PROBE_INTERVAL,
    PROBE_LAST_OUTCOME,
    PROBE_SERVED_INFO,
)

ROUTE: Final = "lanewatch:gateway_route:info"
BEST_STATE: Final = "lanewatch:gateway_deployment_state:min"
WORST_STATE: Final = "lanewatch:gateway_deployment_state:max"
COOLDOWNS: Final = "lanewatch:gateway_cooldowns:increase15m"

_PLACE: Final = ", ".join(WATCHER_PLACE)
_ALIAS: Final = "on (cluster, alias)"
_LANE: Final = f"Lane:{tell(ALIAS_INFO, ['lane'], same='alias')}."
_SERVED_BY: Final = f"It was answered by:{tell(PROBE_SERVED_INFO, ['lane'], same='alias')}."
_OUTCOME: Final = f"Last outcome:{tell(PROBE_LAST_OUTCOME, ['outcome'], same='alias')}."

_FALLBACKS: Final = 3
_RARELY: Final = 200  # seconds between two probes: above it three of them do not fit well into 10 minutes
_WRONG_LANES: Final = 2  # within 15 minutes: with two lanes behind one alias the others are right
_COOLDOWNS: Final = 3
_FAILURES_IN_A_ROW: Final = 3


def _count(outcome: str, window: str) -> str:
    """Return how many probes came to `outcome`; of two watchers the one that saw more."""
    return f"max without ({_PLACE}, kind, outcome) (increase({PROBE_ATTEMPTS.where(outcome=outcome)}[{window}]))"


def _cause(causes: str) -> str:
    return f"{latest(ALIAS_ROOT_CAUSE.where(cause=causes), (*WATCHER_PLACE, 'cause'))} == 1"


def _last(outcomes: str) -> str:
    return f"{latest(PROBE_LAST_OUTCOME.where(outcome=outcomes), (*WATCHER_PLACE, 'outcome'))} == 1"


_FALLS_BACK: Final = (
    f"{_count('fallback', '10m')} >= {_FALLBACKS}\nor\n(\n  {_count('fallback', '1h')} >= {_FALLBACKS}\n"
    f"  and {_ALIAS}\n{indent(latest(PROBE_INTERVAL.where(), WATCHER_PLACE))} > {_RARELY}\n)"
)

_FAILURES: Final = latest(PROBE_CONSECUTIVE_FAILURES.where(), WATCHER_PLACE)
# What a gateway that refuses us, or does not know the alias, says of its deployments contradicts nothing.
_BEHIND_IT: Final = (
    "~node|driver|device|allocation|lane_pod|backend_process|backend_work|network|gateway_translation|output"
)
_SAYS_WELL: Final = (
    f"{WORST_STATE} == 0\nand {_ALIAS}\n{_FAILURES} >= {_FAILURES_IN_A_ROW}\nand {_ALIAS}\n{_cause(_BEHIND_IT)}"
)
_SAYS_ILL: Final = f"{BEST_STATE} >= 1\nand {_ALIAS}\n{_FAILURES} == 0\nand {_ALIAS}\n{_last('~ok|slow')}"


def _saying(expr: str, word: str) -> str:
    return f'label_replace(\n{indent(expr)},\n  "gateway_says", "{word}", "", ""\n)'


_DEPLOYMENTS: Final = LITELLM_DEPLOYMENT_REQUESTS.where(model_group="~.+", model_id="~.+")
_ROUTES: Final = f'label_replace(last_over_time({_DEPLOYMENTS}[2m]), "alias", "$1", "model_group", "(.+)")'
_STATE: Final = f"max by (cluster, model_id) (last_over_time({LITELLM_DEPLOYMENT_STATE}[2m]))"
_STATES: Final = f"{ROUTE}\n  * on (cluster, model_id) group_left ()\n  {_STATE}"
# LiteLLM's series is born with the first event: one that was not there, where others of it were, has only new ones.
_COOLED: Final = LITELLM_DEPLOYMENT_COOLED_DOWN
_NEW: Final = f"{_COOLED} unless last_over_time({_COOLED}[5m] offset 15m)"
_SEEN_BEFORE: Final = f"and on (cluster) {LITELLM_DEPLOYMENT_REQUESTS} offset 15m"
_NEW_COOLDOWNS: Final = f"(\n  {_NEW}\n  {_SEEN_BEFORE}\n)\nor\nincrease({_COOLED}[15m])"

_RECORDS: Final = (
    Record(
        name=ROUTE,
        expr=f"group by (cluster, alias, model_id) (\n  {_ROUTES}\n)",
        labels=("alias", "model_id"),
    ),
    Record(name=BEST_STATE, expr=f"min by (cluster, alias) (\n  {_STATES}\n)", labels=("alias",)),
    Record(name=WORST_STATE, expr=f"max by (cluster, alias) (\n  {_STATES}\n)", labels=("alias",)),
    Record(
        name=COOLDOWNS,
        expr=f"max by (cluster, model_id) (\n{indent(_NEW_COOLDOWNS)}\n)",
        labels=("model_id",),
    ),
)
_ALERTS: Final = (
    Alert(
        name="LanewatchGatewayDown",
        expr=f"{latest(GATEWAY_UP.where(), WATCHER_PLACE)} == 0",
        for_="1m",
        severity="page",
        layer="gateway",
        action="restart_gateway",
        summary="The gateway does not live: every alias is gone",
        description=(
            "The gateway has not answered its own liveliness page for 1 minute. Every alias behind it is gone, "
            "whatever their lanes do."
        ),
    ),
    Alert(
        name="LanewatchGatewayKeyRefused",
        expr=f"{_last('auth')}\nand {_ALIAS}\n{_cause('gateway_key')}",
        of="alias",
        for_="2m",
        severity="ticket",
        layer="gateway",
        action="fix_configuration",
        summary="The gateway refuses the key of the probes",
        description=(
            "The gateway has refused the key of the probes for alias {{ $labels.alias }} for 2 minutes. Users have "
            "keys of their own: whether they are served is unknown, and nobody asks until this is mended."
        ),
    ),
    Alert(
        name="LanewatchGatewayDisagrees",
        expr=f"{_saying(_SAYS_WELL, 'well')}\nor\n{_saying(_SAYS_ILL, 'ill')}",
        of="alias",
        for_="10m",
        severity="ticket",
        layer="gateway",
        action="investigate",
        summary="The gateway says of an alias's deployments what probes through it contradict",
        description=(
            "The gateway has called the deployments of alias {{ $labels.alias }} {{ $labels.gateway_says }} for 10 "
            "minutes, and probes through it show the contrary. What it routes by is wrong, or what it shows is old. "
            f"{_OUTCOME} {_LANE}"
        ),
    ),
    Alert(
        name="LanewatchFallbackServes",
        expr=_FALLS_BACK,
        of="alias",
        severity="ticket",
        layer="lane",
        action="investigate",
        summary="An alias is served by its fallback: its own lane does not serve",
        description=(
            f"{WHOLE} of the last probes of alias {{{{ $labels.alias }}}} were answered by a fallback. Users "
            f"are served, by another model. {_LANE} {_SERVED_BY}"
        ),
    ),
    Alert(
        name="LanewatchDeploymentCooledDown",
        expr=f"{COOLDOWNS} * on (cluster, model_id) group_right () {ROUTE} >= {_COOLDOWNS}",
        of="alias",
        severity="ticket",
        layer="gateway",
        action="investigate",
        summary="The gateway puts a deployment aside again and again",
        description=(
            "The gateway put deployment {{ $labels.model_id }} of alias {{ $labels.alias }} aside "
            f"{WHOLE} times within 15 minutes, after failures. Meanwhile it asks others, or refuses. {_LANE}"
        ),
    ),
    Alert(
        name="LanewatchWrongLaneServes",
        expr=f"{_count('wrong_lane', '15m')} >= {_WRONG_LANES}",
        of="alias",
        severity="ticket",
        layer="gateway",
        action="fix_configuration",
        summary="An alias is answered by a lane that is not promised",
        description=(
            f"{WHOLE} probes of alias {{{{ $labels.alias }}}} within 15 minutes were answered by another lane "
            f"than the configured one, and not as a fallback. {_LANE} {_SERVED_BY}"
        ),
    ),
    Alert(
        name="LanewatchGatewayTranslation",
        expr=_cause("gateway_translation"),
        of="alias",
        for_="5m",
        severity="ticket",
        layer="gateway",
        action="fix_configuration",
        summary="A lane answers, and the gateway cannot pass its answer on",
        description=(
            "For 5 minutes the gateway has failed to translate what the lane of alias {{ $labels.alias }} answers, or "
            f"what it is asked. The lane is well. {_OUTCOME} {_LANE}"
        ),
    ),
    Alert(
        name="LanewatchAliasRouteBroken",
        expr=_cause("alias_route"),
        of="alias",
        for_="5m",
        severity="ticket",
        layer="gateway",
        action="fix_configuration",
        summary="The gateway does not know an alias, or sends it elsewhere",
        description=(
            "For 5 minutes the route of alias {{ $labels.alias }} in the gateway has been wrong: it is not in its "
            f"table, or leads to another lane or kind of server. {_OUTCOME} {_LANE}"
        ),
    ),
)

GROUP: Final = Group(name="lanewatch-gateway", rules=found_once("gateway", *_RECORDS, *_ALERTS))
