"""Which pool an alias, a lane, a card or a node belongs to: what alerts are routed, grouped and inhibited by.

The watcher knows the pool of a lane, the configuration the lane of an alias, the kubelet the pod on a card. What was
known stays while the alias or the card is there: an outage that hides a lane must not rename the alert that is firing.
"""

from typing import Final

from alerts.promql import bridged, indent
from alerts.rule import Group, Record
from exporter.catalogue import (
    ALIAS_INFO,
    GPU_OWNER_INFO,
    GPU_UP,
    LANE_INFO,
    LANE_POD_INFO,
    LANE_REQUEST_RATIO,
    NODE_BASELINE,
    POOL_STATE_SINCE,
)

LANE_POOL: Final = "lanewatch:lane_pool:info"
POD_POOL: Final = "lanewatch:pod_pool:info"
ALIAS_POOL: Final = "lanewatch:alias_pool:info"
GPU_POOL: Final = "lanewatch:gpu_pool:info"
USERS_POOL: Final = "lanewatch:users_pool:info"
NODE_POOL: Final = "lanewatch:node_pool:info"
HOST: Final = "lanewatch:node_host:info"  # a node that hosts a lane, hosted one, or should: it may be of several pools

# What looks back for half an hour must not lose its pool while the exporter is away for minutes.
_AGO: Final = "1h"
_KEPT: Final = "10m"  # each evaluation says it anew; the rest bridges a Prometheus that restarts

# What is joined must be there once; `by` names all that it is known by, whoever scrapes it.
BY_LANE: Final = "cluster, lane"
BY_ALIAS: Final = "cluster, alias"
BY_SERVED: Final = "cluster, alias, lane"  # of what users ask for: one of alias and lane is there
BY_CARD: Final = "cluster, node, gpu_uuid"
BY_NODE: Final = "cluster, node"
_POD: Final = "cluster, owner_namespace, owner_pod"


def on_a_host(expr: str) -> str:
    """Return `expr`, whose series have `node`, for nodes that host a lane or should: of the others nobody waits."""
    return f"(\n{indent(expr)}\n)\nand on ({BY_NODE}) {HOST}"


def in_pool(expr: str, pools: str, by: str) -> str:
    """Return `expr` with the label `pool` of that one of `pools` which is the same by these labels, where there is."""
    inner = indent(expr)
    return f"(\n{inner}\n) * on ({by}) group_left (pool) {pools}\nor\n(\n{inner}\n) unless on ({by}) {pools}"


def _one_pool(subject: str, name: str, found: str, by: str) -> tuple[Record, Record]:
    """Return the pools of each, and its pool: what is of several is of none, for it would double whatever is joined."""
    labels = (*by.removeprefix("cluster, ").split(", "), "pool")
    pools = Record(
        name=f"lanewatch:{subject}_pools:info", expr=f"max by ({by}, pool) (\n{indent(found)}\n)", labels=labels
    )
    several = f"count by ({by}) ({pools.name}) > 1"
    return pools, Record(name=name, expr=f"{pools.name}\nunless on ({by}) ({several})", labels=labels)


def _known(selector: str, by: str) -> str:
    """Return what is said now, and of whom nothing is said now, what was said last."""
    return f"{selector}\nor\nlast_over_time({selector}[{_AGO}]) unless on ({by}) {selector}"


def _kept(now: Record, name: str, by: str, while_: str) -> Record:
    there = f"and on ({by}) {while_}"
    before = f"last_over_time({name}[{_KEPT}])\n  {there}\n  unless on ({by}) {now.name}"
    return Record(name=name, expr=f"{now.name}\nor\n(\n  {before}\n)", labels=now.labels)


_POD_OF_LANE: Final = (
    f"label_replace(\n{indent(_known(str(LANE_POD_INFO), 'cluster, lane_namespace, owner_pod'))},\n"
    '  "owner_namespace", "$1", "lane_namespace", "(.*)"\n)'
)

_ALIAS_NOW: Final = Record(
    name="lanewatch:alias_pool_now:info",
    expr=f"max by ({BY_ALIAS}, lane) ({ALIAS_INFO}) * on ({BY_LANE}) group_left (pool) {LANE_POOL}",
    labels=("alias", "lane", "pool"),
)
_GPU_POOLS, _GPU_NOW = _one_pool(
    "gpu",
    "lanewatch:gpu_pool_now:info",
    f"max by ({BY_CARD}, owner_namespace, owner_pod) ({GPU_OWNER_INFO})\n* on ({_POD}) group_left (pool) {POD_POOL}",
    BY_CARD,
)

# A node has all checks: of an hour, one is read.
_WAS_NODE: Final = f"last_over_time({NODE_BASELINE.where(check='ready')}[{_AGO}])"
# A parked lane has its share of the only node that it could run on; a unit that is a node is named by it.
_ON_NODES: Final = (
    f"(\n  {bridged(LANE_POD_INFO.where(node='~.+'))}\n  or\n  {bridged(LANE_REQUEST_RATIO.where())}\n  or\n"
    f'  label_replace({bridged(POOL_STATE_SINCE.where(unit="~.+"))}, "node", "$1", "unit", "(.*)")\n)\n'
    f"and on ({BY_NODE}) {bridged(NODE_BASELINE.where())}"
)
_NODE_POOLS, _NODE_NOW = _one_pool("node", "lanewatch:node_pool_now:info", _ON_NODES, BY_NODE)
_HOST_NOW: Final = Record(
    name="lanewatch:node_host_now:info",
    expr=f"max by ({BY_NODE}) ({_NODE_POOLS.name})",
    labels=("node",),
)

GROUP: Final = Group(
    name="lanewatch-places",
    rules=(
        *_one_pool("lane", LANE_POOL, _known(str(LANE_INFO), BY_LANE), BY_LANE),
        *_one_pool("pod", POD_POOL, _POD_OF_LANE, _POD),
        _ALIAS_NOW,
        _GPU_POOLS,
        _GPU_NOW,
        _kept(_ALIAS_NOW, ALIAS_POOL, BY_ALIAS, f"last_over_time({ALIAS_INFO}[{_AGO}])"),
        _kept(_GPU_NOW, GPU_POOL, BY_CARD, f"({GPU_UP} or {GPU_UP} offset {_AGO})"),
        _NODE_POOLS,
        _NODE_NOW,
        _HOST_NOW,
        _kept(_NODE_NOW, NODE_POOL, BY_NODE, _WAS_NODE),
        _kept(_HOST_NOW, HOST, BY_NODE, _WAS_NODE),
    ),
)
