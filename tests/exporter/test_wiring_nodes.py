"""Nodes, headroom and agents as they are wired, role by role."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

import pytest

from exporter import catalogue as c
from exporter.config import Config, Kubelet, Nvml, Role
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Kubernetes
from exporter.config_exporters import Dcgm
from exporter.exposition import Exposition
from exporter.poll import Poller
from exporter.snapshot import Snapshot
from exporter.wired import Wiring
from exporter.wiring import wire_sources
from fakes import reference_cluster, reference_node
from fakes.metrics_server import answering, head

_BARE: Final = Config(
    node="watcher",
    nvml=Nvml(enabled=False),
    kubelet=Kubelet(enabled=False),
    kubernetes=Kubernetes(enabled=False),
)
T = TypeVar("T")


def wired(config: Config, role: Role, look: Callable[[Wiring], Awaitable[T]]) -> T:
    async def go() -> T:
        async with contextlib.AsyncExitStack() as stack:
            return await look(await wire_sources(config, role, stack))

    return asyncio.run(go())


def _with(config: Config, **parts: object) -> Config:
    return Config(**{**{name: getattr(config, name) for name in Config.__struct_fields__}, **parts})


async def _names(wiring: Wiring) -> tuple[set[str], set[str]]:
    return {schedule.name for schedule in wiring.schedules}, set(wiring.collectors)


@pytest.mark.parametrize(
    ("config", "role", "agents", "nodes", "headroom"),
    [
        pytest.param(_BARE, "node", False, False, False, id="a node agent with one view of its cards"),
        pytest.param(
            _with(_BARE, dcgm=Dcgm(url="http://127.0.0.1:1/metrics")),
            "node",
            False,
            True,
            False,
            id="a node agent with two",
        ),
        pytest.param(_BARE, "cluster", False, True, True, id="a watcher that cannot find any agent"),
        pytest.param(
            _with(_BARE, agents=AgentsOf(urls={"n": "http://127.0.0.1:1/metrics"})),
            "cluster",
            True,
            True,
            True,
            id="a watcher that was told where an agent is",
        ),
        pytest.param(
            _with(_BARE, agents=AgentsOf(enabled=False, urls={"n": "http://127.0.0.1:1/metrics"})),
            "all",
            False,
            True,
            True,
            id="a watcher that must not ask agents",
        ),
    ],
)
def test_each_role_has_what_it_can_know(config: Config, role: Role, agents: bool, nodes: bool, headroom: bool) -> None:  # noqa: FBT001  # columns of a table
    schedules, collectors = wired(config, role, _names)
    assert ("agents" in schedules, "nodes" in collectors, "headroom" in collectors) == (agents, nodes, headroom)


def test_the_watcher_says_what_an_agent_told_of_its_card() -> None:
    """From an agent's page over HTTP to the verdict: the labels are of before a driver's update, the card is not."""
    page = reference_node.page().text.plain
    stale = {**reference_cluster.NODES.nodes[0].labels, "nvidia.com/cuda.driver-version.full": "580.95.05"}
    nodes = replace(reference_cluster.NODES, nodes=(replace(reference_cluster.NODES.nodes[0], labels=stale),))
    first = Snapshot(node="watcher", workloads=reference_cluster.WORKLOADS, nodes=nodes)

    async def go() -> dict[tuple[str, ...], float]:
        async with answering([head(), page]) as url, contextlib.AsyncExitStack() as stack:
            config = _with(_BARE, agents=AgentsOf(urls={reference_cluster.NODE: url}))
            wiring = await wire_sources(config, "cluster", stack)
            poller = Poller(first, wiring.schedules)
            for follow in wiring.followers:
                follow(lambda: poller.snapshot)
            (schedule,) = [one for one in wiring.schedules if one.name == "agents"]
            await poller.read_once(schedule)
            families = Exposition(wiring.collectors).prepare(poller.snapshot, 0.0).families
            told = (*families[str(c.NODE_CARD_ODD_VIEW)].samples, *families[str(c.AGENT_UP)].samples)
            return {sample.labels: sample.value for sample in told}

    assert asyncio.run(go()) == {(reference_cluster.NODE, "driver", "labels"): 1, (reference_cluster.NODE,): 1}


def test_this_node_s_own_agent_is_not_asked() -> None:
    async def go(wiring: Wiring) -> tuple[int, int]:
        (schedule,) = [one for one in wiring.schedules if one.name == "agents"]
        poller = Poller(Snapshot(node="watcher"), [schedule])
        await poller.read_once(schedule)
        agents = poller.snapshot.agents
        return (len(agents.by_node), len(agents.silent)) if agents else (0, 0)

    config = _with(_BARE, agents=AgentsOf(urls={"watcher": "http://127.0.0.1:1/", "other": "http://127.0.0.1:1/"}))
    assert wired(config, "all", go) == (0, 1)
    assert wired(config, "cluster", go) == (0, 2)
