"""What two thousand nodes with GPUs cost the page: first, at rest, after changes, and to hear what their agents say.

Run by hand: `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.nodes`. Milliseconds are of CPU.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from exporter.collectors.headroom import HeadroomCollector
from exporter.collectors.nodes import NodeCollector
from exporter.config_cluster import NodeBaseline, Pool
from exporter.exposition import Collector, Exposition
from exporter.snapshot import Agents, Gpus, NodeView, Snapshot
from exporter.sources.agent_text import read_view
from fakes import reference_cluster as reference
from fakes.reference_node import CARD, page

_NODES: Final = 2000
_AGENTS: Final = 512  # that one round asks
_CARDS: Final = 8
_POOL: Final = Pool(name="llm", labels=reference.POOL_LABELS)


def _fleet() -> Snapshot:
    """Return nodes like the reference, with a lane on each."""
    (info,) = reference.NODES.nodes
    names = [f"n{number:04}" for number in range(_NODES)]
    card = replace(CARD, source="nvml")
    workloads = replace(
        reference.WORKLOADS,
        pods=tuple(replace(reference.POD, name=name, uid=name, node=name) for name in names),
        daemon_pods=tuple(replace(pod, node=name) for name in names for pod in reference.WORKLOADS.daemon_pods),
        loads=dict.fromkeys(names, (reference.WORKLOADS.loads or {})[reference.NODE]),
    )
    return Snapshot(
        node="watcher",
        nodes=replace(reference.NODES, nodes=tuple(replace(info, name=name) for name in names)),
        workloads=workloads,
        agents=Agents(by_node={name: NodeView(node=name, devices=(card,) * _CARDS) for name in names}),
    )


def _heard(snapshot: Snapshot) -> Snapshot:
    """Return the same after a round of agents: what they say of their use has changed."""
    views = dict(snapshot.agents.by_node) if snapshot.agents else {}
    for name in list(views)[:_AGENTS]:
        cards = tuple(replace(card, utilization_ratio=0.5) for card in views[name].devices or ())
        views[name] = replace(views[name], devices=cards)
    return replace(snapshot, agents=Agents(by_node=views))


def _restarted(snapshot: Snapshot) -> Snapshot:
    """Return the same after a pod of one lane has restarted."""
    workloads = snapshot.workloads or reference.WORKLOADS
    first, *others = workloads.pods
    return replace(snapshot, workloads=replace(workloads, pods=(replace(first, restarts=1), *others)))


def _took(what: str, call: Callable[[], object]) -> None:
    began = time.process_time()
    call()
    print(f"{what}: {1e3 * (time.process_time() - began):.1f} ms")


def _drain(collect: Collector, snapshot: Snapshot) -> None:
    deque(collect(snapshot, 0.0), maxlen=0)


def main() -> None:
    """Print what each step costs."""
    first = _fleet()
    heard, restarted = _heard(first), _restarted(_heard(first))
    collectors: dict[str, Collector] = {
        "nodes": NodeCollector(NodeBaseline(), [_POOL]).collect,
        "headroom": HeadroomCollector([_POOL]).collect,
    }
    for step, snapshot in (("first", first), ("at rest", first), ("512 agents", heard), ("a restart", restarted)):
        for name, collect in collectors.items():
            _took(f"{name}, {step}", partial(_drain, collect, snapshot))
    exposition = Exposition(collectors)
    for step in ("first", "at rest"):
        _took(f"page of both, {step}", lambda: exposition.prepare(restarted, 0.0))
    cards = tuple(replace(CARD, uuid=f"GPU-{number}", index=number) for number in range(_CARDS))
    body = page(Snapshot(node="n", gpus=Gpus(source="nvml", devices=cards))).text.plain
    _took(
        f"{_AGENTS} pages of {_CARDS} cards, {len(body)} bytes each",
        lambda: [read_view("n", body) for _ in range(_AGENTS)],
    )


if __name__ == "__main__":
    main()
