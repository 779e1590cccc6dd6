"""A fleet in few series: what its page shows is counted and added up here once, not by each browser over all cards.

Every sum first takes each card, lane or alias once, whoever scrapes it. States and reasons that no card has, of which
there are nine to each that one has, are absent. Nothing fires here.
"""

from dataclasses import replace
from typing import Final

from alerts import card, throttle, vram, xid
from alerts.promql import indent
from alerts.rule import Group, Record
from exporter import catalogue as c
from exporter.metric import Metric

_CARD: Final = "cluster, node, gpu_uuid"
_UNIT: Final = "cluster, pool, unit"
_LANE: Final = "cluster, pool, lane_namespace, lane"
_MINUTES: Final = "5m"  # of what is a rate: two scrapes of a minute, and some to miss
_HOUR: Final = "1h"

CARDS: Final = "lanewatch:fleet_gpus:count"
ANSWERING: Final = "lanewatch:fleet_gpus_up:sum"
UNAVAILABLE: Final = "lanewatch:fleet_gpus_unavailable:sum"
OWNERSHIP: Final = "lanewatch:fleet_gpu_ownership:sum"
IDLE: Final = "lanewatch:fleet_gpus_owned_idle:sum_rate5m"
THROTTLED: Final = "lanewatch:fleet_gpus_throttled:sum_share10m"
XIDS: Final = "lanewatch:fleet_xid_errors:sum_increase1h"
MEMORY_TOTAL: Final = "lanewatch:fleet_memory_total_bytes:sum"
MEMORY_USED: Final = "lanewatch:fleet_memory_used_bytes:sum"
POWER: Final = "lanewatch:fleet_power_watts:sum"
POWER_LIMIT: Final = "lanewatch:fleet_power_limit_watts:sum"
HOTTEST: Final = "lanewatch:fleet_temperature_celsius:max"
POOLS: Final = "lanewatch:fleet_pools:sum"
PODS: Final = "lanewatch:fleet_lane_pods:sum"
RESTARTS: Final = "lanewatch:fleet_lane_restarts:sum_increase1h"
EVENTS: Final = "lanewatch:fleet_lane_events:sum_increase1h"
WAITING: Final = "lanewatch:fleet_requests_waiting:sum"
RUNNING: Final = "lanewatch:fleet_requests_running:sum"
ALIASES: Final = "lanewatch:fleet_aliases:sum"
EXPORTERS: Final = "lanewatch:fleet_exporters:count"
SOURCES_DOWN: Final = "lanewatch:fleet_sources_down:count"


def _once(metric: Metric | str, by: str) -> str:
    return f"max by ({by}) ({metric})"


def _sum(name: str, metric: Metric | str, by: str, *labels: str) -> Record:
    kept, every = ", ".join(("cluster", *labels)), ", ".join((by, *labels))
    return Record(name=name, expr=f"sum by ({kept}) (\n  {_once(metric, every)}\n)", labels=labels)


def _count(name: str, metric: Metric | str, by: str, *labels: str) -> Record:
    kept, every = ", ".join(("cluster", *labels)), ", ".join((by, *labels))
    return Record(name=name, expr=f"count by ({kept}) (\n  {_once(metric, every)}\n)", labels=labels)


def _rate(metric: Metric) -> str:
    return f"rate({metric}[{_MINUTES}])"


def _increase(metric: Metric) -> str:
    return f"increase({metric}[{_HOUR}])"


def _or_none(record: Record, known: str) -> Record:
    """Return `record` with 0 for the one of `known`, wherever such a thing is counted; the others when they come."""
    kept = ", ".join(("cluster", *record.labels))
    return replace(record, expr=f"{record.expr}\nor\nmax by ({kept}) ({known}) * 0")


def _as(series: str, label: str, value: str) -> str:
    return f'label_replace({series}, "{label}", "{value}", "", "")'


_READ: Final = c.SOURCE_UP.where(source="~nvml|simulated")  # drivers that are read, by whom this is counted
_NEW_XIDS: Final = f"sum by (cluster, class) (\n{indent(xid.XIDS.grew(_HOUR))}\n)"

_ALL: Final = f"sum by (cluster) ({CARDS})"
_LOST: Final = f"count by (cluster) ({card.LOST_NOW.name})"

_CARDS: Final = (
    _count(CARDS, c.GPU_INFO, _CARD, "model"),
    Record(name=ANSWERING, expr=f"{_ALL}\n- (\n  {_LOST}\n  or\n  {_ALL} * 0\n)", labels=()),
    _or_none(_sum(UNAVAILABLE, card.WHY.name, _CARD, "reason"), _as(CARDS, "reason", "lost")),
    _sum(OWNERSHIP, vram.OWNERSHIP.name, _CARD, "state"),
    _sum(IDLE, _rate(c.GPU_OWNED_IDLE), _CARD),
    _or_none(_sum(THROTTLED, throttle.SHARE.name, _CARD, "reason"), _as(_READ, "reason", "power_cap")),
    _or_none(Record(name=XIDS, expr=_NEW_XIDS, labels=("class",)), _as(_READ, "class", "hardware")),
    _sum(MEMORY_TOTAL, c.GPU_MEMORY_TOTAL, _CARD),
    _sum(MEMORY_USED, c.GPU_MEMORY_USED, _CARD),
    _sum(POWER, c.GPU_POWER, _CARD),
    _sum(POWER_LIMIT, c.GPU_POWER_LIMIT, _CARD),
    Record(name=HOTTEST, expr=f"max by (cluster, sensor) ({c.GPU_TEMPERATURE})", labels=("sensor",)),
)
_LANES: Final = (
    _sum(POOLS, c.POOL_STATE, _UNIT, "state"),
    _sum(PODS, c.LANE_PODS, _LANE, "phase"),
    _sum(RESTARTS, _increase(c.LANE_RESTARTS), _LANE),
    _sum(EVENTS, _increase(c.LANE_EVENTS), _LANE, "event"),
    _sum(WAITING, c.ENGINE_WAITING, "cluster, lane"),
    _sum(RUNNING, c.ENGINE_RUNNING, "cluster, lane"),
    _sum(ALIASES, c.ALIAS_ROOT_CAUSE, "cluster, alias", "cause"),
)
_EXPORTERS: Final = (
    _count(EXPORTERS, c.BUILD_INFO, "cluster, instance", "role", "version"),
    _count(SOURCES_DOWN, f"{c.SOURCE_UP} == 0", "cluster, instance", "source"),
)

GROUP: Final = Group(name="lanewatch-fleet", interval="1m", rules=(*_CARDS, *_LANES, *_EXPORTERS))
