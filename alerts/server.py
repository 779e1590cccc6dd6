"""Whether the server of each lane works: what was seen of it from outside, apart from what its metrics page gave."""

from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, indent, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import (
    ALIAS_INFO,
    BACKEND_INFO,
    BACKEND_SCRAPE,
    BACKEND_STATE,
    LANE_DESIRED,
    LANE_INFO,
    LANE_START_LAST,
    POOL_STATE,
)

_LANE: Final = "on (cluster, lane)"
_PLACE: Final = ", ".join(WATCHER_PLACE)
_OF_A_LANE: Final = (*WATCHER_PLACE, "pool", "lane_namespace")
_ALIASES: Final = f"Aliases:{tell(ALIAS_INFO, ['alias'], same='lane')}."
_STATE: Final = f"State:{tell(BACKEND_STATE, ['state'], same='lane')}."

_LOADS_SLOWLY: Final = 3  # times the longest load of the last day: files that no page cache holds take longer
_SHORTEST_LOAD: Final = 120  # seconds, below which no load is worth a ticket
_UNKNOWN_LOAD: Final = 900  # seconds, for a lane whose load was never seen to end


def _is(states: str) -> str:
    """Return 1 for each lane whose server is in one of `states`, whichever: a change between them is no new wait."""
    return f"{latest(BACKEND_STATE.where(state=states), (*WATCHER_PLACE, 'state'))} == 1"


# What the API server orders; a machine without one says by an alias that the lane is wanted. What was ordered within
# a day and is out of sight now is neither.
_ORDERED: Final = f"{latest(LANE_DESIRED.where(), _OF_A_LANE)} > 0"
_WANTED: Final = (
    f"{latest(ALIAS_INFO.where(lane='~.+'), (*WATCHER_PLACE, 'alias', 'kind'))}\n"
    f"unless {_LANE}\nlast_over_time({LANE_DESIRED}[1d])"
)
_SHOULD_SERVE: Final = f"(\n{indent(_ORDERED)}\n  or\n  (\n{indent(_WANTED, 4)}\n  )\n)"
_SWITCHING: Final = (
    f"(\n  {LANE_INFO}\n  and on (cluster, pool)\n"
    f"{indent(latest(POOL_STATE.where(state='switching'), (*WATCHER_PLACE, 'unit', 'state')))} == 1\n)"
)

# Each 30 s that the last hour saw it load: a server that crashes and loads again and again adds up.
_LOADED_FOR: Final = (
    f"30 * sum_over_time(\n  (max without ({_PLACE}, state) ({BACKEND_STATE.where(state='loading')}))[1h:30s]\n)"
)
_LOADS: Final = (
    f"max without ({_PLACE}, pool, lane_namespace, phase) (\n  %s({LANE_START_LAST.where(phase='model_load')}[1d])\n)"
)
_LONGEST_LOAD: Final = _LOADS % "max_over_time"
_LONG: Final = (
    f"(\n  {_LOADED_FOR} > {_LANE} group_left ()\n"
    f"  clamp(\n{indent(f'{_LOADS_SLOWLY} * {_LONGEST_LOAD}', 4)},\n    {_SHORTEST_LOAD}, 3540\n  )\n)\n"
    f"or\n(\n  {_LOADED_FOR} > {_UNKNOWN_LOAD}\n  unless {_LANE}\n{indent(_LONGEST_LOAD)}\n)"
)

_BEFORE: Final = "offset 30m"
_SLEPT: Final = f"max without ({_PLACE}, state) (max_over_time({BACKEND_STATE.where(state='asleep')}[1d] {_BEFORE}))"

# A server that answers and has no such page is no fault of a kind that has none.
_UNREADABLE: Final = latest(
    BACKEND_SCRAPE.where(state="~refused|silent|forbidden|not_served|not_metrics"), (*WATCHER_PLACE, "state")
)
_WITHOUT_PAGE: Final = latest(
    BACKEND_INFO.where(engine="~openai|llama-cpp-python"), (*WATCHER_PLACE, "engine", "build", "model")
)

# The whole of what was there 30 minutes ago, and 10 more of it: a restart takes the series away for a while.
_BUILD: Final = BACKEND_INFO.where(build="~.+")
_OLD_BUILD: Final = f"max without ({_PLACE}) (last_over_time({_BUILD}[10m] {_BEFORE}))"
_HAD_BUILD: Final = f"max without ({_PLACE}, engine, build, model) (last_over_time({_BUILD}[10m] {_BEFORE}))"

