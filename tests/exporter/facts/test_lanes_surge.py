"""Whether the next roll-out of a lane will hang, told while it is well."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.cluster import Controller, NodeInfo, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.roll import call_roll
from exporter.facts.sight import look
from exporter.facts.surge import deadlocks
from fakes.pool_world import GPU, LABELS, POOL, lane, node, pod, seen

FAST = pod("fast")
LANE = lane("fast", strategy="RollingUpdate", max_surge=1)
PARKED = replace(LANE, desired_replicas=0)
TAKEN = {"n1": {"lanes": GPU}}
ONE, TWO = [node()], [node(gpus=2)]
EACH = Pool(name="gpu-llm", labels=LABELS, each="device")


def foretell(
    one: Controller,
    nodes: list[NodeInfo] | None,
    loads: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
    pods: tuple[Pod, ...] = (FAST,),
    pool: Pool = POOL,
) -> bool | None:
    snapshot = seen(Workloads(pods=pods, controllers=(one,), loads=loads), nodes=nodes)  # type: ignore[arg-type]  # parts are words
    sight = look(snapshot)
    roll = call_roll(pool, sight.workloads, sight.nodes)
    assert roll is not None
    return deadlocks(pool, roll, sight).get(("vllm", "fast"))


@pytest.mark.parametrize(
    ("one", "nodes", "loads", "hangs"),
    [
        pytest.param(LANE, ONE, TAKEN, True, id="one card"),
        pytest.param(LANE, TWO, TAKEN, False, id="a second card is free"),
        pytest.param(LANE, TWO, {"n1": {"lanes": GPU, "others": GPU}}, True, id="the second card is another's"),
        pytest.param(LANE, [node(), node("n2")], TAKEN, False, id="a second node is free"),
        pytest.param(LANE, [node(), node("n2", is_ready=False)], TAKEN, True, id="the second node is not ready"),
        pytest.param(LANE, [node(), node("n2", is_unschedulable=True)], TAKEN, True, id="the second node is cordoned"),
        pytest.param(
            replace(LANE, requests={"nvidia.com/gpu": 2.0}),
            [node(gpus=2), node("n2"), node("n3")],
            {"n1": {"lanes": {"nvidia.com/gpu": 2.0}}},
            True,
            id="two cards are free, on two nodes",
        ),
        pytest.param(lane("fast"), ONE, TAKEN, False, id="the old pod ends first"),
        pytest.param(replace(LANE, max_surge=0), ONE, TAKEN, False, id="no pod beyond those wanted"),
        pytest.param(replace(LANE, max_unavailable=1), ONE, TAKEN, False, id="the old pod may end before the new"),
        pytest.param(replace(LANE, requests={"cpu": 1.0}), ONE, TAKEN, None, id="it asks for no GPU"),
        pytest.param(LANE, None, TAKEN, True, id="the nodes are not known: the pool is for one card"),
        pytest.param(LANE, TWO, None, True, id="not all pods are seen: the pool is for one card"),
        pytest.param(replace(LANE, requests={}, has_claims=True), TWO, TAKEN, True, id="claims"),
    ],
)
def test_of_a_lane_that_runs(
    one: Controller, nodes: list[NodeInfo] | None, loads: Mapping[str, Mapping[str, Mapping[str, float]]], hangs: object
) -> None:
    """It hangs where the new pod starts first and no node has the GPUs that it needs."""
    assert foretell(one, nodes, loads) is hangs


@pytest.mark.parametrize(
    ("nodes", "loads", "pods", "hangs"),
    [
        pytest.param(ONE, {}, (), True, id="the one card is free now, and then no longer"),
        pytest.param(TWO, {}, (), False, id="two cards are free"),
        pytest.param(ONE, TAKEN, (pod("deep"),), True, id="another lane has the one card"),
        pytest.param(
            TWO,
            {"n1": {"lanes": {"nvidia.com/gpu": 1.0}, "others": GPU}},
            (pod("deep"),),
            True,
            id="and others the second",
        ),
        pytest.param(TWO, TAKEN, (pod("deep"),), False, id="another lane has one of two, and is parked first"),
    ],
)
def test_of_a_parked_lane(
    nodes: list[NodeInfo], loads: Mapping[str, Mapping[str, Mapping[str, float]]], pods: tuple[Pod, ...], hangs: object
) -> None:
    """It is judged as if it were raised."""
    assert foretell(PARKED, nodes, loads, pods) is hangs


def test_of_a_pool_on_some_nodes() -> None:
    """A free card on a node that the pool is not on helps nobody."""
    pool = Pool(name="gpu-llm", labels=LABELS, nodes={"tier": "large"})
    nodes = [node(labels={"tier": "large"}), node("n2")]
    assert foretell(LANE, nodes, TAKEN, pool=pool) is True


def test_of_a_pool_of_many_cards_nothing_is_cleared() -> None:
    """There other lanes stay where they are while one is raised."""
    assert foretell(PARKED, TWO, TAKEN, (pod("deep"),), pool=EACH) is True
