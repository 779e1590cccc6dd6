"""The node's /proc and the kubelet's directories, as fixture trees."""

import asyncio
import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

import pytest
from msgspec import structs

from exporter.config import parse_config
from exporter.config_processes import Processes as Settings
from exporter.errors import SourceError
from exporter.facts import attribution
from exporter.snapshot import Device, DeviceProcess, Gpus, PodName, Processes, Snapshot
from exporter.sources.processes import ProcessTable, is_in_sight
from exporter.sources.simulated import simulated_device
from exporter.sources.simulated_moment import Stagehand
from exporter.sources.simulated_processes import SimulatedProcesses
from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.wired import Wiring
from exporter.wiring import wire_sources

ID: Final = "3f1c9e5a" * 8
UID: Final = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
IN_POD: Final = f"0::/kubepods/burstable/pod{UID}/{ID}\n"


class Tree:
    """A /proc and a directory of pods' logs that a test writes."""

    def __init__(self, root: Path) -> None:
        self.proc, self.pods = root / "proc", root / "pods"
        self.table = ProcessTable(Settings(proc=str(self.proc)), str(self.pods))
        self.add(2, name="kthreadd", cgroup="0::/\n")
        (self.proc / "stat").write_text("cpu 0\n")

    def add(self, pid: int, *, name: str = "llama-server", cgroup: str = IN_POD, start: int = 25) -> None:
        self.write(pid, f"{pid} ({name}) S " + "0 " * 18 + f"{start} 0 0\n", cgroup)

    def write(self, pid: int, stat: str, cgroup: str = IN_POD) -> None:
        directory = self.proc / str(pid)
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "stat").write_text(stat)
        (directory / "cgroup").write_text(cgroup)

    def remove(self, pid: int) -> None:
        for name in ("stat", "cgroup"):
            (self.proc / str(pid) / name).unlink()
        (self.proc / str(pid)).rmdir()

    def read(self, *pids: int) -> Processes:
        self.table.follow(lambda: pids)
        return asyncio.run(self.table.read())


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_process_has_its_name_its_container_and_its_pod(tree: Tree) -> None:
    tree.add(4711)
    (tree.pods / f"vllm_fast-6d5f9c7b8-x2x7k_{UID}").mkdir(parents=True)
    found = tree.read(4711)
    process = found.by_pid[4711]
    assert (process.name, process.container_id, process.pod_uid) == ("llama-server", ID, UID)
    assert (process.started_ticks, process.is_dead, process.is_zombie) == (25, False, False)
    assert found.pods == {UID: PodName(namespace="vllm", pod="fast-6d5f9c7b8-x2x7k")}


def test_without_the_kubelets_directories_there_is_the_uid(tree: Tree) -> None:
    tree.add(4711)
    assert tree.read(4711).pods == {}


def test_what_is_no_pods_directory_is_nobodys_name(tree: Tree) -> None:
    tree.add(4711)
    for name in ("lost+found", "a_b", "a_b_c_d"):
        (tree.pods / name).mkdir(parents=True)
    assert tree.read(4711).pods == {}


@pytest.mark.parametrize("name", ["a b", "a) S (b", "(", "naïve", "\udcff", ""])
def test_a_name_may_be_anything(tree: Tree, name: str) -> None:
    """The kernel takes any bytes for a name, brackets and spaces among them."""
    tree.add(1)
    stat = (tree.proc / "1" / "stat").read_text().replace("llama-server", name)
    (tree.proc / "1" / "stat").write_bytes(stat.encode("utf-8", "surrogateescape"))
    process = tree.read(1).by_pid[1]
    assert process.name == name.replace("\udcff", "\ufffd")
    assert process.started_ticks == 25


def test_a_process_of_the_host_has_no_container(tree: Tree) -> None:
    tree.add(9, name="Xorg", cgroup="0::/system.slice/gdm.service\n")
    process = tree.read(9).by_pid[9]
    assert (process.container_id, process.pod_uid) == ("", "")


def test_a_process_that_is_gone_is_dead_and_keeps_what_it_was(tree: Tree) -> None:
    tree.add(4711)
    tree.read(4711)
    tree.remove(4711)
    process = tree.read(4711).by_pid[4711]
    assert (process.is_dead, process.name, process.pod_uid) == (True, "llama-server", UID)


def test_a_process_that_was_never_seen_is_dead_without_a_name(tree: Tree) -> None:
    process = tree.read(4711).by_pid[4711]
    assert (process.is_dead, process.name, process.pod_uid) == (True, "", "")


def test_a_number_that_was_given_anew_is_not_the_holder(tree: Tree) -> None:
    """The driver named the number all along: the memory is the first process's, and that is dead, also later on."""
    tree.add(4711)
    tree.read(4711)
    tree.add(4711, name="bash", cgroup="0::/user.slice\n", start=99)
    for _ in range(2):
        process = tree.read(4711).by_pid[4711]
        assert (process.is_dead, process.name, process.pod_uid) == (True, "llama-server", UID)


def test_a_number_that_was_dead_at_first_sight_stays_dead(tree: Tree) -> None:
    tree.read(4711)
    tree.add(4711, name="bash")
    assert tree.read(4711).by_pid[4711].is_dead


