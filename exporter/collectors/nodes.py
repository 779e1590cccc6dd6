"""Families of the nodes with GPUs: whether all layers describe the same card, and whether the node is fit to serve.

`NodeCollector` keeps what one snapshot cannot tell: when the kubelet's offer changed, and where a server was ready.
Nothing is judged again while nothing that it is judged by has changed: a fleet has thousands of nodes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.cluster import Workloads
from exporter.collectors.fleet import Filled, families, fill
from exporter.config_agents import AgentsOf
from exporter.config_cluster import NodeBaseline, Pool
from exporter.facts import agreement, baseline, offers
from exporter.facts.agreement import Agreement
from exporter.facts.card_facts import FACTS
from exporter.facts.gpu_nodes import GpuNode, gpu_infos, gpu_nodes
from exporter.facts.membership import pods_of
from exporter.facts.offers import Offers
from exporter.metric import Family, Sample, one_hot
from exporter.snapshot import Agents, Snapshot

_VERDICTS: Final = {True: "passed", False: "failed", None: "unknown"}


@dataclass(frozen=True, slots=True)
class _Judged:
    node: GpuNode
    facts: tuple[Agreement, ...]
    checks: dict[str, bool]

    @property
    def disagreements(self) -> int:
        return sum(one.state == "disagree" for one in self.facts)

    @property
    def failures(self) -> int:
        return sum(not is_passed for is_passed in self.checks.values())


class NodeCollector:
    """Judges every node with GPUs, and remembers what it was like before."""

    def __init__(self, policy: NodeBaseline, pools: Sequence[Pool] = (), agents: AgentsOf | None = None) -> None:
        self._policy = policy
        self._pools = tuple(pools)
        self._agents = agents or AgentsOf()
        self._workloads: Workloads | None = None  # those that `_served` is up to
        self._served: frozenset[str] | None = None
        self._offers: Offers = {}
        self._seen: tuple[object, ...] = ()
        self._known: dict[str, tuple[GpuNode, tuple[Agreement, ...]]] = {}
        self._families: tuple[Family, ...] = ()

    def adopt(self, before: "NodeCollector") -> None:
        """Remember which nodes have served, and what they offered."""
        self._served, self._offers = before._served, before._offers  # noqa: SLF001  # its own kind

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield every family; what the API server does not tell is absent."""
        self._follow_servers(snapshot.workloads)
        seen = (self._served, *_inputs(snapshot))
        if seen != self._seen:
            if snapshot.nodes is not None:
                self._offers = offers.follow(self._offers, gpu_infos(snapshot), now)
            self._families = tuple(self._judge(snapshot))
            self._seen = seen
        yield from self._families

    def _judge(self, snapshot: Snapshot) -> Iterator[Family]:
        around = baseline.surroundings(snapshot, self._policy, self._agents.labels, self._served)
        facts = {node.name: self._agreements(node) for node in gpu_nodes(snapshot)}
        self._known = facts
        judged = [_Judged(node, verdicts, baseline.checks(node, verdicts, around)) for node, verdicts in facts.values()]
        yield from families(_card_families(judged))
        if snapshot.nodes is not None:
            yield from families([_baseline_family(judged), self._offer_family()])
            yield _card_counts(judged)
            yield _baseline_counts(judged)
        if snapshot.agents is not None:
            yield from families([_agent_family(snapshot.agents)])

    def _agreements(self, node: GpuNode) -> tuple[GpuNode, tuple[Agreement, ...]]:
        before = self._known.get(node.name)
        if before is not None and _is_unchanged(before[0], node):
            return node, before[1]
        return node, agreement.agreements(node)

    def _follow_servers(self, workloads: Workloads | None) -> None:
        if workloads is None or workloads is self._workloads:
            return
        self._workloads = workloads
        pods = (pod for pool in self._pools for pod in pods_of(pool, workloads))
        self._served = (self._served or frozenset()) | {pod.node for pod in pods if pod.is_ready and pod.node}

    def _offer_family(self) -> Filled:
        ranked = sorted(self._offers.items(), key=lambda item: (-item[1][1], item[0]))
        return fill(
            c.NODE_ALLOCATABLE_CHANGED,
            ranked,
            lambda item: [c.NODE_ALLOCATABLE_CHANGED.sample(item[1][1], node=item[0][0], resource=item[0][1])],
        )


