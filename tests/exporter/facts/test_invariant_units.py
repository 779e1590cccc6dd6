"""Pools of which one may run on each node, or on each card; and pools that are on some nodes only."""

from collections.abc import Mapping

import pytest

from exporter.cluster import Claim, ClaimedDevice, Dra, OfferedDevice
from exporter.config_cluster import Pool
from exporter.facts.invariant import PoolVerdict
from exporter.snapshot import Device, Snapshot
from fakes.pool_world import (
    CARDS,
    INSUFFICIENT,
    LABELS,
    NODES,
    NOW,
    judged,
    lane,
    named,
    node,
    owner,
    pod,
    reasons,
    seen,
    states,
    unit,
    view,
    world,
)

A = pod("fast", name="fast-a", node="n1")
B = pod("fast", name="fast-b", node="n2")
FLEET = [node("n1"), node("n2")]
VIEWS = [view("n1", owners=(owner("fast-a", "GPU-n1"),)), view("n2", owners=(owner("fast-b", "GPU-n2"),))]
CPU_ONLY = node("cpu", capacity={"cpu": 8.0})
LARGE = Pool(name="gpu-llm", labels=LABELS, nodes={"tier": "large"})
LARGE_NODE = node("n1", labels={"tier": "large"})


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        pytest.param(
            seen(world(A, B, fast=2), nodes=[*FLEET, CPU_ONLY]), {"n1": "steady", "n2": "steady"}, id="one on each"
        ),
        pytest.param(seen(world(A, fast=2), nodes=FLEET), {"n1": "steady", "n2": "none"}, id="a node has none"),
        pytest.param(
            seen(world(A, pod("deep", node="n1"), B), nodes=FLEET), {"n1": "many", "n2": "steady"}, id="a node has two"
        ),
        pytest.param(
            seen(world(A, pod("deep", "Pending", node="n1"), B), nodes=FLEET),
            {"n1": "many", "n2": "steady"},
            id="a second pod starts on a node",
        ),
        pytest.param(
            seen(world(A, B), nodes=[FLEET[0], node("n2", is_ready=None)]),
            {"n1": "steady", "n2": "unknown"},
            id="a node is not heard",
        ),
        pytest.param(seen(world(A, B, fast=2)), {"n1": "steady", "n2": "steady"}, id="the nodes may not be asked"),
        pytest.param(seen(None), {"": "unknown"}, id="nothing may be asked"),
    ],
)
def test_each_node(snapshot: Snapshot, expected: Mapping[str, str]) -> None:
    """Each node with a GPU is a unit, and nothing else is."""
    assert states(judged(snapshot, pool=NODES)) == expected


def test_a_pod_without_a_node_is_of_the_pool() -> None:
    """It could go to any node: no unit is broken by it, the pool is."""
    verdict = judged(seen(world(A, B, pod("deep", "Pending", reason=INSUFFICIENT)), nodes=FLEET), pool=NODES)
    assert states(verdict) == {"n1": "steady", "n2": "steady"}
    assert named(verdict, "insufficient_gpu") == ["Pod vllm/deep-pending"]
    assert reasons(verdict) == {"insufficient_gpu"}


def test_what_was_seen_is_unknown_not_gone() -> None:
    """A unit that blindness hides stays, unknown; a node that is gone takes its unit along."""
    steady = judged(seen(world(A, B, fast=2), nodes=FLEET), pool=NODES)

    assert states(judged(seen(None, nodes=FLEET), before=steady, pool=NODES)) == {"n1": "unknown", "n2": "unknown"}
    assert states(judged(seen(world(A)), before=steady, pool=NODES)) == {"n1": "steady", "n2": "unknown"}
    assert states(judged(seen(world(A), nodes=FLEET[:1]), before=steady, pool=NODES)) == {"n1": "steady"}


def test_a_roll_out_reaches_the_last_node_late() -> None:
    """Each node has the whole deadline from when it was steady last, though the order is minutes old."""
    rolled = [lane("fast", 2, generation=2)]
    verdict = judged(seen(world(A, B, lanes=[lane("fast", 2)]), nodes=FLEET), pool=NODES)
    for seconds, pods in ((1, [A, B]), (2, [B]), (200, [pod("fast", name="fast-c", node="n1"), B])):
        verdict = judged(seen(world(*pods, lanes=rolled), nodes=FLEET), before=verdict, now=NOW + seconds, pool=NODES)
    last = judged(seen(world(pods[0], lanes=rolled), nodes=FLEET), before=verdict, now=NOW + 201, pool=NODES)

    assert states(last) == {"n1": "steady", "n2": "switching"}
    assert [unit(last, name).memory.switches for name in ("n1", "n2")] == [1, 0]


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        pytest.param(
            seen(world(A, B, fast=2), nodes=FLEET, views=VIEWS), {"GPU-n1": "steady", "GPU-n2": "steady"}, id="one each"
        ),
        pytest.param(
            seen(world(A), nodes=FLEET, views=[VIEWS[0], view("n2")]),
            {"GPU-n1": "steady", "GPU-n2": "none"},
            id="a card has none",
        ),
        pytest.param(
            seen(
                world(A, pod("deep")),
                nodes=FLEET[:1],
                views=[view("n1", owners=(owner("fast-a"), owner("deep-running")))],
            ),
            {"GPU-n1": "many"},
            id="two share a card",
        ),
        pytest.param(
            seen(world(A, B), nodes=FLEET, views=VIEWS[:1]),
            {"GPU-n1": "steady", "n2": "unknown"},
            id="a node does not tell of its cards",
        ),
        pytest.param(
            seen(world(A), nodes=FLEET[:1], views=[view("n1", owners=None)]),
            {"GPU-n1": "unknown"},
            id="a kubelet does not tell of its owners",
        ),
        pytest.param(
            seen(world(A), nodes=FLEET[:1], views=[view("n1", owners=(owner("fast-a"), owner("ghost")))]),
            {"GPU-n1": "split"},
            id="a card was given to a pod that is nowhere known, too",
        ),
        pytest.param(
            seen(
                world(A, pod("deep")),
                nodes=FLEET[:1],
                views=[
                    view(
                        devices=(
                            Device(uuid="GPU-n1", index=0),
                            Device(uuid="MIG-1", index=0, parent_uuid="GPU-n1"),
                            Device(uuid="MIG-2", index=1, parent_uuid="GPU-n1"),
                        ),
                        owners=(owner("fast-a", "MIG-1"), owner("deep-running", "MIG-2")),
                    )
                ],
            ),
            {"MIG-1": "steady", "MIG-2": "steady"},
            id="a card that is cut: one on each instance",
        ),
    ],
)
def test_each_card(snapshot: Snapshot, expected: Mapping[str, str]) -> None:
    """Each card is a unit, of a card that is cut each instance; who has it is the kubelet's word."""
    assert states(judged(snapshot, pool=CARDS)) == expected