def test_a_number_that_the_driver_had_forgotten_is_a_new_process(tree: Tree) -> None:
    tree.add(4711)
    tree.read(4711)
    tree.read()
    tree.add(4711, name="vllm", start=99)
    process = tree.read(4711).by_pid[4711]
    assert (process.is_dead, process.name) == (False, "vllm")


def test_a_process_that_nobody_has_reaped_is_a_zombie(tree: Tree) -> None:
    tree.add(4711)
    stat = tree.proc / "4711" / "stat"
    stat.write_text(stat.read_text().replace(") S ", ") Z "))
    process = tree.read(4711).by_pid[4711]
    assert (process.is_dead, process.is_zombie) == (False, True)


def test_at_most_256_processes_are_looked_up(tree: Tree) -> None:
    assert len(tree.read(*range(1000, 2000)).by_pid) == 256


@pytest.mark.parametrize("stat", ["", "1 no brackets", "1 (a) S 1 2", "1 (a) " + "x " * 30])
def test_a_stat_that_is_none_is_said(tree: Tree, stat: str) -> None:
    tree.write(1, stat)
    with pytest.raises(SourceError, match="expected stat and cgroup, found") as failed:
        tree.read(1)
    assert failed.value.kind == "bad_answer"


def test_a_pod_without_the_hosts_processes_says_what_to_set(tree: Tree) -> None:
    """Process 2 is the kernel's own on a node; in a container it is anybody, or nobody: all would look dead."""
    tree.add(2, name="lanewatch", cgroup="0::/\n")
    with pytest.raises(SourceError, match="expected all processes of the node, found only some; set hostPID") as failed:
        tree.read(1)
    assert failed.value.kind == "forbidden"
    assert not is_in_sight(str(tree.proc))
    tree.remove(2)
    assert not is_in_sight(str(tree.proc))


def test_a_directory_that_is_no_proc_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected the node's /proc, found none; set processes\.proc") as failed:
        asyncio.run(ProcessTable(Settings(proc=str(tmp_path)), "").read())
    assert failed.value.kind == "absent"


def _simulated(scenario: str, seconds: float) -> tuple[Processes, Iterable[DeviceProcess]]:
    times = iter([0.0])
    hand = Stagehand(scenario, lambda: next(times, seconds))
    return asyncio.run(SimulatedProcesses(hand).read()), simulated_device(hand.moment).processes or ()


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("seconds", [0, 25, 60])
def test_the_simulated_servers_are_in_pods_with_a_name(scenario: str, seconds: float) -> None:
    """Every process of the simulated card is one of a pod that is known, but for one that is the node's own."""
    processes, held = _simulated(scenario, seconds)
    assert {process.pid for process in held} <= set(processes.by_pid)
    foreign = {"python3"} if (scenario, seconds) in {("intruder", 25), ("intruder", 60)} else set()
    assert {process.name for process in processes.by_pid.values() if process.pod_uid not in processes.pods} == foreign


def test_the_simulated_card_is_held_by_its_lane() -> None:
    processes, _ = _simulated("healthy", 0)
    device = simulated_device(Stagehand("healthy").moment)
    holds = attribution.held(device, processes, processes.pods)
    assert attribution.memory_parts(device, holds)["unattributed"] == 0
    assert [row.pod for row in attribution.largest(holds, 8)] == ["qwen36-35b-gguf-fast-6d5f9c7b8-simul"]


_QUIET: Final = "{nvml: {enabled: false}, kubelet: {enabled: false, pod_logs: ''}, kernel_log: {read: never}}"


async def _wired(settings: Settings) -> Wiring:
    config = structs.replace(parse_config(_QUIET, "x"), processes=settings)
    async with contextlib.AsyncExitStack() as stack:
        return await wire_sources(config, "node", stack)


def _is_read(wiring: Wiring) -> bool:
    return any(schedule.name == "processes" for schedule in wiring.schedules)


@pytest.mark.parametrize(
    ("read", "is_hidden", "expected"),
    [
        pytest.param("auto", False, True, id="auto: they are in sight"),
        pytest.param("auto", True, False, id="auto: they are not, and nothing is down"),
        pytest.param("always", True, True, id="always: the source says what is missing"),
        pytest.param("never", False, False, id="never"),
    ],
)
def test_the_source_is_there_where_it_can_work_or_is_asked_for(
    tree: Tree, read: Literal["auto", "always", "never"], *, is_hidden: bool, expected: bool
) -> None:
    """Without the privilege the parts of the memory are still told; only whose they are is not."""
    if is_hidden:
        tree.remove(2)
    wiring = asyncio.run(_wired(Settings(read=read, proc=str(tree.proc))))
    assert _is_read(wiring) is expected
    assert "processes" in wiring.collectors


def test_the_source_looks_up_what_the_driver_names_at_present(tree: Tree) -> None:
    """It follows the snapshot: what another source said last, and no process that nobody asked for."""
    tree.add(4711)
    wiring = asyncio.run(_wired(Settings(proc=str(tree.proc))))
    card = Device(uuid="GPU-0", index=0, processes=(DeviceProcess(pid=4711),))
    source = next(schedule.source for schedule in wiring.schedules if schedule.name == "processes")
    for follow in wiring.followers:
        follow(lambda: Snapshot(node="n", gpus=Gpus(source="nvml", devices=(card,))))
    found = asyncio.run(source.read())
    assert isinstance(found, Processes)
    assert set(found.by_pid) == {4711}
