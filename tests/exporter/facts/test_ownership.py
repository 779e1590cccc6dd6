from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Claim, ClaimedDevice, Dra, OfferedDevice, Pod, Workloads
from exporter.facts import ownership
from exporter.snapshot import (
    Allocation,
    Allocations,
    ClaimDevice,
    Device,
    DeviceProcess,
    Gpus,
    Owner,
    PodName,
    Processes,
    ProcessInfo,
    Snapshot,
)

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


GIVEN = (given_to("a", "GPU-0"),)
NOBODY: tuple[Allocation, ...] = ()
DOUBTFUL = (given_to("a", "card0-0"),)
SERVER = DeviceProcess(pid=1, memory_bytes=21_600 * MIB)
DISPLAY = DeviceProcess(pid=1, memory_bytes=90 * MIB, is_graphics=True)
DESKTOP = DeviceProcess(pid=1, memory_bytes=900 * MIB, is_graphics=True)
OF_A, OF_B = ProcessInfo(pid=1, name="vllm", pod_uid="uid-a"), ProcessInfo(pid=1, name="vllm", pod_uid="uid-b")
OF_NOBODY = ProcessInfo(pid=1, name="vllm", pod_uid="00000000-nobody")
OF_MONITOR = ProcessInfo(pid=1, name="dcgm", pod_uid="uid-m")
OF_HOST = ProcessInfo(pid=1, name="python3")
DEAD = ProcessInfo(pid=1, name="vllm", pod_uid="uid-a", is_dead=True)
ZOMBIE = ProcessInfo(pid=1, name="vllm", pod_uid="uid-a", is_zombie=True)
MPS = ProcessInfo(pid=1, name="nvidia-cuda-mps", pod_uid="uid-b")
HOSTENGINE = ProcessInfo(pid=1, name="nv-hostengine")
PODS = {f"uid-{name}": PodName(namespace="vllm", pod=name) for name in ("a", "b")}
PODS["uid-m"] = PodName(namespace="vllm", pod="monitor-m")


def looked_at(
    allocations: Sequence[Allocation] | None,
    process: ProcessInfo | None,
    held: DeviceProcess | None = SERVER,
    used_mib: int = 21642,
) -> Snapshot:
    """Return the snapshot of one card whose processes are in sight."""
    card = replace(device(0, used_mib=used_mib), processes=() if process is None or held is None else (held,))
    found = snapshot(allocations, card)
    by_pid = {process.pid: process} if process else {}
    return replace(found, processes=Processes(by_pid=by_pid, pods=PODS), monitors=("*/monitor-*",))


