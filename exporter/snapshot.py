"""Frozen data of one instant: what the sources saw, in our words and in base units.

A field that could not be read is None, never 0. A part of the snapshot whose source failed is None as a whole.
Seconds, bytes, joules, watts, hertz, degrees Celsius and ratios 0..1 throughout; `_at` is Unix time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.backend import Backends
from exporter.cluster import Dra, Events, Nodes, Workloads


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


CardEvent = Literal[
    "mig_change",
    "ecc_storm",
    "memory_retirement",
    "memory_retirement_failed",
    "memory_poison",
    "memory_poison_fatal",
    "gpu_unavailable",
    "recovery_action_change",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NvLink:
    """One NVLink of a card: whether it is up, and its error counters by kind."""

    index: int
    is_up: bool | None = None
    errors: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One card as its driver describes it at one instant."""

    uuid: str
    index: int
    source: str = ""  # which source tells of it, where a list has devices of several; empty: the list's own
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
    parent_uuid: str = ""  # of a MIG instance: the card that it is cut from
    mig_profile: str = ""  # of a MIG instance: 1g.10gb
    vbios_version: str = ""
    serial: str = ""  # only where the configuration asks for it
    sharing: str = ""  # none, mig, mps or vgpu; empty: cannot be told
    bar1_total_bytes: int | None = None
    bar1_used_bytes: int | None = None
    engine_utilization_ratio: Mapping[str, float] = field(default_factory=dict)  # encoder, decoder, jpeg, ofa
    gpm_ratio: Mapping[str, float] = field(default_factory=dict)  # sm_active, tensor_active, dram_active ...
    busy_seconds: float | None = None  # since the reader began, integrated from the driver's own samples
    temperature_limits_celsius: Mapping[str, float] = field(default_factory=dict)  # slowdown, shutdown, memory_max
    temperature_margin_celsius: float | None = None  # how far it is to the card's own slowdown point
    fan_ratio: Mapping[str, float] = field(default_factory=dict)  # by number of the fan
    power_average_watts: float | None = None
    power_limits_watts: Mapping[str, float] = field(default_factory=dict)  # default, min, max
    clocks_max_hertz: Mapping[str, float] = field(default_factory=dict)  # by domain
    performance_state: int | None = None  # 0 fastest .. 15
    pcie_replays: int | None = None
    pcie_errors: Mapping[str, int] = field(default_factory=dict)  # by kind
    pcie_bytes_per_second: Mapping[str, float] = field(default_factory=dict)  # rx, tx; only where asked for
    ecc_errors: Mapping[str, int] = field(default_factory=dict)  # corrected, uncorrected, over the card's life
    retired_pages: Mapping[str, int] = field(default_factory=dict)  # single_bit, double_bit
    row_remaps: Mapping[str, int] = field(default_factory=dict)  # corrected, uncorrected
    is_remap_pending: bool | None = None  # rows or pages that a reset will take out of use
    is_remap_failed: bool | None = None
    recovery_action: str = ""  # none, reset_gpu, reboot_node, drain_p2p, drain_and_reset, recover_imex
    nvlinks: tuple[NvLink, ...] = ()
    peaks: Mapping[str, float] = field(default_factory=dict)  # highest of a stated window, by field of this struct
    events: Mapping[CardEvent, int] = field(default_factory=dict)  # what the driver reported besides Xids; 0: watched
    readings_due: int | None = None  # since the exporter began; a card that loses readings under load is ill
    readings_made: int | None = None
    xids: tuple[XidCount, ...] | None = None  # None: events of this device cannot be watched


