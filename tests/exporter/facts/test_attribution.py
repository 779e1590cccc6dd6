"""Whose memory it is: parts that add up, holders that are bounded, and names that say no more than is known."""

from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.cluster import Pod, Workloads
from exporter.collectors.processes import ProcessCollector
from exporter.facts import attribution
from exporter.facts.attribution import HELD_PARTS, OTHER, PARTS, Holder
from exporter.snapshot import Device, DeviceProcess, Gpus, PodName, Processes, ProcessInfo, Snapshot

MIB = 1 << 20
NAMES = {"uid-of-a": PodName(namespace="vllm", pod="a")}
PROCESSES = Processes(
    by_pid={
        1: ProcessInfo(pid=1, name="llama-server", container_id="c1", pod_uid="uid-of-a"),
        2: ProcessInfo(pid=2, name="python3", container_id="0123456789abcdef", pod_uid=""),
        3: ProcessInfo(pid=3, name="Xorg"),
        4: ProcessInfo(pid=4, name="llama-server", container_id="c1", pod_uid="uid-of-a", is_dead=True),
        5: ProcessInfo(pid=5, name="vllm", container_id="c5", pod_uid="12345678-9abc"),
        6: ProcessInfo(pid=6, is_dead=True),
        7: ProcessInfo(pid=7, name="defunct", is_zombie=True),
    }
)


def card(*held: int | None) -> Device:
    """Return a card of 1000 MiB, 100 reserved and 200 free, whose processes 1, 2, 3 ... hold this many MiB."""
    return Device(
        uuid="GPU-0",
        index=0,
        memory_total_bytes=1000 * MIB,
        memory_used_bytes=700 * MIB,
        memory_free_bytes=200 * MIB,
        memory_reserved_bytes=100 * MIB,
        processes=tuple(
            DeviceProcess(pid=pid, memory_bytes=None if size is None else size * MIB)
            for pid, size in enumerate(held, start=1)
        ),
    )