@pytest.mark.parametrize(
    ("found", "state"),
    [
        pytest.param(looked_at(GIVEN, OF_A), "owned", id="a pod was given it and works on it"),
        pytest.param(looked_at(GIVEN, OF_NOBODY), "owned", id="a pod without a name may be the one it was given to"),
        pytest.param(looked_at(GIVEN, MPS), "owned", id="the server of MPS holds memory for the owner"),
        pytest.param(looked_at(GIVEN, OF_MONITOR, used_mib=30), "owned", id="a monitor takes nothing"),
        pytest.param(looked_at(GIVEN, OF_HOST, DISPLAY), "owned", id="a display on an owned card is no guest"),
        pytest.param(looked_at(GIVEN, HOSTENGINE), "owned", id="DCGM on the host is no guest"),
        pytest.param(looked_at([*GIVEN, given_to("b", "GPU-0")], OF_B), "shared", id="two pods were given it"),
        pytest.param(looked_at(GIVEN, None, used_mib=2), "allocated_no_process", id="given away, nothing runs on it"),
        pytest.param(looked_at(GIVEN, OF_B), "process_no_allocation", id="a second pod on an owned card"),
        pytest.param(looked_at(NOBODY, OF_B), "process_no_allocation", id="a pod on a card that nobody was given"),
        pytest.param(looked_at(NOBODY, OF_NOBODY), "process_no_allocation", id="a pod without a name likewise"),
        pytest.param(looked_at(DOUBTFUL, OF_B), "process_no_allocation", id="one that was given nothing at all"),
        pytest.param(looked_at(DOUBTFUL, OF_A), "unknown", id="one that was given something, which may be this"),
        pytest.param(looked_at(DOUBTFUL, OF_NOBODY), "unknown", id="one without a name, which may be that one"),
        pytest.param(looked_at(GIVEN, OF_HOST), "host_process", id="the host computes on an owned card"),
        pytest.param(looked_at(NOBODY, OF_HOST), "host_process", id="the host computes on a free card"),
        pytest.param(looked_at(NOBODY, OF_HOST, DESKTOP), "host_process", id="the host draws a great deal"),
        pytest.param(looked_at(NOBODY, OF_HOST, DISPLAY, 90), "unallocated", id="a display leaves a card free"),
        pytest.param(looked_at(NOBODY, DEAD), "orphan", id="the dead hold a free card"),
        pytest.param(looked_at(GIVEN, DEAD), "orphan", id="the dead hold an owned card"),
        pytest.param(looked_at(GIVEN, ZOMBIE), "orphan", id="nobody has buried the dead"),
        pytest.param(looked_at(GIVEN, None), "orphan", id="an owned card is full, and nothing is on it"),
        pytest.param(looked_at(NOBODY, None), "orphan", id="a free card is full, and nothing is on it"),
        pytest.param(looked_at(NOBODY, None, used_mib=2), "unallocated", id="free, empty and quiet"),
        pytest.param(looked_at(None, OF_HOST), "unknown", id="the kubelet could not be asked, whoever is on it"),
    ],
)
def test_states_where_processes_are_in_sight(found: Snapshot, state: str) -> None:
    """Exactly one state, what is wrong before what is right; nobody is accused who may be in the right."""
    assert ownership.states(found) == {"GPU-0": state}


@pytest.mark.parametrize(
    ("allocations", "used_mib", "state"),
    [
        pytest.param(GIVEN, 21642, "owned", id="a pod was given it"),
        pytest.param(GIVEN, 2, "owned", id="a pod was given it, and whether it runs is not known"),
        pytest.param(NOBODY, 2, "unallocated", id="nobody was given it and it is empty"),
        pytest.param(NOBODY, 500, "unallocated", id="driver and display are nobody"),
        pytest.param(NOBODY, 21642, "orphan", id="nobody was given it and it is full: whose it is cannot be told"),
        pytest.param(DOUBTFUL, 21642, "unknown", id="some card was given away, which one is not known"),
        pytest.param([given_to("a", "MIG-8")], 2, "unknown", id="an instance of a card was given away, of which not"),
        pytest.param([given_to("a", "GPU-9")], 2, "unallocated", id="a card that is not listed is none of the listed"),
        pytest.param(None, 21642, "unknown", id="the kubelet could not be asked"),
        pytest.param(None, 2, "unknown", id="the kubelet could not be asked, though the card is empty"),
    ],
)
@pytest.mark.parametrize(
    ("listed", "processes"),
    [
        pytest.param(None, Processes(), id="the driver lists no processes"),
        pytest.param((SERVER,), None, id="the node's processes are not in sight"),
        pytest.param((), None, id="an empty list without a sight of the node proves nothing"),
    ],
)
def test_states_where_processes_are_not_in_sight(
    allocations: Sequence[Allocation] | None,
    used_mib: int,
    state: str,
    listed: tuple[DeviceProcess, ...] | None,
    processes: Processes | None,
) -> None:
    """Only what was given and what is in use can be told, and neither pod nor host is accused."""
    card = replace(device(0, used_mib=used_mib), processes=listed)

    assert ownership.states(replace(snapshot(allocations, card), processes=processes)) == {"GPU-0": state}


