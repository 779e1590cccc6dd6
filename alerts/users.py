"""What users got against what they were promised: good and bad events of their own traffic, apart from the probes.

An alias is judged by its gateway. Where no gateway tells, a lane is judged by its engine, by the mildest promise of the
aliases that name it. Promises are those of the configuration; a time that is promised at no known edge of a histogram
is judged at the next one above.
"""

from typing import Final

from alerts.edges import RULER, in_time
from alerts.from_engines_times import LANE_ANSWERS, LANE_SECONDS
from alerts.from_gateway import GATEWAY_REQUESTS, GATEWAY_SECONDS
from alerts.places import ALIAS_POOL, BY_SERVED, LANE_POOL, USERS_POOL
from alerts.promql import WATCHER_PLACE, indent, latest
from alerts.rule import Group, Record
from alerts.slo import WINDOWS, attempt_increase
from exporter.catalogue import ALIAS_INFO, LANE_SERVED_EVENTS, PROBE_SLO_OBJECTIVE, PROBE_SLO_THRESHOLD
from exporter.metric import Metric

PROMISE: Final = "lanewatch:users_promise:seconds"
USERS_BUDGET: Final = "lanewatch:users_budget:ratio"
SECONDS: Final = "lanewatch:users_seconds:increase5m"

BY: Final = f"{BY_SERVED}, slo"
_LABELS: Final = ("alias", "lane", "slo")
_BASE: Final = "5m"
_INTERVAL_SECONDS: Final = 30  # of the group: how often what is summed over longer windows is recorded
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_COVERED: Final = "lanewatch:users_covered:info"  # lanes of which a gateway tells this
_COVERED_NOW: Final = "lanewatch:users_covered_now:info"
_KEPT: Final = "1h"


def bad_increase(window: str) -> str:
    """Return the name of the recorded number of users' bad events within `window`."""
    return f"lanewatch:users_bad:increase{window}"


def event_increase(window: str) -> str:
    """Return the name of the recorded number of users' events within `window`."""
    return f"lanewatch:users_events:increase{window}"


def certain_increase(window: str) -> str:
    """Return the name of the same without the probes that are among them: what the floors are about."""
    return f"lanewatch:users_certain:increase{window}"


def bad_ratio(window: str) -> str:
    """Return the name of the recorded share of users' events that were bad within `window`."""
    return f"lanewatch:users_bad:ratio_rate{window}"


def quantile(name: str) -> str:
    """Return the name of a recorded quantile of users' times, over an hour."""
    return f"lanewatch:users_seconds:{name}_1h"


_LANE_OF_ALIAS: Final = f"max by (cluster, alias, lane) ({ALIAS_INFO.where(lane='~.+')})"


def _of_both(of_alias: str) -> str:
    """Return what is promised of an alias, and the mildest of it as what is promised of its lane."""
    of_lane = f"{of_alias} * on (cluster, alias) group_left (lane) {_LANE_OF_ALIAS}"
    return f"{of_alias}\nor\nmax by (cluster, lane, slo) (\n{indent(of_lane)}\n)"


def _promised(metric: Metric) -> str:
    """Return what the configuration promises of an alias; it holds while the exporter that tells it is away."""
    return f"max by (cluster, alias, slo) (\n{indent(latest(metric.where(), WATCHER_PLACE, back=_KEPT))}\n)"


_PROMISED: Final = (
    Record(name=PROMISE, expr=_of_both(_promised(PROBE_SLO_THRESHOLD)), labels=_LABELS),
    Record(name=USERS_BUDGET, expr=_of_both(f"1 - {_promised(PROBE_SLO_OBJECTIVE)}"), labels=_LABELS),
    Record(
        name=USERS_POOL,
        expr=f"max by (cluster, alias, pool) ({ALIAS_POOL})\nor\nmax by (cluster, lane, pool) ({LANE_POOL})",
        labels=("alias", "lane", "pool"),
    ),
)

