"""One fixed snapshot of the reference node, and the page that the exporter makes of it."""

from exporter.cluster import Controller, Pod, Workloads
from exporter.collectors import devices, sources
from exporter.collectors.lanes import LaneCollector
from exporter.collectors.presence import PresenceCollector
from exporter.collectors.processes import ProcessCollector
from exporter.collectors.xids import XidCollector
from exporter.config import Config
from exporter.exposition import Exposition, Page
from exporter.snapshot import (
    Allocation,
    Allocations,
    Device,
    DeviceProcess,
    Gpus,
    KernelLog,
    PciBus,
    PciDevice,
    Processes,
    ProcessInfo,
    Snapshot,
    SourceState,
    XidCount,
)

AT = 1_790_000_000.0
MIB = 1 << 20
UUID = "GPU-6f1c2a34-0000-4000-8000-00000000a001"
_LABELS = {"platform.example.com/gpu-llm": "true"}
_LANES = ("qwen36-35b-gguf-fast", "qwen36-35b-gguf-longctx", "qwen36-27b-deep")

CARD = Device(
    uuid=UUID,
    index=0,
    model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
    pci_bus_id="00000000:01:00.0",
    driver_version="610.43.02",
    cuda_version="13.3",
    memory_total_bytes=24467 * MIB,
    memory_used_bytes=21642 * MIB,
    memory_free_bytes=2386 * MIB,
    memory_reserved_bytes=439 * MIB,
    utilization_ratio=0.0,
    memory_copy_utilization_ratio=0.0,
    power_watts=9.1,
    power_limit_watts=70.0,
    energy_joules=1_234_567.0,
    temperatures_celsius={"gpu": 37.0},
    clocks_hertz={"graphics": 180e6, "sm": 180e6, "memory": 405e6, "video": 600e6},
    clock_events={"idle": True, "power_cap": False},
    throttle_seconds={"power_cap": 12.5},
    pcie_generation={"now": 1, "max": 5},
    pcie_width_lanes={"now": 8, "max": 8},
    processes=(DeviceProcess(pid=4711, memory_bytes=21600 * MIB),),
    xids=(XidCount(code=31, count=2, last_at=AT - 3600),),
)

SNAPSHOT = Snapshot(
    node="gpu-worker-1",
    gpus=Gpus(source="nvml", devices=(CARD,), calls=1234),
    kernel_log=KernelLog(),
    pci=PciBus(devices=(PciDevice(bus_id="0000:01:00.0", vendor="nvidia"),)),
    allocations=Allocations(
        containers=(
            Allocation(
                namespace="vllm",
                pod=f"{_LANES[0]}-6d5f9c7b8-x2x7k",
                container="server",
                resource="nvidia.com/gpu",
                device_ids=(UUID,),
            ),
        )
    ),
    processes=Processes(
        by_pid={4711: ProcessInfo(pid=4711, name="llama-server", container_id="c1", pod_uid="u1", started_ticks=25)}
    ),
    workloads=Workloads(
        pods=(
            Pod(
                namespace="vllm",
                name=f"{_LANES[0]}-6d5f9c7b8-x2x7k",
                uid="u1",
                lane=_LANES[0],
                phase="Running",
                node="gpu-worker-1",
                is_ready=True,
                labels=_LABELS,
            ),
        ),
        controllers=tuple(
            Controller(namespace="vllm", name=lane, desired_replicas=int(lane == _LANES[0]), labels=_LABELS)
            for lane in _LANES
        ),
    ),
    sources={
        name: SourceState(name=name, is_up=True, last_success_at=AT - 2, duration_seconds=0.001)
        for name in ("nvml", "podresources", "kubernetes")
    },
)


def exposition() -> Exposition:
    """Return the exposition of every collector that needs no probe."""
    return Exposition(
        {
            "sources": sources.collect,
            "xids": XidCollector().collect,
            "presence": PresenceCollector().collect,
            "processes": ProcessCollector(Config().processes.top).collect,
            "devices": devices.collect,
            "lanes": LaneCollector(Config().pools).collect,
        }
    )


def page(snapshot: Snapshot = SNAPSHOT) -> Page:
    """Return the page of `snapshot`."""
    return exposition().prepare(snapshot, AT)