@pytest.mark.parametrize(
    ("card", "state"),
    [
        pytest.param(Device(uuid="GPU-0", index=0), "unknown", id="a card that does not say how much is in use"),
        pytest.param(Device(uuid="GPU-0", index=0, unavailable="lost"), "unknown", id="a card that is lost"),
    ],
)
def test_a_free_card_must_say_that_it_is_empty(card: Device, state: str) -> None:
    """What cannot be read is not free."""
    assert ownership.states(snapshot([], card)) == {"GPU-0": state}


def test_a_pod_that_takes_a_card_is_a_row_of_its_own_source() -> None:
    """It owns nothing by right, and the join shows who it is; the owner stays beside it."""
    rows = ownership.owners(looked_at(GIVEN, OF_B))

    assert [(one.pod, one.container, one.source) for one in rows] == [
        ("a", "server", "device_plugin"),
        ("b", "", "process"),
    ]


@pytest.mark.parametrize("found", [looked_at(None, OF_B), looked_at(DOUBTFUL, OF_A), looked_at(NOBODY, OF_MONITOR)])
def test_nobody_is_accused_without_proof(found: Snapshot) -> None:
    """Not while the kubelet is silent, not one that was given something unknown, not a monitor."""
    assert ownership.owners(found) == ()


@pytest.mark.parametrize(
    ("given", "whole", "first"),
    [
        pytest.param([given_to("a", "MIG-1")], "owned", "owned", id="one instance is owned, and so is the card"),
        pytest.param([given_to("a", "MIG-1", "MIG-2")], "owned", "owned", id="two instances of one container"),
        pytest.param([given_to("a", "MIG-1"), given_to("b", "MIG-2")], "shared", "owned", id="two owners share it"),
        pytest.param([given_to("a", "MIG-GPU-0/1/0")], "owned", "owned", id="the card is given by an old name"),
        pytest.param([given_to("b", "MIG-2")], "owned", "unallocated", id="one instance is free, the card is not"),
        pytest.param([], "unallocated", "unallocated", id="nobody was given anything"),
    ],
)
def test_a_card_that_is_cut_belongs_to_the_owners_of_its_instances(
    given: list[Allocation], whole: str, first: str
) -> None:
    """The card itself has no memory and no processes any more: its instances have."""
    parts = [
        replace(device(0, uuid=uuid), parent_uuid="GPU-0", processes=None, memory_used_bytes=2 * MIB)
        for uuid in ("MIG-1", "MIG-2")
    ]
    states = ownership.states(snapshot(given, Device(uuid="GPU-0", index=0), *parts))

    assert (states["GPU-0"], states["MIG-1"]) == (whole, first)


def test_who_takes_an_instance_is_one_row() -> None:
    """The state of the card says so too, and the join with its instances counts nobody twice."""
    whole = Device(uuid="GPU-0", index=0)
    part = replace(device(0, uuid="MIG-1", used_mib=9000), parent_uuid="GPU-0", processes=(SERVER,))
    found = replace(snapshot([], whole, part), processes=Processes(by_pid={1: OF_B}, pods=PODS))

    assert [(one.gpu_uuid, one.pod) for one in ownership.owners(found)] == [("MIG-1", "b")]
    assert set(ownership.states(found).values()) == {"process_no_allocation"}


def claimed_by(pod: str, *devices: str) -> Allocation:
    claims = tuple(
        ClaimDevice(driver="gpu.intel.com", pool="n", device=one, claim_namespace="vllm", claim=f"{pod}-gpu")
        for one in devices
    )
    return Allocation(namespace="vllm", pod=pod, container="server", resource="", device_ids=(), claim_devices=claims)


def dra(*claims: Claim) -> Dra:
    offered = tuple(
        OfferedDevice(driver="gpu.intel.com", pool="n", device=f"d{n}", node="n", uuid=f"GPU-{n}") for n in (0, 1)
    )
    elsewhere = OfferedDevice(driver="gpu.intel.com", pool="m", device="d0", node="m", uuid="GPU-m")
    return Dra(version="v1", offered=(*offered, elsewhere), claims=claims)