UNAVAILABLE_REASONS = ("lost", "hung", "failed", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpus:
    """All devices of one node, from one source (`nvml`, `dcgm`, `xpum`, `simulated`)."""

    source: str
    devices: tuple[Device, ...] = ()
    calls: int = 0  # calls into the driver since the exporter started
    allocations: "tuple[Allocation, ...]" = ()  # who holds what, where the source tells it (`dcgm`)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelXid:
    """Lines of the kernel log that told of one Xid, or SXid of an NVSwitch, within about a second."""

    number: int  # ours, rising: what was taken already is told by it
    pci_bus_id: str
    code: int
    at: float
    count: int = 1
    sequence: int = -1  # the kernel's number of the last line; -1: the lines carry none
    pid: int = 0  # of the last line that named one
    is_switch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelLog:
    """What the kernel log said lately; `addresses` are the UUIDs that it named, by PCI address."""

    xids: tuple[KernelXid, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    lost: int = 0  # lines that were overwritten, or too many, before they could be read


@dataclass(frozen=True, slots=True, kw_only=True)
class PciDevice:
    """One display or 3D controller on the PCI bus that no virtual machine was given."""

    bus_id: str
    vendor: str  # nvidia, amd or intel


@dataclass(frozen=True, slots=True, kw_only=True)
class PciBus:
    """The cards that the PCI bus shows, whatever their drivers say."""

    devices: tuple[PciDevice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessInfo:
    """One process that holds memory of a device, as the kernel describes it, or did while it lived."""

    pid: int
    name: str = ""  # the kernel's own, at most 15 bytes; empty: it was never seen alive
    container_id: str = ""  # empty: a process of the host
    pod_uid: str = ""
    started_ticks: int | None = None  # tells it from a later process with the same number
    is_dead: bool = False  # it is gone from /proc, and the driver still names it
    is_zombie: bool = False  # it ended, and nobody has reaped it


@dataclass(frozen=True, slots=True, kw_only=True)
class PodName:
    """What a pod's UID stands for."""

    namespace: str
    pod: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes that the driver names, as the kernel of this node describes them."""

    by_pid: Mapping[int, ProcessInfo] = field(default_factory=dict)
    pods: Mapping[str, PodName] = field(default_factory=dict)  # by UID; where the kubelet's log directories tell


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDevice:
    """One device that the kubelet gave by a claim (DRA), as its driver named it and as CDI does."""

    driver: str
    pool: str
    device: str
    claim_namespace: str = ""
    claim: str = ""
    cdi_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """One container that the kubelet gave devices to; `device_ids` are as the device plugin named them."""

    namespace: str
    pod: str
    container: str
    resource: str  # nvidia.com/gpu; empty: by claims only
    device_ids: tuple[str, ...]
    claim_devices: tuple[ClaimDevice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocations:
    """What the kubelet of this node gave to whom."""

    containers: tuple[Allocation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One container that was given a card or a part of it; `source` is what says so.

    device_plugin and dra: the kubelet gave it; process: it holds memory of the card without having been given it.
    """

    gpu_uuid: str
    namespace: str
    pod: str
    container: str
    lane: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHolder:
    """Processes of one name in one pod that hold memory of a card; `part` is one of `facts.attribution.PARTS`."""

    gpu_uuid: str
    part: str
    namespace: str
    pod: str
    process: str
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The cards of one node, who owns them and who holds their memory; a part that is not known there is None."""

    node: str
    devices: tuple[Device, ...] | None = None
    owners: tuple[Owner, ...] | None = None
    states: Mapping[str, str] = field(default_factory=dict)  # UUID -> state of ownership
    holders: tuple[MemoryHolder, ...] | None = None
    memory_parts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # UUID -> part -> bytes
    cards: Mapping[str, int] = field(default_factory=dict)  # view (expected, pci, nvml, telemetry) -> cards
    telemetry: tuple[Device, ...] | None = None  # the same cards as a dcgm-exporter or xpumanager there tells them
    telemetry_facts: Mapping[str, str] = field(default_factory=dict)  # where an agent told only what that comes to
    sources: Mapping[str, bool] = field(default_factory=dict)  # source -> whether its last reading worked
    never_read: frozenset[str] = frozenset()  # of these sources: those that gave nothing since the exporter there began
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """What the agents of other nodes say; a node whose agent does not answer is in `silent`, with the reason."""

    by_node: Mapping[str, NodeView] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """When each lane gave its last first token, to a probe or to a user, Unix time."""

    by_lane: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How one source does: whether its last reading worked, when one last did, and how often it failed and why."""

    name: str
    is_up: bool
    last_success_at: float | None = None
    duration_seconds: float | None = None
    interval_seconds: float | None = None  # between two readings, as configured
    errors: Mapping[str, int] = field(default_factory=dict)  # by kind
    message: str = ""  # for people: what is wrong and how to mend it; never a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything known at one instant; swapped as a whole, so that no reader sees half of a change."""

    node: str
    gpus: Gpus | None = None  # as the driver says; after `facts.chosen`, as the source says that speaks for the node
    nvml: Gpus | None = None  # as the driver says, whoever speaks for the node; set by `facts.chosen`
    dcgm: Gpus | None = None  # as a dcgm-exporter says
    xpum: Gpus | None = None  # as an xpumanager says
    allocations: Allocations | None = None
    workloads: Workloads | None = None
    nodes: Nodes | None = None
    dra: Dra | None = None
    events: Events | None = None
    agents: Agents | None = None
    answers: Answers | None = None
    backends: Backends | None = None
    processes: Processes | None = None
    kernel_log: KernelLog | None = None
    pci: PciBus | None = None
    sources: Mapping[str, SourceState] = field(default_factory=dict)
    monitors: tuple[str, ...] = ()  # `namespace/pod` of those that only look at cards, `*` for any text
    is_simulated: bool = False