GROUP: Final = Group(
    name="lanewatch-server",
    rules=found_once(
        "server",
        Alert(
            name="LanewatchServerStalled",
            expr=_is("stalled"),
            of="lane",
            for_="1m",  # the exporter has waited `stalled_seconds` already
            severity="page",
            layer="server",
            action="restart_lane",
            summary="The server of a lane has requests, and nothing of them moves",
            description=(
                "The server of lane {{ $labels.lane }} is busy and makes no progress, for a minute beyond the time "
                f"that the exporter waits. Whoever asks it now waits in vain. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchServerWedged",
            expr=_is("wedged"),
            of="lane",
            for_="1m",
            severity="page",
            layer="server",
            action="restart_lane",
            summary="The server of a lane says that it is well, and its work is silent",
            description=(
                "The health page of lane {{ $labels.lane }} answers, and the loop that does the work does not, for a "
                f"minute beyond the time that the exporter waits. Kubernetes will not restart it. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchServerDown",
            expr=f"{_is('~down|stopped')}\nand {_LANE}\n{_SHOULD_SERVE}\nunless {_LANE}\n{_SWITCHING}",
            of="lane",
            for_="10m",  # a server that listens only when its model is loaded has had time to
            severity="ticket",  # the alias pages
            layer="server",
            action="investigate",
            summary="The server of a lane that should serve does not answer",
            description=(
                "The server of lane {{ $labels.lane }} has not answered for 10 minutes, and the lane should serve. "
                f"{_STATE} {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchServerLoadsLong",
            expr=f"(\n{indent(_LONG)}\n)\nand\n{_is('loading')}",
            of="lane",
            severity="ticket",
            layer="server",
            action="investigate",
            summary="The server of a lane loads its model for much longer than it usually does",
            description=(
                "The server of lane {{ $labels.lane }} has spent {{ $value | humanizeDuration }} of the last hour "
                f"loading its model and is not done: {_LOADS_SLOWLY} times its longest load of the last day, or "
                f"{_UNKNOWN_LOAD // 60} minutes where none was seen. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchServerAsleep",
            expr=f"{_is('asleep')}\nand\n{_SLEPT} == 0",
            of="lane",
            for_="2m",
            severity="info",
            layer="server",
            action="wait",
            summary="The model of a lane that does not usually sleep is unloaded",
            description=(
                "The model of lane {{ $labels.lane }} is unloaded, which it was not within the day before. The next "
                f"request waits for a load, and probes are skipped until then. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchServerNotScraped",
            expr=(f"{_UNREADABLE} == 1\nand {_LANE}\n{_is('~idle|busy')}\nunless {_LANE}\n{_WITHOUT_PAGE}"),
            of="lane",
            for_="10m",
            severity="ticket",
            layer="server",
            action="fix_configuration",
            summary="A lane serves well, and its metrics cannot be read",
            description=(
                "Lane {{ $labels.lane }} serves, and its metrics page has given nothing for 10 minutes. The page:"
                f"{tell(BACKEND_SCRAPE, ['state'], same='lane')}. Users are not concerned; queue, cache and tokens of "
                "the lane are unknown."
            ),
        ),
        Alert(
            name="LanewatchServerChanged",
            expr=f"{latest(_BUILD, WATCHER_PLACE)}\nunless\n{_OLD_BUILD}\nand {_LANE}\n{_HAD_BUILD}",
            of="lane",
            for_="1m",
            severity="info",
            layer="server",
            action="investigate",
            summary="The server of a lane is another than half an hour ago",
            description=(
                "Lane {{ $labels.lane }} is now served by {{ $labels.engine }} build {{ $labels.build }} with model "
                "{{ $labels.model }}. What changed with it, numbers of acceptance among them, is to be compared anew."
            ),
        ),
        Alert(
            name="LanewatchServerUnknown",
            expr=f"{_is('unknown')}\nand {_LANE}\n{_SHOULD_SERVE}",
            of="lane",
            for_="10m",
            severity="ticket",
            layer="server",
            action="investigate",
            summary="It cannot be told whether the server of a lane works",
            description=(
                "What lane {{ $labels.lane }} does cannot be told for 10 minutes: its server cannot be reached from "
                f"the watcher, or answers and does not say that it is healthy. {_ALIASES}"
            ),
        ),
    ),
)