_AVAILABILITY: Final = '"slo", "availability", "", ""'
_BY_GATEWAY: Final = (
    f"label_replace(max by (cluster, alias) ({GATEWAY_REQUESTS}), {_AVAILABILITY})\n"
    f"or\nmax by (cluster, alias, slo) ({GATEWAY_SECONDS})"
)
_COVERS: Final = (
    Record(
        name=_COVERED_NOW,
        expr=(
            f"max by (cluster, lane, slo) (\n"
            f"  (\n{indent(_BY_GATEWAY, 4)}\n  ) ^ 0 * on (cluster, alias) group_left (lane) {_LANE_OF_ALIAS}\n)"
        ),
        labels=("lane", "slo"),
    ),
    # Kept, so that a gateway that restarts does not hand its lanes over to their engines and back.
    Record(
        name=_COVERED,
        expr=f"{_COVERED_NOW}\nor\nlast_over_time({_COVERED_NOW}[{_KEPT}])",
        labels=("lane", "slo"),
    ),
)


def _uncovered(of_lane: str) -> str:
    return f"(\n{indent(of_lane)}\n) unless on (cluster, lane, slo) {_COVERED}"


def _answers(results: str, told: str, by: str) -> str:
    return f'label_replace(sum by (cluster, {by}) ({told}{{result=~"{results}"}}), {_AVAILABILITY})'


_ALL: Final = "answered|failed"
_NONE: Final = f"{event_increase(_BASE)} * 0"
_LATE: Final = f"clamp_min({event_increase(_BASE)} - on ({BY}) (\n{indent(in_time(SECONDS, PROMISE, BY))}\n), 0)"
_EVENTS: Final = (
    Record(
        name=SECONDS,
        expr=f"{GATEWAY_SECONDS}\nor\n{_uncovered(LANE_SECONDS)}",
        labels=(*_LABELS, "le"),
    ),
    Record(
        name=event_increase(_BASE),
        expr=(
            f"{_answers(_ALL, GATEWAY_REQUESTS, 'alias')}\n"
            f"or\n{_uncovered(_answers(_ALL, LANE_ANSWERS, 'lane'))}\n"
            f'or\nmax by ({BY}) ({SECONDS}{{le="+Inf"}})'
        ),
        labels=_LABELS,
    ),
    Record(
        name=bad_increase(_BASE),
        expr=(
            f"{_answers('failed', GATEWAY_REQUESTS, 'alias')}\n"
            f"or\n{_uncovered(_answers('failed', LANE_ANSWERS, 'lane'))}\n"
            f"or\n{_LATE}\n"
            f'or\n{event_increase(_BASE)}{{slo="availability"}} * 0'  # a failure that never was has no series
        ),
        labels=_LABELS,
    ),
)


def _sum(name: str, window: str) -> str:
    """Return the number within a longer window; what was not recorded counts as nothing."""
    return f"sum_over_time({name}[{window}]) * {_INTERVAL_SECONDS} / {WINDOWS[_BASE]}"


def _records(window: str) -> tuple[Record, ...]:
    longer = (
        Record(name=event_increase(window), expr=_sum(event_increase(_BASE), window), labels=_LABELS),
        Record(name=bad_increase(window), expr=_sum(bad_increase(_BASE), window), labels=_LABELS),
    )
    ratio = f"{bad_increase(window)} / on ({BY}) ({event_increase(window)} > 0)"
    return (
        *(longer if window != _BASE else ()),
        Record(name=certain_increase(window), expr=_certain(window), labels=_LABELS),
        Record(name=bad_ratio(window), expr=ratio, labels=_LABELS),
    )


def _certain(window: str) -> str:
    """Return the events without our probes, where they are among them; of the gateway's requests they never are."""
    probes = (
        f"sum by (cluster, alias) ({attempt_increase(window)})\n"
        f"or\nsum by (cluster, lane) (increase({LANE_SERVED_EVENTS}[{window}]))"
    )
    whole = f'{event_increase(window)}{{slo=~"first_token|total"}}'
    less = f"{whole} - on ({BY_SERVED}) group_left () (\n{indent(probes)}\n)"
    return f"clamp_min(\n{indent(less)}\n, 0)\nor\n{event_increase(window)}"


_TAIL: Final = tuple(
    Record(
        name=quantile(name),
        expr=f"histogram_quantile({share:g}, sum by ({BY}, le) (sum_over_time({SECONDS}[1h])))",
        labels=_LABELS,
    )
    for name, share in _QUANTILES.items()
)

GROUP: Final = Group(
    name="lanewatch-users",
    rules=(
        RULER,
        *_PROMISED,
        *_COVERS,
        *_EVENTS,
        *(record for window in WINDOWS for record in _records(window)),
        *_TAIL,
    ),
)
