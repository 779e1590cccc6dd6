import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from socket import AF_UNIX
from socket import socket as UnixSocket  # noqa: N812  # the fixture has the name
from typing import Any

import pytest

from exporter.errors import SourceError
from exporter.snapshot import Allocation, Allocations
from exporter.sources import podresources
from exporter.sources.podresources import PodResources
from fakes.kubelet import Answer, kubelet, pod

LISTED = Answer(pod_resources=[pod("fast-0", "GPU-a")])
READ = Allocations(
    containers=(
        Allocation(
            namespace="vllm", pod="fast-0", container="server", resource="nvidia.com/gpu", device_ids=("GPU-a",)
        ),
    )
)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "kubelet.sock"


async def failure_of(source: PodResources) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.read()
    await source.close()
    return caught.value


def test_lists_containers_that_hold_a_gpu(socket: Path) -> None:
    """Every container with a device of a GPU resource is listed, its entries joined, other resources left out."""
    answer = Answer(
        pod_resources=[
            pod("fast-0", "GPU-a::0", "GPU-a::1"),
            pod("sriov-0", "0000:01:00.1", resource="intel.com/sriov"),
            pod("monitor-0", "card0-0", resource="gpu.intel.com/xe_monitoring"),
            pod("arc-0", "card0-0", resource="gpu.intel.com/xe"),
            pod("plain-0"),
        ]
    )

    async def read() -> Allocations:
        async with kubelet(socket, answer):
            source = PodResources(str(socket))
            found = await source.read()
            await source.close()
            return found

    found = asyncio.run(read())

    assert [(one.pod, one.resource, one.device_ids) for one in found.containers] == [
        ("fast-0", "nvidia.com/gpu", ("GPU-a::0", "GPU-a::1")),
        ("arc-0", "gpu.intel.com/xe", ("card0-0",)),
    ]


def test_says_what_to_mount_when_there_is_no_socket(socket: Path) -> None:
    """An absent socket is `absent`, with its path and how to mount it."""
    error = asyncio.run(failure_of(PodResources(str(socket))))

    assert error.kind == "absent"
    assert f"{socket}: expected the kubelet's socket, found no file; mount the host's directory" in str(error)


def test_socket_without_a_kubelet_is_refused(socket: Path) -> None:
    """A socket that was left behind by a kubelet which is gone is `refused`."""
    with UnixSocket(AF_UNIX) as left_behind:
        left_behind.bind(str(socket))

    assert asyncio.run(failure_of(PodResources(str(socket)))).kind == "refused"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(None, "absent", id="a kubelet that does not know the service is absent"),
        pytest.param(Answer(pod_resources=[pod("a", padding=20_000_000)]), "too_large", id="20 MB are too large"),
    ],
)
def test_names_what_is_wrong(socket: Path, answer: Answer | None, kind: str) -> None:
    """What the kubelet does wrong has its kind."""

    async def fail() -> SourceError:
        async with kubelet(socket, answer):
            return await failure_of(PodResources(str(socket)))

    assert kind == asyncio.run(fail()).kind


def test_reads_an_answer_above_the_default_limit_of_grpc(socket: Path) -> None:
    """5 MB, which grpc refuses unless told otherwise, are read."""
    answer = Answer(pod_resources=[pod("fast-0", "GPU-a", padding=5_000_000)])

    async def read() -> Allocations:
        async with kubelet(socket, answer):
            return await read_and_close(PodResources(str(socket)))

    assert asyncio.run(read()) == READ


def test_silent_kubelet_times_out(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubelet that accepts and says nothing is given up."""
    monkeypatch.setattr(podresources, "_DEADLINE_SECONDS", 0.1)

    async def fail() -> SourceError:
        async with kubelet(socket, LISTED, delay_seconds=5):
            return await failure_of(PodResources(str(socket)))

    assert asyncio.run(fail()).kind == "timeout"


def test_first_reading_after_a_kubelet_restart_works_and_no_file_stays_open(socket: Path) -> None:
    """Each of 20 recreated sockets is read at the first try, and the count of open files does not grow."""

    async def restart_often() -> tuple[int, int]:
        source = PodResources(str(socket))
        counts = []
        for _ in range(20):
            async with kubelet(socket, LISTED):
                assert await source.read() == READ
                counts.append(open_files())
            assert (await kind_of(source.read)) == "absent"
        await source.close()
        return counts[1], counts[-1]

    early, late = asyncio.run(restart_often())

    assert late <= early + 2


def test_new_channel_after_two_failures(socket: Path) -> None:
    """A channel that failed twice is dropped, though the socket is the same."""

    async def fail_twice_then_read() -> list[bool]:
        source = PodResources(str(socket))
        dropped = []
        async with kubelet(socket, None):
            for _ in range(3):
                before = source._channel  # noqa: SLF001  # a channel has no other mark from outside
                await kind_of(source.read)
                dropped.append(before is not None and before is not source._channel)  # noqa: SLF001
        await source.close()
        return dropped

    assert asyncio.run(fail_twice_then_read()) == [False, False, True]


def test_grpc_is_not_imported_before_there_is_a_socket(socket: Path) -> None:
    """The 21 MiB of grpc are paid only where a kubelet answers."""
    script = (
        "import asyncio, sys; from exporter.sources.podresources import PodResources\n"
        "from exporter.errors import SourceError\n"
        f"try: asyncio.run(PodResources({str(socket)!r}).read())\n"
        "except SourceError: pass\n"
        "sys.exit('grpc' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def read_and_close(source: PodResources) -> Allocations:
    found = await source.read()
    await source.close()
    return found


async def kind_of(read: Callable[[], Coroutine[Any, Any, Allocations]]) -> str:
    with pytest.raises(SourceError) as caught:
        await read()
    return caught.value.kind


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a Path would itself be one more