def claim(name: str, *devices: str, pods: tuple[str, ...], pool: str = "n", is_admin: bool = False) -> Claim:
    given = tuple(ClaimedDevice(driver="gpu.intel.com", pool=pool, device=one, is_admin=is_admin) for one in devices)
    return Claim(namespace="vllm", name=name, devices=given, pods=tuple((pod, f"uid-{pod}") for pod in pods))


@pytest.mark.parametrize(
    ("given", "api", "expected"),
    [
        pytest.param([claimed_by("a", "d0", "d1")], dra(), [("GPU-0", "a"), ("GPU-1", "a")], id="one pod, two devices"),
        pytest.param(
            [claimed_by("a", "d0"), claimed_by("b", "d0")], dra(), [("GPU-0", "a"), ("GPU-0", "b")], id="two pods, one"
        ),
        pytest.param(
            [claimed_by("m", "d0", "d1"), claimed_by("a", "d0")],
            dra(claim("m-gpu", "d0", "d1", pods=("m",), is_admin=True)),
            [("GPU-0", "a")],
            id="a claim with admin access owns nothing",
        ),
        pytest.param(
            [claimed_by("monitor-m", "d0"), claimed_by("a", "d0")],
            dra(),
            [("GPU-0", "a")],
            id="nor does a monitor by the configuration, where the API server is not asked",
        ),
        pytest.param(
            [],
            dra(claim("shared", "d0", pods=("a", "b")), claim("far", "d0", pods=("c",), pool="m")),
            [("GPU-0", "a"), ("GPU-0", "b")],
            id="a kubelet that does not tell of claims has the API server's word, for this node only",
        ),
        pytest.param(
            [claimed_by("a", "d0")],
            dra(claim("a-gpu", "d0", pods=("a",))),
            [("GPU-0", "a")],
            id="both say the same, and it is one row",
        ),
        pytest.param(
            [replace(claimed_by("a", "d0"), resource="nvidia.com/gpu", device_ids=("GPU-0",))],
            dra(),
            [("GPU-0", "a")],
            id="a container that has the card by plugin and by claim is one row",
        ),
    ],
)
def test_claims_make_owners(given: list[Allocation], api: Dra, expected: list[tuple[str, str]]) -> None:
    """One row for each container on each card, whoever says so and however often."""
    found = replace(snapshot(given, device(0), device(1)), dra=api, monitors=("*/monitor-*",))

    assert rows(found) == expected


def test_without_the_kubelet_the_api_server_makes_no_owner_here() -> None:
    """The cluster watcher knows every claim and no card: rows of a node are that node's to give."""
    found = replace(snapshot(None, device(0)), dra=dra(claim("shared", "d0", pods=("a",))))

    assert ownership.owners(found) == ()


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


@given(HELD)
def test_replicas_never_double_a_sum(held: list[Allocation]) -> None:
    """Joined to its owners, the memory of a card counts once an owner, however many replicas each was given."""
    found = snapshot(held, device(0, used_mib=1000), device(1, used_mib=1000))
    counted = Counter((one.gpu_uuid, one.namespace, one.pod, one.container) for one in ownership.owners(found))

    assert set(counted.values()) <= {1}
    assert ownership.owners(found) == ownership.owners(snapshot([*held, *held], *cards_of(found)))


def cards_of(found: Snapshot) -> tuple[Device, ...]:
    return found.gpus.devices if found.gpus else ()


@given(HELD | st.none(), st.sampled_from([None, 2, 21642]))
def test_exactly_one_state_and_no_good_one_without_the_kubelet(
    held: list[Allocation] | None, used_mib: int | None
) -> None:
    """Every card has a state of the closed list, and blindness is unknown."""
    card = replace(device(0), memory_used_bytes=None if used_mib is None else used_mib * MIB)
    states = ownership.states(snapshot(held, card))

    assert set(states) == {"GPU-0"}
    assert states["GPU-0"] in (("unknown",) if held is None else ownership.STATES)