def test_a_rejected_pod_is_told_of_the_card_that_has_none() -> None:
    """It was given no card; the cards of its node that serve are not concerned."""
    corpse = pod("deep", "Failed", reason="UnexpectedAdmissionError")
    devices = (Device(uuid="GPU-n1", index=0), Device(uuid="GPU-b", index=1))
    snapshot = seen(world(A, corpse), nodes=FLEET[:1], views=[view(devices=devices, owners=(owner("fast-a"),))])
    found = judged(snapshot, pool=CARDS).units
    assert {name: set(one.violations or ()) for name, one in found.items()} == {
        "GPU-n1": set(),
        "GPU-b": {"none", "unexpected_admission"},
    }


def test_cards_of_an_agent_that_falls_silent_are_unknown() -> None:
    """They do not vanish, and they are not ok."""
    steady = judged(seen(world(A, B), nodes=FLEET, views=VIEWS), pool=CARDS)
    silent = judged(seen(world(A, B), nodes=FLEET, views=VIEWS[:1]), before=steady, pool=CARDS)
    assert states(silent) == {"GPU-n1": "steady", "GPU-n2": "unknown"}
    assert states(judged(seen(world(A, B), nodes=FLEET, views=VIEWS), before=silent, pool=CARDS)) == states(steady)


def test_cards_that_claims_gave() -> None:
    """Where no agent tells, ResourceSlices say which cards there are and claims who has one; admins only look."""
    offered = tuple(
        OfferedDevice(driver="gpu.nvidia.com", pool="n1", device=f"gpu-{number}", node="n1", uuid=f"GPU-{number}")
        for number in (0, 1)
    )
    claims = tuple(
        Claim(
            namespace="vllm",
            name=name,
            devices=(ClaimedDevice(driver="gpu.nvidia.com", pool="n1", device=device, is_admin=is_admin),),
            pods=((name, "uid"),),
        )
        for name, device, is_admin in (("fast-a", "gpu-0", False), ("deep-running", "gpu-1", True))
    )
    snapshot = seen(world(A, pod("deep"), fast=1), nodes=FLEET[:1])
    verdict = judged(_with(snapshot, Dra(version="v1", offered=offered, claims=claims)), pool=CARDS)
    assert states(verdict) == {"GPU-0": "steady", "GPU-1": "none"}


def _with(snapshot: Snapshot, dra: Dra) -> Snapshot:
    return Snapshot(node=snapshot.node, workloads=snapshot.workloads, nodes=snapshot.nodes, dra=dra)


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        pytest.param(seen(world(A, B), nodes=[LARGE_NODE, node("n2")]), "steady", id="a pod elsewhere is not of it"),
        pytest.param(seen(world(B), nodes=[LARGE_NODE, node("n2")]), "none", id="only a pod elsewhere runs"),
        pytest.param(
            seen(world(A, pod("deep", "Pending")), nodes=[LARGE_NODE]), "many", id="a pod without a node could be of it"
        ),
        pytest.param(seen(world(A)), "unknown", id="the nodes may not be asked"),
    ],
)
def test_a_pool_on_some_nodes(snapshot: Snapshot, expected: str) -> None:
    """A pool that is on nodes with a label needs the nodes to know who is of it."""
    assert states(judged(snapshot, pool=LARGE)) == {"": expected}


@pytest.mark.parametrize(
    ("pool", "state"),
    [
        pytest.param(Pool(name="p", lanes=("fast",)), "steady", id="a lane by its name"),
        pytest.param(Pool(name="p", lanes=("vllm/deep", "vllm/fast")), "many", id="two lanes with their namespace"),
        pytest.param(Pool(name="p", lanes=("other/fast",)), "none", id="a lane of another namespace"),
        pytest.param(Pool(name="p", labels={"app": "deep"}), "steady", id="by a label"),
        pytest.param(Pool(name="p", labels=LABELS, namespaces=("other",)), "none", id="in another namespace"),
    ],
)
def test_who_is_of_a_pool(pool: Pool, state: str) -> None:
    """By labels, by name, or both."""
    verdict: PoolVerdict = judged(seen(world(pod("fast"), pod("deep"))), pool=pool)
    assert states(verdict) == {"": state}
