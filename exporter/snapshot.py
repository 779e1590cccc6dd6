"""Frozen data of one instant: what the sources saw, in our words and in base units.

A field that could not be read is None, never 0. A part of the snapshot whose source failed is None as a whole.
Seconds, bytes, joules, watts, hertz, degrees Celsius and ratios 0..1 throughout; `_at` is Unix time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class XidCount:
    """How often the driver reported one Xid of one device, and when last."""

    code: int
    count: int
    last_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProcess:
    """One process that holds memory of a device; `memory_bytes` is None where the driver does not say."""

    pid: int
    memory_bytes: int | None = None
    is_graphics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One card as its driver describes it at one instant."""

    uuid: str
    index: int
    model: str = ""
    pci_bus_id: str = ""
    driver_version: str = ""
    cuda_version: str = ""
    unavailable: str | None = None  # why it does not answer (`UNAVAILABLE_REASONS`); None: it answers
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    utilization_ratio: float | None = None
    memory_copy_utilization_ratio: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    energy_joules: float | None = None
    temperatures_celsius: Mapping[str, float] = field(default_factory=dict)  # by sensor
    clocks_hertz: Mapping[str, float] = field(default_factory=dict)  # by domain
    clock_events: Mapping[str, bool] = field(default_factory=dict)  # by reason; empty: not readable
    throttle_seconds: Mapping[str, float] = field(default_factory=dict)  # by reason, since the driver was loaded
    pcie_generation: Mapping[str, int] = field(default_factory=dict)  # view (now, max) -> generation
    pcie_width_lanes: Mapping[str, int] = field(default_factory=dict)  # view (now, max) -> lanes
    processes: tuple[DeviceProcess, ...] | None = None  # None: the list could not be read
    xids: tuple[XidCount, ...] | None = None  # None: events of this device cannot be watched


UNAVAILABLE_REASONS = ("lost", "hung", "failed", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """All devices of one node, from one source (`nvml`, `simulated`)."""

    source: str
    devices: tuple[Device, ...] = ()
    calls: int = 0  # calls into the driver since the exporter started


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One container that the kubelet gave devices to; `device_ids` are as the device plugin named them."""

    namespace: str
    pod: str
    container: str
    resource: str  # nvidia.com/gpu
    device_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """What the kubelet of this node gave to whom."""

    containers: tuple[Allocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod that carries a pool's label; `phase` is Kubernetes' own, `lane` is the Deployment that made it."""

    namespace: str
    name: str
    uid: str
    lane: str
    phase: str
    node: str = ""
    is_ready: bool = False
    is_terminating: bool = False
    restarts: int = 0
    reason: str = ""  # status.reason, or why it is not scheduled, or what its container waits for
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One Deployment whose pods carry a pool's label: a lane."""

    namespace: str
    name: str
    desired_replicas: int
    generation: int = 0  # rises whenever somebody changes the spec: replicas, image, anything
    labels: Mapping[str, str] = field(default_factory=dict)  # of its pod template


@dataclass(frozen=True, slots=True, kw_only=True)
class Workloads:
    """Pods and Deployments of the pools, as the API server says."""

    pods: tuple[Pod, ...] = ()
    deployments: tuple[Deployment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How one source does: whether its last reading worked, when one last did, and how often it failed and why."""

    name: str
    is_up: bool
    last_success_at: float | None = None
    duration_seconds: float | None = None
    errors: Mapping[str, int] = field(default_factory=dict)  # by kind
    message: str = ""  # for people: what is wrong and how to mend it; never a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything known at one instant; swapped as a whole, so that no reader sees half of a change."""

    node: str
    gpus: Gpus | None = None
    allocations: Allocations | None = None
    workloads: Workloads | None = None
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    is_simulated: bool = False
