"""What runs where lanes, nodes and agents are watched; the modules that load `kubernetes` are imported only there."""

import asyncio
import contextlib
from typing import Final

from exporter.cluster import Dra, Events, Nodes, Workloads
from exporter.collectors.headroom import HeadroomCollector
from exporter.collectors.lane_events import LaneEventCollector
from exporter.collectors.lanes import LaneCollector
from exporter.collectors.nodes import NodeCollector
from exporter.collectors.ownership import collect_claims
from exporter.collectors.starts import StartCollector
from exporter.config import Config, Role, node_name
from exporter.snapshot import Agents
from exporter.wired import Wiring, schedule

_CLAIMS_INTERVAL: Final = 5.0  # a cluster without DRA has an error each time


def wire_cluster(config: Config, role: Role, stack: contextlib.AsyncExitStack) -> Wiring:
    """Return what watches the cluster, and what is concluded of it."""
    wiring = wire_lanes(config) | wire_fleet(config) | _wire_agents(config, role, stack)
    return wiring | _wire_kubernetes(config, stack) if config.kubernetes.enabled else wiring


def wire_lanes(config: Config) -> Wiring:
    """Wire what is concluded of the lanes: how they are, how they started, and what happened to them."""
    lanes = LaneCollector(config.pools, config.kubernetes.annotations)
    starts, events = StartCollector(config.pools), LaneEventCollector(config.pools)
    return Wiring(
        collectors={"lanes": lanes.collect, "starts": starts.collect, "lane_events": events.collect},
        memories={"lanes": lanes, "starts": starts, "lane_events": events},
    )


def _wire_kubernetes(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    """Wire what watches the API server: one way there, and for each source a standing of its own."""
    from exporter.sources.claims import ClaimsSource  # noqa: PLC0415
    from exporter.sources.following import api_of, stop_all  # noqa: PLC0415
    from exporter.sources.kubernetes import EventsSource, KubernetesSource, NodesSource  # noqa: PLC0415

    settings = config.kubernetes
    api = api_of(settings)
    workloads = KubernetesSource(config, api)
    nodes = [NodesSource(config, api)] if settings.nodes else []
    events = [EventsSource(config, api)] if settings.events else []
    claims = [ClaimsSource(settings, api)] if settings.claims else []
    # on threads: what hangs is waited for, and meanwhile others are answered or end too
    for one in claims:
        stack.push_async_callback(asyncio.to_thread, one.stop)
    stack.push_async_callback(lambda: asyncio.to_thread(stop_all, [workloads, *nodes, *events]))
    return Wiring(
        schedules=(
            schedule("kubernetes", workloads, Workloads),
            *(schedule("nodes", one, Nodes) for one in nodes),
            *(schedule("events", one, Events) for one in events),
            *(schedule("claims", one, Dra, every=_CLAIMS_INTERVAL) for one in claims),
        ),
        collectors={"claims": collect_claims},
    )


def wire_fleet(config: Config) -> Wiring:
    """Wire what is concluded of the nodes with GPUs."""
    nodes, headroom = NodeCollector(config.node_baseline, config.pools, config.agents), HeadroomCollector(config.pools)
    return Wiring(
        collectors={"nodes": nodes.collect, "headroom": headroom.collect},
        memories={"nodes": nodes, "headroom": headroom},
    )


def _wire_agents(config: Config, role: Role, stack: contextlib.AsyncExitStack) -> Wiring:
    """Wire the agents of other nodes; this node's own sources are nearer than its agent."""
    settings = config.agents
    if not settings.enabled or not (config.kubernetes.enabled or settings.urls):
        return Wiring()
    from exporter.sources.agents import AgentsSource  # noqa: PLC0415

    source = AgentsSource(settings, config.pools, own=node_name(config) if role == "all" else "")
    stack.push_async_callback(source.close)
    return Wiring(schedules=(schedule("agents", source, Agents),), followers=(source.follow,))
