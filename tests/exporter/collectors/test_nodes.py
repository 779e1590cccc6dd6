"""What the page says of nodes with GPUs, what it remembers, and what it leaves out of a fleet."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import pytest

from exporter import catalogue as c
from exporter.cluster import NodeInfo, Workloads
from exporter.collectors.fleet import MOST_SERIES
from exporter.collectors.nodes import NodeCollector
from exporter.config_cluster import NodeBaseline, Pool
from exporter.exposition import SERIES_BUDGET, Exposition
from exporter.metric import Family, Metric
from exporter.snapshot import Agents, Device, Gpus, NodeView, Snapshot
from fakes.reference_cluster import AT, NODE, NODES, POD, POOL_LABELS, WORKLOADS

_POOL: Final = Pool(name="llm", labels=POOL_LABELS)
_SNAPSHOT: Final = Snapshot(node="watcher", nodes=NODES, workloads=WORKLOADS)
_INFO: Final = NODES.nodes[0]
_IDLE: Final = replace(WORKLOADS, pods=())
_CARD: Final = Device(
    uuid="GPU-1", index=0, model="NVIDIA RTX PRO 4000 Blackwell SFF Edition", driver_version="580.95.05"
)

Rows = dict[tuple[str, ...], float]


def collector() -> NodeCollector:
    return NodeCollector(NodeBaseline(), [_POOL])


def rows(families: Iterable[Family], metric: Metric) -> Rows:
    return {one.labels: one.value for family in families if family.metric is metric for one in family.samples}


def fleet(size: int, *, stale: int = 0) -> Snapshot:
    """Return nodes like the reference; the last `stale` of them have labels of another driver."""
    other = {**_INFO.labels, "nvidia.com/cuda.driver-version.full": "570.1"}
    infos = tuple(replace(_INFO, name=f"n{number:04}") for number in range(size))
    ill = tuple(replace(info, labels=other, is_ready=False) for info in infos[size - stale :])
    views = {
        info.name: NodeView(
            node=info.name, devices=(replace(_CARD, source="nvml", driver_version="610.43.02"),), cards={"nvml": 1}
        )
        for info in infos
    }
    nodes = replace(NODES, nodes=infos[: size - stale] + ill)
    return Snapshot(node="watcher", nodes=nodes, workloads=_IDLE, agents=Agents(by_node=views))


def test_each_fact_has_one_state_that_holds_and_each_view_its_word() -> None:
    families = tuple(collector().collect(_SNAPSHOT, AT))
    held = {(fact, state): value for (_, fact, state), value in rows(families, c.NODE_CARD_AGREEMENT).items()}
    assert held["count", "agree"] == 1
    assert held["count", "disagree"] == 0
    assert held["driver", "unknown"] == 1  # the labels alone tell it
    assert (NODE, "driver", "labels", "610.43.02") in rows(families, c.NODE_CARD_VIEW_INFO)
    assert rows(families, c.NODE_CARD_NODES)["count", "agree"] == 1


def test_the_broken_layer_has_a_name() -> None:
    assert rows(collector().collect(fleet(2, stale=1), AT), c.NODE_CARD_ODD_VIEW) == {("n0001", "driver", "labels"): 1}


def test_a_check_that_cannot_be_told_is_absent_and_counted_as_unknown() -> None:
    families = tuple(collector().collect(replace(_SNAPSHOT, workloads=None), AT))
    assert (NODE, "telemetry") not in rows(families, c.NODE_BASELINE)
    assert rows(families, c.NODE_BASELINE_NODES)["telemetry", "unknown"] == 1
    assert rows(families, c.NODE_BASELINE)[NODE, "ready"] == 1


def test_a_node_on_which_a_server_was_ready_has_served_from_then_on() -> None:
    """The lane may be parked, and the API server may be away."""
    nodes = collector()
    served = [
        rows(nodes.collect(replace(_SNAPSHOT, workloads=workloads), AT), c.NODE_BASELINE).get((NODE, "served"))
        for workloads in (None, _IDLE, replace(_IDLE, pods=(replace(POD, is_ready=False),)), WORKLOADS, _IDLE, None)
    ]
    assert served == [None, 0, 0, 1, 1, 1]


def test_the_time_of_an_offer_is_when_it_was_seen_or_changed() -> None:
    """An API server that is away changes nothing."""
    nodes = collector()

    def since(snapshot: Snapshot, now: float) -> float | None:
        return rows(nodes.collect(snapshot, now), c.NODE_ALLOCATABLE_CHANGED).get((NODE, "nvidia.com/gpu"))

    gone = replace(_INFO, allocatable={**_INFO.allocatable, "nvidia.com/gpu": 0.0})
    ill = replace(_SNAPSHOT, nodes=replace(NODES, nodes=(gone,)))
    seen = [since(one, 100.0 * number) for number, one in enumerate((_SNAPSHOT, _SNAPSHOT, ill, ill), start=1)]
    assert seen == [100, 100, 300, 300]
    assert since(replace(ill, nodes=None), 500) is None
    assert since(ill, 600) == 300


def test_an_agent_that_does_not_answer_is_down_though_its_last_word_is_kept() -> None:
    agents = Agents(by_node={"a": NodeView(node="a"), "b": NodeView(node="b")}, silent={"b": "timeout", "c": "refused"})
    assert rows(collector().collect(replace(_SNAPSHOT, agents=agents), AT), c.AGENT_UP) == {
        ("a",): 1,
        ("b",): 0,
        ("c",): 0,
    }


def test_a_node_alone_tells_what_its_own_views_say_and_nothing_of_fitness() -> None:
    """The node agent knows no API server, but it may read DCGM beside NVML."""
    nvml = Gpus(source="nvml", devices=(_CARD,))
    dcgm = Gpus(source="dcgm", devices=(replace(_CARD, driver_version="570.1"),))
    snapshot = Snapshot(node="n", gpus=nvml, nvml=nvml, dcgm=dcgm)
    families = tuple(NodeCollector(NodeBaseline()).collect(snapshot, AT))
    assert rows(families, c.NODE_CARD_AGREEMENT)["n", "driver", "disagree"] == 1
    assert rows(families, c.NODE_CARD_ODD_VIEW) == {("n", "driver", "telemetry"): 1}
    assert not rows(families, c.NODE_BASELINE)
    assert not rows(families, c.NODE_CARD_NODES)


def test_without_nodes_nothing_is_said_of_any() -> None:
    families = tuple(collector().collect(Snapshot(node="watcher"), AT))
    assert not [one for one in families if one.samples and one.metric != c.NODES_LEFT_OUT]


def test_what_is_wrong_has_its_place_in_the_largest_fleet() -> None:
    """The last ten of a thousand nodes are ill: each family shows them, and says how many others it has left out."""
    families = tuple(collector().collect(fleet(1000, stale=10), AT))
    ill = {f"n{number:04}" for number in range(990, 1000)}
    for metric in (c.NODE_CARD_AGREEMENT, c.NODE_CARD_VIEW_INFO, c.NODE_CARD_ODD_VIEW, c.NODE_BASELINE):
        assert ill <= {labels[0] for labels in rows(families, metric)}
        assert len(rows(families, metric)) <= MOST_SERIES
    shown = {labels[0] for labels in rows(families, c.NODE_CARD_AGREEMENT)}
    assert rows(families, c.NODES_LEFT_OUT)[str(c.NODE_CARD_AGREEMENT),] == 1000 - len(shown)
    assert rows(families, c.NODE_CARD_NODES)["driver", "disagree"] == 10
    assert rows(families, c.NODE_BASELINE_NODES)["ready", "failed"] == 10


def test_no_family_is_cut_by_the_page_itself() -> None:
    """There it would be cut by the alphabet."""
    page = Exposition({"nodes": collector().collect}).prepare(fleet(1000), AT)
    assert MOST_SERIES == SERIES_BUDGET
    assert str(c.SERIES_DROPPED) not in page.families


@pytest.mark.parametrize(
    ("changed", "odd"),
    [
        pytest.param({"utilization_ratio": 0.5}, set(), id="what the card does"),
        pytest.param({"driver_version": "570.1"}, {"driver"}, id="its driver"),
        pytest.param({"memory_total_bytes": 1 << 30}, {"memory"}, id="its memory"),
        pytest.param({"model": "NVIDIA L4"}, {"product"}, id="the card"),
        pytest.param({"sharing": "mps"}, {"sharing"}, id="how it is shared"),
    ],
)
def test_a_card_is_judged_again_when_it_is_another(changed: dict[str, object], odd: set[str]) -> None:
    """What an agent says of the work of a card comes anew with each round, and decides nothing."""
    nodes, before = collector(), fleet(1)
    tuple(nodes.collect(before, AT))
    view = (before.agents or Agents()).by_node["n0000"]
    card = replace((view.devices or ())[0], **changed)  # type: ignore[arg-type]  # of one field each
    after = replace(before, agents=Agents(by_node={"n0000": replace(view, devices=(card,))}))
    assert {labels[1] for labels in rows(nodes.collect(after, AT), c.NODE_CARD_ODD_VIEW)} == odd


def test_nothing_is_judged_again_while_nothing_changed() -> None:
    """A heartbeat of a node and a pod that has nothing to do with it change nothing."""
    nodes = collector()
    first = tuple(nodes.collect(_SNAPSHOT, AT))
    same = replace(NODES, nodes=tuple(replace(info) for info in NODES.nodes))
    restarted = replace(WORKLOADS, pods=(replace(POD, restarts=1),))
    again = tuple(nodes.collect(replace(_SNAPSHOT, nodes=same, workloads=restarted), AT + 1))
    assert all(one is other for one, other in zip(first, again, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"nodes": replace(NODES, nodes=(NodeInfo(name=NODE, labels=_INFO.labels),))}, id="the node"),
        pytest.param({"agents": Agents(silent={NODE: "timeout"})}, id="its agent"),
        pytest.param({"workloads": Workloads(loads={})}, id="its pods"),
    ],
)
def test_what_changed_is_judged_again(change: dict[str, object]) -> None:
    nodes = collector()
    first = tuple(nodes.collect(_SNAPSHOT, AT))
    assert first != tuple(nodes.collect(replace(_SNAPSHOT, **change), AT))  # type: ignore[arg-type]  # of one field each