def _inputs(snapshot: Snapshot) -> tuple[object, ...]:
    """Return everything that the verdicts are made of: equal inputs, equal verdicts. Most pods are not among it."""
    up = tuple(snapshot.sources[name].is_up if name in snapshot.sources else None for name in ("nvml", "claims"))
    workloads = snapshot.workloads
    pods = (workloads.daemon_pods, workloads.loads is None) if workloads else ()
    cards = (snapshot.gpus, snapshot.nvml, snapshot.dcgm, snapshot.xpum)
    return (snapshot.nodes, snapshot.dra, snapshot.agents, pods, cards, up)


def _is_unchanged(before: GpuNode, node: GpuNode) -> bool:
    if before.info is not node.info or before.offered != node.offered:
        return False
    return before.view is node.view or before.identity == node.identity


def _card_families(judged: Sequence[_Judged]) -> Iterator[Filled]:
    ranked = sorted(judged, key=lambda one: (-one.disagreements, one.node.name))
    yield fill(c.NODE_CARD_AGREEMENT, ranked, _agreement_samples)
    yield fill(c.NODE_CARD_VIEW_INFO, ranked, _view_samples)
    yield fill(c.NODE_CARD_ODD_VIEW, [one for one in ranked if one.disagreements], _odd_samples)


def _agreement_samples(one: _Judged) -> Iterator[Sample]:
    for verdict in one.facts:
        yield from one_hot(
            c.NODE_CARD_AGREEMENT,
            agreement.STATES,
            verdict.state,
            label="state",
            node=one.node.name,
            fact=verdict.fact,
        )


def _view_samples(one: _Judged) -> Iterator[Sample]:
    for verdict in one.facts:
        for view, said in verdict.views.items():
            yield c.NODE_CARD_VIEW_INFO.sample(1, node=one.node.name, fact=verdict.fact, view=view, value=said.value)


def _odd_samples(one: _Judged) -> Iterator[Sample]:
    for verdict in one.facts:
        for view in verdict.odd:
            yield c.NODE_CARD_ODD_VIEW.sample(1, node=one.node.name, fact=verdict.fact, view=view)


def _card_counts(judged: Sequence[_Judged]) -> Family:
    counts = Counter((verdict.fact, verdict.state) for one in judged for verdict in one.facts)
    return c.NODE_CARD_NODES.of(
        c.NODE_CARD_NODES.sample(counts[fact, state], fact=fact, state=state)
        for fact in FACTS
        for state in agreement.STATES
    )


def _baseline_family(judged: Sequence[_Judged]) -> Filled:
    ranked = sorted(judged, key=lambda one: (-one.failures, one.node.name))
    return fill(
        c.NODE_BASELINE,
        ranked,
        lambda one: [
            c.NODE_BASELINE.sample(is_passed, node=one.node.name, check=check)
            for check, is_passed in one.checks.items()
        ],
    )


def _baseline_counts(judged: Sequence[_Judged]) -> Family:
    counts = Counter((check, _VERDICTS[one.checks.get(check)]) for one in judged for check in baseline.CHECKS)
    return c.NODE_BASELINE_NODES.of(
        c.NODE_BASELINE_NODES.sample(counts[check, verdict], check=check, verdict=verdict)
        for check in baseline.CHECKS
        for verdict in _VERDICTS.values()
    )


def _agent_family(agents: Agents) -> Filled:
    asked = sorted({*agents.by_node, *agents.silent}, key=lambda node: (node not in agents.silent, node))
    return fill(c.AGENT_UP, asked, lambda node: [c.AGENT_UP.sample(node not in agents.silent, node=node)])
