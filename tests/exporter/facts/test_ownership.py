from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Pod, Workloads
from exporter.facts import ownership
from exporter.snapshot import Allocation, Allocations, Device, Gpus, Owner, Snapshot

MIB = 1 << 20


def device(index: int, *, used_mib: int = 2, uuid: str = "") -> Device:
    return Device(uuid=uuid or f"GPU-{index}", index=index, memory_used_bytes=used_mib * MIB)


def given_to(pod: str, *ids: str, container: str = "server") -> Allocation:
    return Allocation(namespace="vllm", pod=pod, container=container, resource="nvidia.com/gpu", device_ids=ids)


def snapshot(
    allocations: Sequence[Allocation] | None, *devices: Device, workloads: Workloads | None = None
) -> Snapshot:
    return Snapshot(
        node="n",
        gpus=Gpus(source="nvml", devices=devices),
        allocations=None if allocations is None else Allocations(containers=tuple(allocations)),
        workloads=workloads,
    )


def rows(found: Snapshot) -> list[tuple[str, str]]:
    return [(owner.gpu_uuid, owner.pod) for owner in ownership.owners(found)]


@pytest.mark.parametrize(
    ("device_id", "expected"),
    [
        pytest.param("GPU-1", [("GPU-1", "a")], id="the exact UUID"),
        pytest.param("GPU-1::3", [("GPU-1", "a")], id="a replica of a shared card"),
        pytest.param("1", [("GPU-1", "a")], id="the index"),
        pytest.param("1::0", [("GPU-1", "a")], id="a replica of an index"),
        pytest.param("nvidia.com/gpu=GPU-1", [("GPU-1", "a")], id="a CDI name with a UUID"),
        pytest.param("nvidia.com/gpu=1", [("GPU-1", "a")], id="a CDI name with an index"),
        pytest.param("MIG-7", [("MIG-7", "a")], id="a MIG instance that the driver lists"),
        pytest.param("MIG-GPU-1/3/0", [("GPU-1", "a")], id="a MIG instance of an old driver names its card"),
        pytest.param("MIG-8", [("MIG-8", "a")], id="a MIG instance that the driver does not list keeps its name"),
        pytest.param("card0-0", [], id="an id that no device has owns nothing"),
    ],
)
def test_device_plugin_ids(device_id: str, expected: list[tuple[str, str]]) -> None:
    """Each way in which a device plugin names a card leads to the card."""
    found = snapshot([given_to("a", device_id)], device(0), device(1), device(2, uuid="MIG-7"))

    assert rows(found) == expected


def test_time_slicing_does_not_double() -> None:
    """Four replicas in one container are one row; a second container is a second row, and the card is shared."""
    found = snapshot([given_to("a", *(f"GPU-0::{n}" for n in range(4))), given_to("b", "GPU-0::4")], device(0))

    assert rows(found) == [("GPU-0", "a"), ("GPU-0", "b")]
    assert ownership.states(found) == {"GPU-0": "shared"}


def test_one_pod_may_hold_two_cards() -> None:
    """Two cards in one container are two rows, and each is owned."""
    found = snapshot([given_to("a", "GPU-0", "GPU-1")], device(0), device(1))

    assert rows(found) == [("GPU-0", "a"), ("GPU-1", "a")]
    assert ownership.states(found) == {"GPU-0": "owned", "GPU-1": "owned"}


@pytest.mark.parametrize(
    ("allocations", "used_mib", "state"),
    [
        pytest.param([given_to("a", "GPU-0")], 21642, "owned", id="a pod holds it"),
        pytest.param([], 2, "unallocated", id="nobody was given it and it is empty"),
        pytest.param([], 500, "unallocated", id="driver and display are nobody"),
        pytest.param([], 21642, "unowned_memory", id="nobody was given it and it is full"),
        pytest.param(
            [given_to("a", "card0-0")], 21642, "unknown", id="some card was given away, which one is not known"
        ),
        pytest.param(None, 21642, "unknown", id="the kubelet could not be asked"),
        pytest.param(None, 2, "unknown", id="the kubelet could not be asked, though the card is empty"),
    ],
)
def test_states(allocations: Sequence[Allocation] | None, used_mib: int, state: str) -> None:
    """The state says what is known and nothing more."""
    assert ownership.states(snapshot(allocations, device(0, used_mib=used_mib))) == {"GPU-0": state}


def test_lane_comes_from_the_pool_pods() -> None:
    """An owner whose pod the API server knows has its lane; any other has none."""
    pod = Pod(namespace="vllm", name="fast-0", uid="1", lane="fast", phase="Running")
    found = snapshot(
        [given_to("fast-0", "GPU-0"), given_to("other", "GPU-1")],
        device(0),
        device(1),
        workloads=Workloads(pods=(pod,)),
    )

    assert ownership.owners(found)[0] == Owner(
        gpu_uuid="GPU-0", namespace="vllm", pod="fast-0", container="server", lane="fast", source="device_plugin"
    )
    assert [owner.lane for owner in ownership.owners(found)] == ["fast", ""]


def test_finished_pod_owns_nothing() -> None:
    """A pod that failed holds no card, though the kubelet still lists it."""
    pod = Pod(namespace="vllm", name="fast-0", uid="1", lane="fast", phase="Failed")
    found = snapshot([given_to("fast-0", "GPU-0")], device(0), workloads=Workloads(pods=(pod,)))

    assert ownership.states(found) == {"GPU-0": "unallocated"}


def test_no_devices_no_states() -> None:
    """Without a reading of the cards there is nothing to say about them."""
    assert ownership.states(Snapshot(node="n", allocations=Allocations())) == {}


IDS = st.sampled_from(
    ["GPU-0", "GPU-0::1", "GPU-1", "0", "1::2", "nvidia.com/gpu=GPU-1", "MIG-9", "card0", "", "::", "="]
)
HELD = st.lists(
    st.builds(
        Allocation,
        namespace=st.just("vllm"),
        pod=st.sampled_from("ab"),
        container=st.sampled_from("xy"),
        resource=st.just("nvidia.com/gpu"),
        device_ids=st.lists(IDS, max_size=5).map(tuple),
    ),
    max_size=6,
)


@given(HELD, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_no_row_comes_twice(held: list[Allocation], random: object) -> None:
    """However the kubelet lists them, the rows are the same and each is there once."""
    shuffled = held[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    first, second = (snapshot(one, device(0), device(1)) for one in (held, shuffled))

    assert ownership.owners(first) == ownership.owners(second)
    assert len(set(ownership.owners(first))) == len(ownership.owners(first))
    assert set(ownership.states(first).values()) <= set(ownership.STATES)
