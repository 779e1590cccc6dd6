"""Requests against what a node can give, and the lane's share of it."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Controller, LoadPart, NodeInfo, Workloads
from exporter.config_cluster import Pool
from exporter.facts.headroom import CPU, MEMORY, PARTS, parts, shares
from exporter.facts.offers import follow, gpu_resources
from fakes.reference_cluster import LANES, MIB, NODE, NODES, POD, POOL_LABELS, WORKLOADS

_POOL: Final = Pool(name="llm", labels=POOL_LABELS)
_INFO: Final = NODES.nodes[0]
_TAKEN: Final[tuple[LoadPart, ...]] = ("lanes", "daemons", "others")
_AMOUNTS: Final = st.floats(0, 1e13, allow_nan=False)


def test_the_reference_node_requests_what_it_is_known_to_request() -> None:
    """10755m of 15 cores are 71.7 %, 43072 MiB of 56115 MiB are about 76 %."""
    cpu, memory = parts(_INFO, CPU, WORKLOADS), parts(_INFO, MEMORY, WORKLOADS)
    assert _INFO.allocatable[CPU] - cpu["free"] == pytest.approx(10.755)
    assert 1 - cpu["free"] / _INFO.allocatable[CPU] == pytest.approx(0.717)
    assert _INFO.allocatable[MEMORY] - memory["free"] == 43072 * MIB
    assert round(_INFO.allocatable[MEMORY] / MIB) == 56115
    assert 1 - memory["free"] / _INFO.allocatable[MEMORY] == pytest.approx(0.7676, abs=1e-4)


def test_the_reference_card_is_the_lane_s() -> None:
    assert parts(_INFO, "nvidia.com/gpu", WORKLOADS) == {"lanes": 1, "daemons": 0, "others": 0, "free": 0}


@given(allocatable=_AMOUNTS, taken=st.dictionaries(st.sampled_from(_TAKEN), _AMOUNTS))
def test_the_parts_add_up_to_what_is_allocatable(allocatable: float, taken: dict[LoadPart, float]) -> None:
    """Also where more is requested than there is: then the free part is below 0."""
    info = NodeInfo(name="n", allocatable={CPU: allocatable})
    found = parts(info, CPU, Workloads(loads={"n": {part: {CPU: amount} for part, amount in taken.items()}}))
    assert tuple(found) == PARTS
    assert sum(found.values()) == pytest.approx(allocatable, rel=1e-9, abs=1e-2)
    assert {part: found[part] for part in taken} == taken


@pytest.mark.parametrize(
    ("info", "workloads"),
    [
        pytest.param(_INFO, replace(WORKLOADS, loads=None), id="not all pods are seen"),
        pytest.param(replace(_INFO, allocatable={}), WORKLOADS, id="the node does not say what it can give"),
    ],
)
def test_nothing_is_free_that_is_not_known_to_be(info: NodeInfo, workloads: Workloads) -> None:
    assert parts(info, CPU, workloads) == {}


def test_a_node_without_pods_is_all_free() -> None:
    assert parts(_INFO, CPU, Workloads(loads={}))["free"] == 15


def _shares(workloads: Workloads, *infos: NodeInfo) -> dict[tuple[str, str, str], float]:
    found = shares([_POOL], workloads, {info.name: info for info in infos or (_INFO,)})
    return {(share.lane, share.node, share.resource): share.ratio for share in found}


def test_a_lane_has_a_share_of_the_node_that_it_runs_on() -> None:
    found = _shares(WORKLOADS)
    assert found[LANES[0], NODE, CPU] == pytest.approx(10 / 15)
    assert found[LANES[0], NODE, MEMORY] == pytest.approx(40 * 1024 / 56115, rel=1e-4)


def test_a_parked_lane_has_a_share_of_the_only_node_and_of_none_of_several() -> None:
    other = replace(_INFO, name="gpu-worker-2")
    assert {lane for lane, _, _ in _shares(WORKLOADS)} == set(LANES)
    assert {lane for lane, _, _ in _shares(WORKLOADS, _INFO, other)} == {LANES[0]}


def test_the_newest_of_two_pods_speaks_for_the_lane() -> None:
    """While a lane rolls, the old pod goes and the new one stays."""
    newer = replace(POD, uid="u2", name="new", requests={CPU: 3.0}, created_at=(POD.created_at or 0) + 60)
    for pods in ((POD, newer), (newer, POD)):
        assert _shares(replace(WORKLOADS, pods=pods))[LANES[0], NODE, CPU] == pytest.approx(3 / 15)


@pytest.mark.parametrize(
    "workloads",
    [
        pytest.param(
            replace(WORKLOADS, controllers=(), pods=(replace(POD, phase="Failed"),)), id="a pod that has ended"
        ),
        pytest.param(replace(WORKLOADS, controllers=(), pods=(replace(POD, node="cpu-1"),)), id="a node without GPUs"),
        pytest.param(replace(WORKLOADS, controllers=(), pods=(replace(POD, requests={}),)), id="requests nothing"),
        pytest.param(
            Workloads(controllers=(Controller(namespace="vllm", name="x", desired_replicas=0),)), id="of no pool"
        ),
    ],
)
def test_who_holds_nothing_has_no_share(workloads: Workloads) -> None:
    assert _shares(workloads) == {}


def _infos(*amounts: float) -> dict[str, NodeInfo]:
    return {
        f"n{number}": NodeInfo(name=f"n{number}", allocatable={"nvidia.com/gpu": one})
        for number, one in enumerate(amounts)
    }


def test_an_offer_keeps_its_time_until_it_changes() -> None:
    """What vanishes fell to nothing, and a node that is gone is forgotten."""
    gpu = "nvidia.com/gpu"
    first = follow({}, _infos(1, 1, 1), 100)
    assert first == {(f"n{number}", gpu): (1, 100) for number in range(3)}
    second = follow(first, {**_infos(1, 0), "n2": NodeInfo(name="n2")}, 200)
    assert second == {("n0", gpu): (1, 100), ("n1", gpu): (0, 200), ("n2", gpu): (0, 200)}
    assert follow(second, _infos(1), 300) == {("n0", gpu): (1, 100)}


def test_only_gpus_are_counted_as_gpus() -> None:
    assert gpu_resources(replace(_INFO, capacity={**_INFO.capacity, "nvidia.com/hostdev": 1.0})) == ("nvidia.com/gpu",)
