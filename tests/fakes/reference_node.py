"""One fixed snapshot of the reference node, and the page that the exporter makes of it."""

from exporter.collectors import devices, sources
from exporter.collectors.headroom import HeadroomCollector
from exporter.collectors.lane_events import LaneEventCollector
from exporter.collectors.lanes import LaneCollector
from exporter.collectors.nodes import NodeCollector
from exporter.collectors.ownership import OwnershipCollector, collect_claims
from exporter.collectors.presence import PresenceCollector
from exporter.collectors.processes import ProcessCollector
from exporter.collectors.starts import StartCollector
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
from fakes import reference_cluster

AT = reference_cluster.AT
MIB = reference_cluster.MIB
UUID = "GPU-6f1c2a34-0000-4000-8000-00000000a001"

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

PROCESSES = Processes(
    by_pid={4711: ProcessInfo(pid=4711, name="llama-server", container_id="c1", pod_uid="u1", started_ticks=25)}
)

SNAPSHOT = Snapshot(
    node=reference_cluster.NODE,
    gpus=Gpus(source="nvml", devices=(CARD,), calls=1234),
    kernel_log=KernelLog(),
    pci=PciBus(devices=(PciDevice(bus_id="0000:01:00.0", vendor="nvidia"),)),
    allocations=Allocations(
        containers=(
            Allocation(
                namespace="vllm",
                pod=reference_cluster.POD.name,
                container="server",
                resource="nvidia.com/gpu",
                device_ids=(UUID,),
            ),
        )
    ),
    processes=PROCESSES,
    workloads=reference_cluster.WORKLOADS,
    nodes=reference_cluster.NODES,
    events=reference_cluster.EVENTS,
    answers=reference_cluster.ANSWERS,
    sources={
        name: SourceState(name=name, is_up=True, last_success_at=AT - 2, duration_seconds=0.001, interval_seconds=1.0)
        for name in ("nvml", "podresources", "kubernetes", "nodes", "events", "answers")
    },
)


def exposition() -> Exposition:
    """Return the exposition of every collector that needs no probe."""
    config = Config()
    return Exposition(
        {
            "sources": sources.collect,
            "xids": XidCollector().collect,
            "presence": PresenceCollector().collect,
            "processes": ProcessCollector(config.processes.top).collect,
            "devices": devices.collect,
            "ownership": OwnershipCollector().collect,
            "claims": collect_claims,
            "lanes": LaneCollector(config.pools, config.kubernetes.annotations).collect,
            "starts": StartCollector(config.pools).collect,
            "lane_events": LaneEventCollector(config.pools).collect,
            "nodes": NodeCollector(config.node_baseline, config.pools, config.agents).collect,
            "headroom": HeadroomCollector(config.pools).collect,
        }
    )


def page(snapshot: Snapshot = SNAPSHOT) -> Page:
    """Return the page of `snapshot`."""
    return exposition().prepare(snapshot, AT)
