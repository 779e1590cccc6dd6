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
from exporter.poll import Poller, Schedule
from exporter.snapshot import Allocation, Allocations, ClaimDevice, Snapshot
from exporter.sources import podresources
from exporter.sources.podresources import PodResources
from fakes.kubelet import Answer, claimed, device, kubelet, pod

V1, V1ALPHA1 = "/v1.PodResourcesLister/List", "/v1alpha1.PodResourcesLister/List"
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
        pytest.param(None, "failed", id="a kubelet that has no list now has failed"),
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
            assert await kind_of(source.read) == "absent"
        await source.close()
        return counts[1], counts[-1]

    early, late = asyncio.run(restart_often())

    assert late <= early + 2


def test_a_kubelet_that_is_away_is_looked_for_more_often(socket: Path) -> None:
    """Ownership is not an interval late because the kubelet came back just after a reading."""
    schedule = Schedule(
        name="podresources",
        source=PodResources(str(socket)),
        slot="allocations",
        part=Allocations,
        interval_seconds=60,
        deadline_seconds=5,
        retry_seconds=0.05,
    )
    poller = Poller(Snapshot(node="n"), [schedule])

    async def come_late() -> None:
        polling = asyncio.create_task(poller.run())
        await until(lambda: "no file" in poller.snapshot.sources["podresources"].message)
        async with kubelet(socket, LISTED):
            await until(lambda: poller.snapshot.allocations == READ)
        polling.cancel()

    asyncio.run(come_late())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  # the poller tells nobody
            await asyncio.sleep(0.005)


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


def test_claims_are_read_with_the_names_of_their_devices(socket: Path) -> None:
    """What a claim gave is told by driver, pool, device and CDI; devices that are no GPUs are left out."""
    card = device("gpu.nvidia.com", "node-a", "gpu-0", "k8s.gpu.nvidia.com/claim=1-gpu-0")
    answer = Answer(
        pod_resources=[
            claimed("fast-0", card, device("compute-domain.nvidia.com", "node-a", "channel-0")),
            claimed("old-0", device("", "", "", "nvidia.com/gpu=GPU-a"), device("", "", "", "nvidia.com/net=1")),
            claimed("net-0", device("dra.net", "node-a", "eth0")),
        ]
    )

    async def read() -> Allocations:
        async with kubelet(socket, answer):
            return await read_and_close(PodResources(str(socket)))

    given = ClaimDevice(
        driver="gpu.nvidia.com",
        pool="node-a",
        device="gpu-0",
        claim_namespace="vllm",
        claim="gpu",
        cdi_names=("k8s.gpu.nvidia.com/claim=1-gpu-0",),
    )
    old = ClaimDevice(
        driver="", pool="", device="", claim_namespace="vllm", claim="gpu", cdi_names=("nvidia.com/gpu=GPU-a",)
    )
    assert [(one.pod, one.resource, one.device_ids, one.claim_devices) for one in asyncio.run(read()).containers] == [
        ("fast-0", "", (), (given,)),
        ("old-0", "", (), (old,)),
    ]


@pytest.mark.parametrize(
    ("services", "kind", "asked"),
    [
        pytest.param(("v1alpha1.PodResourcesLister",), "", [V1], id="an old kubelet is asked for v1 only once"),
        pytest.param((), "absent", [V1, V1ALPHA1], id="a kubelet that knows neither is not asked again"),
    ],
)
def test_what_the_kubelet_does_not_know_is_asked_once(
    socket: Path, services: tuple[str, ...], kind: str, asked: list[str]
) -> None:
    """A method that is not there stays away as long as the socket stays; every reading still says how it stands."""
    told: list[str] = []

    async def read_often() -> set[str]:
        source = PodResources(str(socket))
        async with kubelet(socket, LISTED, services=services, asked=told):
            kinds = {await outcome(source) for _ in range(5)}
        await source.close()
        return kinds

    assert (asyncio.run(read_often()), told) == ({kind}, asked)


def test_a_new_socket_is_asked_for_everything_again(socket: Path) -> None:
    """The kubelet behind it may be a newer one."""

    async def upgrade() -> list[str]:
        source = PodResources(str(socket))
        kinds = []
        for services in ((), ("v1.PodResourcesLister",)):
            async with kubelet(socket, LISTED, services=services):
                kinds.append(await outcome(source))
        await source.close()
        return kinds

    assert asyncio.run(upgrade()) == ["absent", ""]


class Clock:
    """A clock that stands still between readings."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


GONE = Answer(pod_resources=[])
BARE = Answer(pod_resources=[pod("fast-0")])
MOVED = Answer(pod_resources=[pod("fast-0", "GPU-b")])


@pytest.mark.parametrize(
    ("answers", "step_seconds", "expected"),
    [
        pytest.param([LISTED, None], 10, [["GPU-a"], ["GPU-a"]], id="a kubelet that fails has its last word kept"),
        pytest.param([LISTED, None, None], 10, [["GPU-a"], ["GPU-a"], []], id="and gone within two intervals"),
        pytest.param([LISTED, None, None, LISTED], 10, [["GPU-a"], ["GPU-a"], [], ["GPU-a"]], id="until it is back"),
        pytest.param([LISTED, BARE], 10, [["GPU-a"], ["GPU-a"]], id="a listed pod without its card keeps it a while"),
        pytest.param([LISTED, BARE, BARE], 10, [["GPU-a"], ["GPU-a"], []], id="and loses it within two intervals"),
        pytest.param([LISTED, BARE, None], 4, [["GPU-a"], ["GPU-a"], ["GPU-a"]], id="whichever way it is missing"),
        pytest.param([LISTED, GONE], 10, [["GPU-a"], []], id="a pod that is listed no longer owns nothing at once"),
        pytest.param([LISTED, MOVED], 10, [["GPU-a"], ["GPU-b"]], id="another card replaces the first at once"),
        pytest.param([None], 10, [[]], id="who never said anything has no last word"),
    ],
)
def test_the_last_word_is_kept_for_less_than_two_intervals(
    socket: Path, answers: list[Answer | None], step_seconds: float, expected: list[list[str]]
) -> None:
    """Kubelets and device plugins restart, and the cards stay where they are; a deleted pod's do not."""
    clock = Clock()

    async def read_each() -> list[list[str]]:
        source = PodResources(str(socket), keep_seconds=16, now=clock)
        seen = []
        async with kubelet(socket, *answers):
            for _ in answers:
                seen.append(await cards_of(source))
                clock.at += step_seconds
        await source.close()
        return seen

    assert asyncio.run(read_each()) == expected


async def cards_of(source: PodResources) -> list[str]:
    """Return the ids that the poller would put into the snapshot."""
    try:
        found: object = await source.read()
    except SourceError as error:
        found = error.partial
    containers = found.containers if isinstance(found, Allocations) else ()
    return [device_id for one in containers for device_id in one.device_ids]


async def outcome(source: PodResources) -> str:
    """Return the kind of the failure, empty where there is none."""
    try:
        await source.read()
    except SourceError as error:
        return error.kind
    return ""


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
