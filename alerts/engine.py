"""Whether the engine of each lane keeps up: who waits, what the cache holds, and whether anything is finished.

Its counters are the engine's own, as old as its process: what they stand at when they are first seen says nothing.
"""

from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, WHOLE, indent, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import (
    ALIAS_INFO,
    BACKEND_CONTEXT,
    BACKEND_STATE,
    ENGINE_KV_USED,
    ENGINE_PREEMPTIONS,
    ENGINE_REQUESTS,
    ENGINE_RUNNING,
    ENGINE_TOKENS,
    ENGINE_WAITING,
)
from exporter.metric import Metric

_PLACE: Final = ", ".join(WATCHER_PLACE)
_ALIASES: Final = f"Aliases:{tell(ALIAS_INFO, ['alias'], same='lane')}."

_WAITING: Final = 1  # request on average: then somebody always waits, whatever the engine can work on at once
_FULL: Final = 0.9  # of the cache; above it a longer answer has nowhere to grow
_PREEMPTED: Final = 0.05  # of the finished requests: each of them was computed twice
_FEW: Final = 3  # preemptions, below which a share says nothing
# Longer than the longest answer: 48 Ki tokens at 30 a second, and some engines count tokens when a request ends.
_LONGEST_ANSWER: Final = "30m"


def _gauge(metric: Metric, window: str, how: str = "avg_over_time") -> str:
    return f"max without ({_PLACE}) ({how}({metric}[{window}]))"


def _rise(selector: str, window: str, drop: str = _PLACE) -> str:
    """Return how much a counter rose; the larger of two scrapers, for both count the same requests."""
    return f"max without ({drop}) (increase({selector}[{window}]))"


_FINISHED: Final = f"sum without (reason) (\n{indent(_rise(str(ENGINE_REQUESTS), '30m'))}\n)"
_CACHE_FULL: Final = f"{_gauge(ENGINE_KV_USED, '10m')} > {_FULL}\nand\n{_rise(str(ENGINE_PREEMPTIONS), '10m')} > 0"
_RISEN: Final = _rise(ENGINE_TOKENS.where(kind="~prompt|completion"), "5m")
_MOVED: Final = f"sum without (kind) (\n{indent(_RISEN)}\n)"
_WORKS: Final = f"{latest(ENGINE_RUNNING.where(), WATCHER_PLACE)} >= 1"
_PAGED: Final = f"{latest(BACKEND_STATE.where(state='~stalled|wedged'), (*WATCHER_PLACE, 'state'))} == 1"
_LARGEST_CONTEXT: Final = f"max without ({_PLACE}) (max_over_time({BACKEND_CONTEXT}[1d]))"

GROUP: Final = Group(
    name="lanewatch-engine",
    rules=found_once(
        "engine",
        Alert(
            name="LanewatchRequestsWait",
            expr=f"{_gauge(ENGINE_WAITING, '10m')} >= {_WAITING}",
            of="lane",
            for_="5m",
            severity="ticket",
            layer="server",
            action="scale_out",
            summary="Requests wait for a lane all the time",
            description=(
                "{{ $value | humanize }} requests waited for lane {{ $labels.lane }} on average over 10 minutes: it "
                f"has more to do than it can. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchKvCacheFull",
            expr=_CACHE_FULL,
            of="lane",
            for_="5m",
            severity="ticket",
            layer="server",
            action="scale_out",
            summary="The KV cache of a lane is full, and requests are thrown out of it",
            description=(
                "{{ $value | humanizePercentage }} of the KV cache of lane {{ $labels.lane }} was in use over 10 "
                "minutes, and requests lost their part of it: each of them is computed anew, which fills it again. "
                f"{_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchRequestsPreempted",
            expr=(
                f"{_rise(str(ENGINE_PREEMPTIONS), '30m')} / ({_FINISHED} > 0) > {_PREEMPTED}\n"
                f"and\n{_rise(str(ENGINE_PREEMPTIONS), '30m')} >= {_FEW}\n"
                f"unless\n(\n{indent(_CACHE_FULL)}\n)"
            ),
            of="lane",
            for_="5m",
            severity="ticket",
            layer="server",
            action="scale_out",
            summary="A lane computes many requests twice",
            description=(
                "Lane {{ $labels.lane }} preempted {{ $value | humanizePercentage }} as many requests as it finished "
                f"within 30 minutes: they lost their KV cache to others and began anew. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchLaneFinishesNothing",
            expr=f"{_WORKS}\nand\n{_MOVED} == 0\nunless on (cluster, lane)\n{_PAGED}",
            of="lane",
            for_=_LONGEST_ANSWER,
            severity="ticket",
            layer="server",
            action="investigate",
            summary="A lane works without a break, and finishes nothing",
            description=(
                "Lane {{ $labels.lane }} has worked for 30 minutes without a break (requests now: "
                "{{ $value | humanize }}), and its engine counted no token. It moves, or it would be stalled: a "
                f"request that does not end holds it. {_ALIASES}"
            ),
        ),
        Alert(
            name="LanewatchContextShrank",
            expr=f"{latest(BACKEND_CONTEXT.where(), WATCHER_PLACE)} < {_LARGEST_CONTEXT}",
            of="lane",
            for_="5m",
            severity="ticket",
            layer="server",
            action="fix_configuration",
            summary="A request of a lane may hold fewer tokens than it could within the last day",
            description=(
                f"A request of lane {{{{ $labels.lane }}}} may hold {WHOLE} tokens, fewer than within the last "
                f"day: longer ones are refused. {_ALIASES}"
            ),
        ),
    ),
)