def parts(device: Device, processes: Processes | None = PROCESSES) -> dict[str, int]:
    holds = attribution.held(device, processes, NAMES)
    return {part: size // MIB for part, size in attribution.memory_parts(device, holds).items()}


def rows(device: Device, top: int = 8) -> dict[Holder, int]:
    found = attribution.largest(attribution.held(device, PROCESSES, NAMES), top)
    return {holder: size // MIB for holder, size in found.items()}


def test_every_byte_has_one_part() -> None:
    assert parts(card(100, 50, 20, 30, 40, 5, 1)) == {
        "pods": 140,
        "host": 70,
        "dead": 36,
        "unresolved": 0,
        "reserved": 100,
        "free": 200,
        "unattributed": 454,
    }


def test_without_a_sight_of_the_processes_their_memory_is_unresolved() -> None:
    """It is not the host's, and it is not missing: nobody could look."""
    found = parts(card(100, 50), None)
    assert (found["unresolved"], found["host"], found["unattributed"]) == (150, 0, 550)


def test_what_the_driver_does_not_say_is_in_the_residual() -> None:
    """A process without a size is counted, and its memory is nobody's."""
    device = card(None, 50)
    holds = attribution.held(device, PROCESSES, NAMES)
    assert parts(device)["unattributed"] == 650
    assert attribution.process_counts(device, holds) == {"pods": 1, "host": 1, "dead": 0, "unresolved": 0}
    assert [holder.process for holder in rows(device)] == ["python3"]


def test_a_list_that_could_not_be_read_is_no_list_of_none() -> None:
    device = Device(uuid="GPU-0", index=0, memory_total_bytes=10, memory_free_bytes=4)
    assert attribution.memory_parts(device, ()) == {"free": 4, "unattributed": 6}
    assert attribution.process_counts(device, ()) == {}


def test_a_card_that_does_not_tell_its_total_has_no_parts() -> None:
    assert attribution.memory_parts(Device(uuid="GPU-0", index=0, memory_free_bytes=4), ()) == {}


def test_a_process_in_two_lists_is_one() -> None:
    """A process that computes and draws is in both of the driver's lists with the same memory."""
    both = (DeviceProcess(pid=1, memory_bytes=7 * MIB), DeviceProcess(pid=1, memory_bytes=7 * MIB, is_graphics=True))
    device = Device(uuid="GPU-0", index=0, processes=both)
    assert list(rows(device).values()) == [7]


def test_a_holder_says_what_is_known_of_it() -> None:
    """A pod by its name, or by its UID; a container of no pod; a process of the host; a dead one with what it was."""
    assert rows(card(100, 50, 20, 30, 40, 5, 1)) == {
        Holder(part="pods", namespace="vllm", pod="a", process="llama-server"): 100,
        Holder(part="host", pod="container:0123456789ab", process="python3"): 50,
        Holder(part="pods", pod="uid:12345678", process="vllm"): 40,
        Holder(part="dead", namespace="vllm", pod="a", process="llama-server"): 30,
        Holder(part="host", process="Xorg"): 20,
        Holder(part="dead", process="unknown"): 5,
        Holder(part="dead", process="defunct"): 1,
    }


def test_the_smaller_ones_are_other_by_part() -> None:
    assert rows(card(100, 50, 20, 30, 40, 5, 1), top=2) == {
        Holder(part="pods", namespace="vllm", pod="a", process="llama-server"): 100,
        Holder(part="host", pod="container:0123456789ab", process="python3"): 50,
        Holder(part="pods", process=OTHER): 40,
        Holder(part="dead", process=OTHER): 36,
        Holder(part="host", process=OTHER): 20,
    }


def test_the_api_server_knows_better_than_the_directories() -> None:
    pod = Pod(namespace="vllm", name="new", uid="u", lane="fast", phase="Running")
    old = {"u": PodName(namespace="vllm", pod="old"), "v": PodName(namespace="x", pod="y")}
    snapshot = Snapshot(node="n", processes=Processes(pods=old), workloads=Workloads(pods=(pod,)))
    assert {uid: name.pod for uid, name in attribution.pod_names(snapshot).items()} == {"u": "new", "v": "y"}


def test_the_pids_of_interest_are_those_that_the_driver_names() -> None:
    assert attribution.pids(Snapshot(node="n", gpus=Gpus(source="nvml", devices=(card(1, 2), card(3))))) == {1, 2}
    assert attribution.pids(Snapshot(node="n")) == frozenset()


_NAMED = Processes(by_pid=PROCESSES.by_pid, pods=NAMES)
SIZES = st.none() | st.integers(min_value=0, max_value=1 << 40)
CARDS = st.builds(
    Device,
    uuid=st.just("GPU-0"),
    index=st.just(0),
    memory_total_bytes=st.integers(min_value=0, max_value=1 << 40),
    memory_free_bytes=st.integers(min_value=0, max_value=1 << 40),
    memory_reserved_bytes=SIZES,
    processes=st.none()
    | st.lists(st.builds(DeviceProcess, pid=st.integers(0, 9), memory_bytes=SIZES), max_size=12).map(tuple),
)


@given(CARDS, st.sampled_from([PROCESSES, Processes(), None]), st.integers(1, 9))
def test_the_parts_add_up_and_the_holders_add_up_to_the_parts(
    device: Device, processes: Processes | None, top: int
) -> None:
    """Whatever the driver says: nothing is lost, nothing is counted twice, and the rows are few."""
    holds = attribution.held(device, processes, NAMES)
    found, largest = attribution.memory_parts(device, holds), attribution.largest(holds, top)
    by_part = {part: sum(size for row, size in largest.items() if row.part == part) for part in HELD_PARTS}

    assert sum(found.values()) == device.memory_total_bytes
    assert set(found) <= set(PARTS)
    assert by_part == {part: found.get(part, 0) for part in HELD_PARTS}
    assert len(largest) <= top + len(HELD_PARTS)


def test_a_pod_that_never_asked_for_a_card_has_its_series() -> None:
    """No allocation at all, and yet the card's memory has a holder with a name."""
    snapshot = Snapshot(node="n", gpus=Gpus(source="nvml", devices=(card(100),)), processes=_NAMED)
    families = {str(family.metric): family for family in ProcessCollector(top=8).collect(snapshot, 0.0)}
    labels = {"node": "n", "gpu_uuid": "GPU-0", "part": "pods", "owner_namespace": "vllm", "owner_pod": "a"}
    expected = catalogue.GPU_HOLDER_MEMORY.sample(100 * MIB, **labels, process="llama-server")
    assert families[str(catalogue.GPU_HOLDER_MEMORY)].samples == (expected,)


def test_without_a_reading_of_the_cards_there_is_no_family() -> None:
    assert not list(ProcessCollector(top=8).collect(Snapshot(node="n", processes=_NAMED), 0.0))
