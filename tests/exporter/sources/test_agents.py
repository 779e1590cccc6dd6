"""The agents of other nodes are asked in rounds, and one that fails costs nobody else anything."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from exporter.cluster import DaemonPod, Pod, Workloads
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Pool
from exporter.errors import SourceError
from exporter.facts.node_views import own_view
from exporter.poll import Poller, Schedule
from exporter.snapshot import Agents, NodeView, Snapshot
from exporter.sources.agents import AT_ONCE, DEADLINE_SECONDS, NODES_A_ROUND, AgentsSource
from fakes import reference_node
from fakes.metrics_server import answering, head

_POOL: Final = Pool(name="llm", labels={"gpu-llm": "true"})
_INTERVAL: Final = 15.0


@dataclass
class Fleet:
    """Agents that answer at once, but those of `ill`; and the time, which passes when it is told to."""

    ill: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    now: float = 0.0
    seconds_each: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    async def ask(self, node: str, url: str) -> NodeView:
        self.asked.append(node)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.now += self.seconds_each
        if node in self.ill:
            raise SourceError("timeout", f"{url}: expected an answer within 2 s, found none that was whole")
        return NodeView(node=node)

    def source(self, settings: AgentsOf | None = None, own: str = "") -> AgentsSource:
        return AgentsSource(settings or AgentsOf(), [_POOL], own=own, ask=self.ask, clock=lambda: self.now)


def world(hosts: Iterable[str], agents: Iterable[str]) -> Snapshot:
    """Return a cluster with a lane on each of `hosts` and an agent on each of `agents`."""
    pods = [
        Pod(namespace="n", name=host, uid=host, lane=host, phase="Running", node=host, labels=_POOL.labels)
        for host in hosts
    ]
    daemons = [
        DaemonPod(
            namespace="n",
            name=node,
            daemon="lanewatch",
            node=node,
            is_ready=True,
            address=f"10.{number >> 8}.{number & 255}.1",
            labels=AgentsOf().labels,
        )
        for number, node in enumerate(agents)
    ]
    return Snapshot(node="w", workloads=Workloads(pods=tuple(pods), daemon_pods=tuple(daemons)))


async def settled(source: AgentsSource) -> Agents:
    """Read, let the round that this began come to its end, and read what it brought."""
    await source.read()
    if rounds := [task for task in asyncio.all_tasks() if task.get_name() == "agents"]:
        await asyncio.wait(rounds)
    return await source.read()


def test_the_agents_of_nodes_with_lanes_are_asked_and_no_others() -> None:
    fleet = Fleet()

    async def go() -> Agents:
        source = fleet.source(own="w")
        source.follow(lambda: world(["a", "w", "c"], ["a", "b", "w"]))
        return await settled(source)

    agents = asyncio.run(go())
    assert sorted(fleet.asked) == ["a"]
    assert set(agents.by_node) == {"a"}
    assert agents.silent == {"c": "absent: no agent of this node is known"}


def test_a_node_that_hosted_a_lane_is_asked_on() -> None:
    """Memory that a lane left behind shows there, and nowhere else."""
    fleet = Fleet()

    async def go() -> None:
        source = fleet.source()
        for hosts in (["a"], ["b"], []):
            source.follow(lambda hosts=hosts: world(hosts, ["a", "b"]))  # type: ignore[misc]  # of this turn of the loop
            await settled(source)
            fleet.now += _INTERVAL

    asyncio.run(go())
    assert sorted(fleet.asked) == ["a", "a", "a", "b", "b"]


def test_a_silent_agent_says_why_at_once_and_its_cards_are_forgotten_after_two_intervals() -> None:
    fleet = Fleet()
    seen: list[tuple[float, bool, bool]] = []

    async def go() -> Agents:
        source = fleet.source()
        source.follow(lambda: world(["a", "b"], ["a", "b"]))
        agents = await settled(source)
        fleet.ill = {"a"}
        for _ in range(4):
            fleet.now += _INTERVAL
            agents = await settled(source)
            seen.append((fleet.now, "a" in agents.by_node, "a" in agents.silent))
        fleet.ill = set()
        fleet.now += _INTERVAL
        assert set((await settled(source)).by_node) == {"a", "b"}
        return agents

    agents = asyncio.run(go())
    assert seen == [(15, True, True), (30, True, True), (45, False, True), (60, False, True)]
    assert set(agents.by_node) == {"b"}
    assert agents.silent["a"].startswith("timeout: http://10.0.0.1:19840/metrics: expected an answer")


def test_a_page_that_did_not_change_is_the_same_object() -> None:
    fleet = Fleet()

    async def go() -> tuple[Agents, Agents]:
        source = fleet.source()
        source.follow(lambda: world(["a"], ["a"]))
        return await settled(source), await source.read()

    first, again = asyncio.run(go())
    assert first is again


def test_no_more_than_eight_are_asked_at_once() -> None:
    fleet = Fleet()

    async def go() -> None:
        source = fleet.source(AgentsOf(read="all"))
        source.follow(lambda: world([], [f"n{number}" for number in range(40)]))
        await settled(source)

    asyncio.run(go())
    assert len(fleet.asked) == 40
    assert fleet.most_at_once == AT_ONCE


def test_a_fleet_is_asked_in_turns_and_nobody_is_forgotten_between_two() -> None:
    """1,200 nodes take three rounds; what each said is kept as long as the turns take."""
    fleet = Fleet()
    names = [f"n{number:04}" for number in range(1200)]

    async def go() -> list[int]:
        source = fleet.source(AgentsOf(read="all"))
        source.follow(lambda: world([], names))
        known = []
        for _ in range(9):
            known.append(len((await settled(source)).by_node))
            fleet.now += _INTERVAL
        return known

    known = asyncio.run(go())
    assert known == [NODES_A_ROUND, 2 * NODES_A_ROUND, *[1200] * 7]
    assert min(Counter(fleet.asked).values()) == 9 // 3


def test_agents_that_hang_do_not_keep_the_others_from_their_turn() -> None:
    """A hundred that cost two seconds each are asked after the others, and only until the next round is due."""
    fleet = Fleet()
    names = [f"n{number:03}" for number in range(200)]

    async def go() -> Agents:
        source = fleet.source(AgentsOf(read="all"))
        source.follow(lambda: world([], names))
        await settled(source)
        fleet.ill, fleet.seconds_each = set(names[:100]), 0.0
        fleet.now += _INTERVAL
        await settled(source)
        fleet.asked.clear()
        fleet.now += _INTERVAL
        fleet.seconds_each = DEADLINE_SECONDS / AT_ONCE
        return await settled(source)

    agents = asyncio.run(go())
    assert set(fleet.asked[:50]) <= set(names[100:])
    assert len(fleet.asked) <= (_INTERVAL + DEADLINE_SECONDS) * AT_ONCE / DEADLINE_SECONDS + AT_ONCE
    assert set(names[100:]) <= set(agents.by_node)


def test_without_the_api_server_those_are_asked_who_were_asked_before() -> None:
    """Its agents still tell of the cards while the API server restarts."""
    fleet = Fleet()
    there = world(["a"], ["a"])

    async def go() -> Agents:
        source = fleet.source()
        with pytest.raises(SourceError, match="expected to hear from the API server"):
            await source.read()
        source.follow(lambda: there)
        await settled(source)
        source.follow(lambda: replace(there, workloads=None))
        fleet.now += _INTERVAL
        return await settled(source)

    assert set(asyncio.run(go()).by_node) == {"a"}
    assert fleet.asked == ["a", "a"]


def test_what_nobody_foresaw_is_told_and_the_next_round_begins() -> None:
    def ask(_node: str, _url: str) -> Awaitable[NodeView]:
        raise ZeroDivisionError

    async def go() -> None:
        now = [0.0]
        source = AgentsSource(AgentsOf(), [_POOL], ask=ask, clock=lambda: now[0])
        source.follow(lambda: world(["a"], ["a"]))
        await source.read()
        with pytest.raises(ZeroDivisionError):
            await source.read()
        now[0] += _INTERVAL
        await source.read()
        await source.close()

    asyncio.run(go())


def test_over_http_an_agent_s_page_is_its_node_s_own_word() -> None:
    """Two agents answer, one of them for another node, one says HTML and nobody listens for the last."""
    page = reference_node.page().text.plain

    async def go() -> Agents:
        async with (
            answering([head(), page]) as good,
            answering([head(), page]) as other,
            answering([head(kind="text/html"), b"<html>"]) as html,
        ):
            urls = {"gpu-worker-1": good, "b": other, "c": html, "d": "http://127.0.0.1:1/metrics"}
            source = AgentsSource(AgentsOf(urls=urls), [_POOL])
            schedule = Schedule(
                name="agents", source=source, slot="agents", part=Agents, interval_seconds=1, deadline_seconds=5
            )
            poller = Poller(Snapshot(node="w"), [schedule])
            await poller.read_once(schedule)
            await source.close()
            assert poller.snapshot.sources["agents"].is_up
            return poller.snapshot.agents or Agents()

    agents = asyncio.run(go())
    assert list(agents.by_node) == ["gpu-worker-1"]
    assert agents.by_node["gpu-worker-1"].memory_parts == own_view(reference_node.SNAPSHOT).memory_parts
    assert {node: why.partition(":")[0] for node, why in agents.silent.items()} == {
        "b": "bad_answer",
        "c": "bad_answer",
        "d": "refused",
    }
