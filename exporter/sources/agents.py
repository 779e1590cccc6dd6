"""The agents of other nodes, over HTTP: what each says of its cards, so that the watcher need not believe labels only.

Asks in rounds in a task of its own, eight at a time: an agent that hangs costs its own two seconds and nobody's
reading. What an agent said is kept for two intervals after it fell silent, then its cards are not known.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.config_agents import AgentsOf
from exporter.config_cluster import Pool
from exporter.errors import SourceError
from exporter.snapshot import Agents, NodeView, Snapshot
from exporter.sources.agent_access import AgentAccess
from exporter.sources.agent_targets import agent_urls, hosts_of, targets
from exporter.sources.agent_text import read_view
from exporter.sources.fetch import fetch

AT_ONCE: Final = 8
NODES_A_ROUND: Final = 512
DEADLINE_SECONDS: Final = 2.0
_FIRST_ROUND_SECONDS: Final = 4.0  # to wait for, before anything is said; below the poller's deadline
_KEPT_INTERVALS: Final = 2
_SHOWN_OF_A_REASON: Final = 160

Ask = Callable[[str, str], Awaitable[NodeView]]
"""What asks the agent of a node at an address."""


def asking(settings: AgentsOf) -> Ask:
    """Return what asks an agent, and shows it what the settings name."""
    access = AgentAccess(settings)

    async def ask(node: str, url: str) -> NodeView:
        """Return what the agent of `node` says, or raise the `SourceError` that says why it does not."""
        answer = await fetch(url, deadline_seconds=DEADLINE_SECONDS, access=access.now())
        return await asyncio.to_thread(read_view, node, answer.body)

    return ask


@dataclass(frozen=True, slots=True)
class _Heard:
    view: NodeView
    at: float


class AgentsSource:
    """Asks the agents of the nodes that host a lane, or have hosted one: what a lane left behind shows there."""

    def __init__(
        self,
        settings: AgentsOf,
        pools: Sequence[Pool],
        *,
        own: str = "",
        ask: Ask | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._pools = tuple(pools)
        self._own = own
        self._ask = ask or asking(settings)
        self._clock = clock
        self._look: Callable[[], Snapshot] = lambda: Snapshot(node=own)
        self._hosts: frozenset[str] = frozenset()
        self._targets: dict[str, str] = {}
        self._heard: dict[str, _Heard] = {}
        self._silent: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        self._agents: Agents | None = None
        self._round: asyncio.Task[None] | None = None
        self._began_at = -math.inf

    def follow(self, look: Callable[[], Snapshot]) -> None:
        """Find out from these snapshots, from now on, who hosts a lane and where the agents are."""
        self._look = look

    async def read(self) -> Agents:
        """Return what is known, the same object while nothing changed; a round that is due begins."""
        if self._round is not None and self._round.done():
            done, self._round = self._round, None
            done.result()
        if self._round is None and self._clock() - self._began_at >= self._settings.interval_seconds:
            self._choose_targets()
            self._began_at = self._clock()
            self._round = asyncio.create_task(self._ask_round(), name="agents")
        if self._agents is None and self._round is not None:
            await asyncio.wait([self._round], timeout=_FIRST_ROUND_SECONDS)
        return self._publish()

    async def close(self) -> None:
        """End the round that goes on."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait([self._round])

    def _choose_targets(self) -> None:
        """Find out whom to ask; while the API server is not heard, those who were asked before."""
        workloads = self._look().workloads
        if workloads is None:
            self._targets = self._targets or targets(self._settings, self._settings.urls, (), self._own)
            if not self._targets:
                raise SourceError(
                    "absent", "expected to hear from the API server where the agents are, found nothing yet"
                )
            return
        urls = agent_urls(self._settings, workloads.daemon_pods)
        hosts = hosts_of(self._pools, workloads)
        self._hosts = hosts | (self._hosts & urls.keys())
        self._targets = targets(self._settings, urls, self._hosts, self._own)

    async def _ask_round(self) -> None:
        """Ask those who were not asked for longest; who fell silent comes last, and not after the next round is due."""
        due_at = self._began_at + self._settings.interval_seconds
        waiting = iter(self._in_turn())

        async def ask() -> None:
            for node in waiting:
                await self._ask_one(node)
                if self._clock() >= due_at:
                    return

        await asyncio.gather(*(ask() for _ in range(AT_ONCE)))

    def _in_turn(self) -> list[str]:
        turn = sorted(self._targets, key=lambda node: (self._asked_at.get(node, -math.inf), node))[:NODES_A_ROUND]
        return sorted(turn, key=lambda node: node in self._silent)

    async def _ask_one(self, node: str) -> None:
        self._asked_at[node] = self._clock()
        try:
            view = await self._ask(node, _known(self._targets.get(node, "")))
        except SourceError as error:
            self._silent[node] = f"{error.kind}: {error}"[:_SHOWN_OF_A_REASON]
        else:
            self._silent.pop(node, None)
            self._heard[node] = _Heard(view, self._clock())

    def _publish(self) -> Agents:
        """Return what is known of those who are asked, without what is too old."""
        rounds = math.ceil(len(self._targets) / NODES_A_ROUND) or 1
        oldest = self._clock() - _KEPT_INTERVALS * rounds * self._settings.interval_seconds - DEADLINE_SECONDS
        self._heard = {node: one for node, one in self._heard.items() if node in self._targets and one.at >= oldest}
        self._silent = {node: why for node, why in self._silent.items() if node in self._targets}
        self._asked_at = {node: at for node, at in self._asked_at.items() if node in self._targets}
        agents = Agents(by_node={node: one.view for node, one in self._heard.items()}, silent=dict(self._silent))
        if self._agents is None or agents != self._agents:
            self._agents = agents
        return self._agents


def _known(url: str) -> str:
    if not url:
        raise SourceError("absent", "no agent of this node is known")
    return url
