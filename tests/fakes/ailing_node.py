"""A node on which much is wrong at once, after a switch of lanes, for what only shows then."""

from dataclasses import replace
from typing import Final

from exporter.cluster import Claim, ClaimedDevice, Dra, Pod, Termination
from exporter.collectors.disagreement import DisagreementCollector
from exporter.exposition import Exposition, Page
from exporter.snapshot import (
    Agents,
    Allocations,
    Device,
    DeviceProcess,
    Gpus,
    KernelLog,
    KernelXid,
    NodeView,
    NvLink,
    PciBus,
    PciDevice,
    Processes,
    ProcessInfo,
    Snapshot,
    XidCount,
)
from fakes import reference_cluster, reference_node

AT: Final = reference_node.AT
_CARD: Final = replace(
    reference_node.CARD,
    memory_used_bytes=23_500 * reference_node.MIB,
    memory_free_bytes=528 * reference_node.MIB,
    bar1_total_bytes=256 * reference_node.MIB,
    bar1_used_bytes=255 * reference_node.MIB,
    utilization_ratio=0.9,
    power_watts=0.0,
    power_limit_watts=50.0,
    power_limits_watts={"default": 70.0, "max": 70.0},
    temperatures_celsius={"gpu": 88.0, "memory": 103.0},
    temperature_limits_celsius={"slowdown": 90.0, "memory_max": 105.0},
    fan_ratio={"0": 0.0},
    pcie_generation={"now": 1, "max": 5, "under_load": 3},
    pcie_width_lanes={"now": 4, "max": 8, "under_load": 4},
    pcie_replays=12,
    processes=(
        DeviceProcess(pid=4711, memory_bytes=21_600 * reference_node.MIB),
        DeviceProcess(pid=4712, memory_bytes=1_000 * reference_node.MIB),
    ),
    readings_due=120,
    readings_made=96,
    pcie_bytes_per_second={"rx": 1e9, "tx": 2e8},
    retired_pages={"single_bit": 2, "double_bit": 1},
    nvlinks=(
        NvLink(index=0, is_up=True, errors={"crc": 12, "recovery": 1, "replay": 7}),
        NvLink(index=1, is_up=False, errors={"crc": 0, "recovery": 0, "replay": 0}),
    ),
    pcie_errors={"correctable": 3, "fatal": 1},
    ecc_errors={"corrected": 120, "uncorrected": 1},
    row_remaps={"uncorrected": 2},
    is_remap_pending=True,
    is_remap_failed=True,
    recovery_action="drain_and_reset",
    events={"ecc_storm": 1, "gpu_unavailable": 0},
    xids=(XidCount(code=79, count=1, last_at=AT - 5),),
)
_LOST: Final = Device(
    uuid="GPU-6f1c2a34-0000-4000-8000-00000000a002", index=1, pci_bus_id="0000:03:00.0", unavailable="lost"
)
_NVML: Final = Gpus(source="nvml", devices=(_CARD, _LOST), calls=10)
_DCGM: Final = Gpus(source="dcgm", devices=(replace(_CARD, driver_version="570.86.15", memory_used_bytes=0),), calls=2)
# One that fails, one that says that it works and is read no more.
_SOURCES: Final = {
    **reference_node.SNAPSHOT.sources,
    "answers": replace(reference_node.SNAPSHOT.sources["answers"], is_up=False, errors={"timeout": 3}),
    "events": replace(reference_node.SNAPSHOT.sources["events"], last_success_at=AT - 600),
}
_PROCESSES: Final = Processes(by_pid={**reference_node.PROCESSES.by_pid, 4712: ProcessInfo(pid=4712, is_dead=True)})
# Since the lanes' requests were written the node lost a quarter of its memory, and what keeps others off.
_NODES: Final = replace(
    reference_cluster.NODES,
    nodes=tuple(
        replace(one, taints=(), allocatable={**one.allocatable, "memory": 0.75 * one.allocatable["memory"]})
        for one in reference_cluster.NODES.nodes
    ),
)
_ENDED: Final = Termination(reason="OOMKilled", exit_code=137, at=AT - 30)
_INTRUDER: Final = replace(
    reference_cluster.POD,
    name=f"{reference_cluster.LANES[2]}-7c9d-abcde",
    uid="u2",
    lane=reference_cluster.LANES[2],
    phase="Failed",
    reason="UnexpectedAdmissionError",
    is_ready=False,
)


def _pod() -> Pod:
    container = replace(reference_cluster.POD.containers[0], is_ready=False, restarts=3, last=_ENDED)
    return replace(reference_cluster.POD, is_ready=False, containers=(container,))


def snapshot() -> Snapshot:
    """Return the reference node, ill."""
    return replace(
        reference_node.SNAPSHOT,
        gpus=_NVML,
        sources=_SOURCES,
        processes=_PROCESSES,
        allocations=Allocations(),
        nvml=_NVML,
        dcgm=_DCGM,
        workloads=replace(reference_cluster.WORKLOADS, pods=(_pod(), _INTRUDER)),
        kernel_log=KernelLog(
            xids=(
                KernelXid(number=1, pci_bus_id="0000:02:00.0", code=79, at=AT - 5),
                KernelXid(number=2, pci_bus_id="0000:85:00.0", code=20034, at=AT - 5, is_switch=True),
            ),
            lost=4,
        ),
        nodes=_NODES,
        pci=PciBus(
            devices=(
                PciDevice(bus_id="0000:01:00.0", vendor="nvidia"),
                PciDevice(bus_id="0000:02:00.0", vendor="nvidia"),
                PciDevice(bus_id="0000:03:00.0", vendor="nvidia"),
            )
        ),
        dra=Dra(
            version="v1",
            claims=(
                Claim(
                    namespace="vllm",
                    name="gpu",
                    devices=(ClaimedDevice(driver="gpu.nvidia.com", pool="gpu-worker-1", device="gpu-0"),),
                    pods=((_INTRUDER.name, _INTRUDER.uid),),
                ),
            ),
        ),
        agents=Agents(by_node={"gpu-worker-2": NodeView(node="gpu-worker-2")}, silent={"gpu-worker-3": "timeout"}),
    )


def page() -> Page:
    """Return what the exporter says of it."""
    whole = reference_node.exposition()
    whole = Exposition({**whole._collectors, "disagreement": DisagreementCollector().collect})  # noqa: SLF001  # one more
    whole.prepare(_steady(2), AT - 480)
    ordered = _steady(0)
    whole.prepare(replace(ordered, workloads=replace(reference_cluster.WORKLOADS, pods=())), AT - 420)  # nobody runs
    whole.prepare(ordered, AT - 360)
    return whole.prepare(snapshot(), AT)


def _steady(lane: int) -> Snapshot:
    """Return the well node with that of its lanes on it."""
    name = reference_cluster.LANES[lane]
    pod = replace(reference_cluster.POD, name=f"{name}-1", uid=f"u-{lane}", lane=name)
    controllers = tuple(replace(one, desired_replicas=int(one.name == name)) for one in reference_cluster.CONTROLLERS)
    workloads = replace(reference_cluster.WORKLOADS, pods=(pod,), controllers=controllers)
    unseen = replace(reference_node.SNAPSHOT, gpus=None, processes=None, allocations=None)  # by the API server alone
    return replace(unseen, workloads=workloads)
