"""What the page says of requests and of room, and what it remembers of the size of nodes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from exporter import catalogue as c
from exporter.cluster import NodeInfo
from exporter.collectors.fleet import MOST_SERIES
from exporter.collectors.headroom import HeadroomCollector
from exporter.config_cluster import Pool
from exporter.metric import Family, Metric
from exporter.snapshot import Snapshot
from fakes.reference_cluster import AT, LANES, NODE, NODES, POD, POOL_LABELS, WORKLOADS

_POOL: Final = Pool(name="llm", labels=POOL_LABELS)
_SNAPSHOT: Final = Snapshot(node="watcher", nodes=NODES, workloads=WORKLOADS)
_INFO: Final = NODES.nodes[0]
_FAST: Final = ("llm", "vllm", LANES[0], NODE, "cpu")


def collector() -> HeadroomCollector:
    return HeadroomCollector([_POOL])


def rows(families: Iterable[Family], metric: Metric) -> dict[tuple[str, ...], float]:
    return {one.labels: one.value for family in families if family.metric is metric for one in family.samples}


def grown(cores: float) -> Snapshot:
    info = replace(_INFO, allocatable={**_INFO.allocatable, "cpu": cores})
    return replace(_SNAPSHOT, nodes=replace(NODES, nodes=(info,)))


def spec(snapshot: Snapshot, generation: int, cpu: float) -> Snapshot:
    """Return the same with another spec of the fast lane, which its pod has by now."""
    requests = {**POD.requests, "cpu": cpu}
    first, *others = WORKLOADS.controllers
    lane = replace(first, generation=generation, requests=requests)
    pods = (replace(POD, requests=requests),)
    return replace(snapshot, workloads=replace(WORKLOADS, controllers=(lane, *others), pods=pods))


def test_the_reference_node_on_the_page() -> None:
    families = tuple(collector().collect(_SNAPSHOT, AT))
    assert rows(families, c.NODE_CPU)[NODE, "lanes"] == 10
    assert sum(rows(families, c.NODE_CPU).values()) == 15
    assert rows(families, c.NODE_GPUS)[NODE, "nvidia.com/gpu", "lanes"] == 1
    assert rows(families, c.NODE_CAPACITY_CORES) == {(NODE,): 16}
    assert rows(families, c.NODE_CAPACITY_GPUS) == {
        (NODE, "nvidia.com/gpu", "capacity"): 1,
        (NODE, "nvidia.com/gpu", "allocatable"): 1,
    }
    assert rows(families, c.LANE_REQUEST_RATIO)[_FAST] == 10 / 15
    assert rows(families, c.LANE_REQUEST_DRIFT)[_FAST] == 0


def test_the_share_drifts_when_the_node_grows_and_not_when_the_lane_is_told() -> None:
    """10 of 15 cores, then 10 of 30: the lane has a third of the node less until somebody touches its spec."""
    headroom = collector()
    steps = [_SNAPSHOT, grown(30), spec(grown(30), 1, 12), spec(grown(30), 2, 20), spec(grown(30), 2, 20)]
    drifts = [round(rows(headroom.collect(one, AT), c.LANE_REQUEST_DRIFT)[_FAST], 6) for one in steps]
    assert drifts == [0, round(10 / 30 - 10 / 15, 6), round(12 / 30 - 12 / 15, 6), 0, 0]


def test_an_api_server_that_is_away_forgets_no_size() -> None:
    headroom = collector()
    tuple(headroom.collect(_SNAPSHOT, AT))
    assert not rows(headroom.collect(replace(grown(30), workloads=None), AT), c.LANE_REQUEST_DRIFT)
    assert rows(headroom.collect(grown(30), AT), c.LANE_REQUEST_DRIFT)[_FAST] < 0


def test_what_is_not_known_is_absent() -> None:
    """Without every pod in sight nothing is free; the size of a node is known all the same."""
    unseen = tuple(collector().collect(replace(_SNAPSHOT, workloads=replace(WORKLOADS, loads=None)), AT))
    assert not rows(unseen, c.NODE_CPU)
    assert rows(unseen, c.NODE_CAPACITY_CORES) == {(NODE,): 16}
    assert not tuple(collector().collect(replace(_SNAPSHOT, nodes=None), AT))


def test_a_node_without_gpus_is_nobody_s_business() -> None:
    plain = NodeInfo(name="cpu-1", capacity={"cpu": 8.0}, allocatable={"cpu": 8.0})
    snapshot = replace(_SNAPSHOT, nodes=replace(NODES, nodes=(plain, _INFO)))
    assert {labels[0] for labels in rows(collector().collect(snapshot, AT), c.NODE_CPU)} == {NODE}


def test_the_nodes_of_lanes_have_their_place_in_the_largest_fleet() -> None:
    others = tuple(replace(_INFO, name=f"a{number:04}") for number in range(1500))
    snapshot = replace(_SNAPSHOT, nodes=replace(NODES, nodes=(*others, _INFO)))
    families = tuple(collector().collect(snapshot, AT))
    assert (NODE, "lanes") in rows(families, c.NODE_CPU)
    assert len(rows(families, c.NODE_CPU)) == MOST_SERIES
    assert rows(families, c.NODES_LEFT_OUT)[str(c.NODE_CPU),] == 1501 - MOST_SERIES / 4


def test_nothing_is_added_up_again_while_no_sum_changed() -> None:
    """A pod that restarts requests what it requested before, and a heartbeat of a node changes nothing."""
    headroom = collector()
    first = tuple(headroom.collect(_SNAPSHOT, AT))
    workloads = replace(WORKLOADS, pods=(replace(POD, restarts=1),), loads=dict(WORKLOADS.loads or {}))
    same = replace(NODES, nodes=(replace(_INFO),))
    again = tuple(headroom.collect(replace(_SNAPSHOT, nodes=same, workloads=workloads), AT + 1))
    assert all(one is other for one, other in zip(first, again, strict=True))
