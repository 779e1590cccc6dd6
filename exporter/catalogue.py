"""Every metric that Lanewatch emits: name, kind, labels, and what it says to a person at 3 a.m.

No other file holds a metric name as a string: rules, dashboards and the exposition take these constants.
"""

from typing import Final

from exporter.metric import Metric

_DEVICE: Final = ("node", "gpu_uuid")
_LANE: Final = ("pool", "lane_namespace", "lane")  # a bare `namespace` is the scrape target's own
_POOL: Final = ("pool", "unit")


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}", "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}_total", "counter", text, labels)


def _info(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}_info", "info", text, labels)


def _histogram(name: str, text: str, edges: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}", "histogram", text, labels, edges=edges)


# --- the exporter itself -------------------------------------------------------------------------------------------

BUILD_INFO = _info("build", "Version of this exporter, always 1.", "version", "role", "simulated")
CONFIG_INFO = _info("config", "The configuration that holds, by the first digits of its file's SHA-256.", "hash")
CONFIG_RELOAD_OK = _gauge(
    "config_last_reload_successful",
    "Whether the file was taken when it was last read: config, or web (TLS and passwords). 0: the one before it still "
    "holds; the log says what is wrong with it.",
    "file",
)
CONFIG_RELOADED_AT = _gauge(
    "config_last_reload_success_timestamp_seconds",
    "Unix time at which the file that holds was read. Older than your change: it was not taken, or not seen yet.",
    "file",
)
SOURCE_UP = _gauge(
    "source_up",
    "Whether the last reading of this source worked. 0: its series are absent, not zero; see the log for the reason.",
    "source",
)
SOURCE_LAST_SUCCESS = _gauge(
    "source_last_success_timestamp_seconds",
    "Unix time of the last reading of this source that worked. Its distance to now is the age of what you look at.",
    "source",
)
SOURCE_INTERVAL = _gauge(
    "source_interval_seconds",
    "Seconds between two readings of this source, by the configuration. A reading older than a few of them: the "
    "source hangs.",
    "source",
)
SOURCE_ERRORS = _counter(
    "source_errors",
    "Readings of this source that failed, by kind. Rising: the source is broken now, not only slow.",
    "source",
    "kind",
)
SOURCE_DURATION = _gauge(
    "source_read_duration_seconds",
    "Seconds that the last reading of this source took. Near its deadline: the outside system is slow.",
    "source",
)
SOURCE_CALLS = _counter(
    "source_calls",
    "Calls into the outside system. For nvml: at the default rates at most 1,000 a minute for eight whole cards, "
    "however often we are scraped.",
    "source",
)
READER_STUCK = _gauge(
    "reader_stuck",
    "Reader processes that do not end after they were told to: a driver call never returned. Above 0: look at the "
    "kernel log; only a reboot of the node clears a process in state D.",
)
SERIES_DROPPED = _counter(
    "series_dropped",
    "Series left out because a family passed its budget or could not be rendered. Above 0: something explodes.",
    "family",
)

# --- the card ------------------------------------------------------------------------------------------------------


_NVML: Final = ("nvml",)
_NVML_DCGM: Final = ("nvml", "dcgm")
_ALL: Final = ("nvml", "dcgm", "xpum")


def _card_gauge(name: str, text: str, *labels: str, sources: tuple[str, ...] = _NVML) -> Metric:
    return Metric(f"lanewatch_gpu_{name}", "gauge", text, (*_DEVICE, *labels), sources)


def _card_counter(name: str, text: str, *labels: str, sources: tuple[str, ...] = _NVML) -> Metric:
    return Metric(f"lanewatch_gpu_{name}_total", "counter", text, (*_DEVICE, *labels), sources)


def _card_info(name: str, text: str, *labels: str, sources: tuple[str, ...] = _NVML) -> Metric:
    return Metric(f"lanewatch_{name}_info", "info", text, (*_DEVICE, *labels), sources)


GPU_UP = _card_gauge(
    "up",
    "Whether this card answers. 0: it is lost or a driver call hangs; its values are absent until it answers again.",
    sources=_ALL,
)
GPU_UNAVAILABLE = _card_gauge(
    "unavailable",
    "Why a card does not answer: 1 for the reason that holds now. A lost card keeps its name here.",
    "reason",
    sources=_ALL,
)
GPU_INFO = _card_info(
    "gpu",
    "Identity of a card, always 1; join on gpu_uuid and node. serial is empty unless nvml.serial asks for it.",
    "index",
    "model",
    "pci_bus_id",
    "driver_version",
    "cuda_version",
    "vbios_version",
    "serial",
    "source",
    sources=_ALL,
)
GPU_MIG_INFO = _card_info(
    "gpu_mig",
    "A MIG instance and the card that it is cut from, always 1. The instance has memory and processes; power, "
    "temperature and the rest are with parent_uuid, so that no sum counts twice.",
    "parent_uuid",
    "profile",
    sources=_NVML_DCGM,
)
GPU_SHARING = _card_gauge(
    "sharing_mode",
    "1 for how the driver shares the card: none, mig, mps, vgpu. Time-slicing is none here: only the device plugin "
    "knows of it.",
    "mode",
    sources=_NVML_DCGM,
)
GPU_READINGS_DUE = _card_counter(
    "readings_due",
    "Readings of this card that there should have been since the exporter found it. Compare with gpu_readings_total.",
)
GPU_READINGS = _card_counter(
    "readings",
    "Readings of this card that gave values. Rising slower than gpu_readings_due_total: the card answers late or not "
    "at all, which under load is itself a symptom.",
)
GPU_MEMORY_TOTAL = _card_gauge(
    "memory_total_bytes",
    "Memory of the card, bytes. A card that is cut into MIG instances has no memory series: the instances have them.",
    sources=_ALL,
)
GPU_MEMORY_USED = _card_gauge(
    "memory_used_bytes",
    "Memory in use by processes, bytes. High alone is normal: a server takes its memory when it starts.",
    sources=_ALL,
)
GPU_MEMORY_FREE = _card_gauge(
    "memory_free_bytes", "Memory that a new allocation could take, bytes.", sources=_NVML_DCGM
)
GPU_MEMORY_RESERVED = _card_gauge(
    "memory_reserved_bytes",
    "Memory that driver and firmware keep for themselves, bytes. used + free + reserved = total.",
    sources=_NVML_DCGM,
)
GPU_BAR1_TOTAL = _card_gauge(
    "bar1_total_bytes", "Size of the window through which others reach the card, bytes.", sources=_NVML_DCGM
)
GPU_BAR1_USED = _card_gauge(
    "bar1_used_bytes",
    "Part of that window in use, bytes. Full: mapping more memory fails, as does peer to peer.",
    sources=_NVML_DCGM,
)
GPU_UTILIZATION = _card_gauge(
    "utilization_ratio",
    "Share of time in which any kernel ran, 0..1. It says nothing about saturation: a server holds it near 1.",
    sources=_ALL,
)
GPU_MEMORY_COPY_UTILIZATION = _card_gauge(
    "memory_copy_utilization_ratio", "Share of time in which memory was read or written, 0..1.", sources=_NVML_DCGM
)
GPU_ENGINE_UTILIZATION = _card_gauge(
    "engine_utilization_ratio",
    "Share of time in which an engine worked, 0..1: encoder, decoder, jpeg, ofa.",
    "engine",
    sources=_ALL,
)
GPU_ACTIVITY = _card_gauge(
    "activity_ratio",
    "How busy a part of the chip was over the last minute, 0..1 (GPM, Hopper and later): sm_active, sm_occupancy, "
    "tensor_active, dram_active and others. tensor_active low while sm_active is high: the work is not matrix work.",
    "part",
    sources=_NVML_DCGM,
)
GPU_BUSY = _card_counter(
    "busy_seconds",
    "Seconds in which any kernel ran, out of the driver's own samples since the exporter found the card; its rate is "
    "the mean utilisation, and misses nothing between two scrapes. What the driver did not sample is not counted.",
)
GPU_POWER = _card_gauge("power_watts", "Power drawn now, watts.", sources=_ALL)
GPU_POWER_AVERAGE = _card_gauge("power_average_watts", "Power drawn over the last second, watts, as the driver says.")
GPU_POWER_LIMIT = _card_gauge("power_limit_watts", "Power limit that is enforced now, watts.", sources=_NVML_DCGM)
GPU_POWER_LIMITS = _card_gauge(
    "power_limit_range_watts",
    "Power limits that the card allows, watts: default, min, max. The enforced one below default: somebody set it.",
    "bound",
)
GPU_ENERGY = _card_counter(
    "energy_joules",
    "Energy used since the driver was loaded, joules; its rate is the mean power between two scrapes.",
    sources=_ALL,
)
GPU_TEMPERATURE = _card_gauge(
    "temperature_celsius", "Temperature, degrees Celsius; sensor is gpu or memory.", "sensor", sources=_ALL
)
GPU_TEMPERATURE_LIMIT = _card_gauge(
    "temperature_limit_celsius",
    "Temperature at which the card acts, degrees Celsius: slowdown, shutdown, memory_max.",
    "limit",
)
GPU_TEMPERATURE_MARGIN = _card_gauge(
    "temperature_margin_celsius",
    "Degrees Celsius that are left to the card's slowdown point, by its own word, else by its limit. Near 0: it slows "
    "down or soon will.",
)
GPU_FAN = _card_gauge(
    "fan_ratio", "Speed of a fan, 1 is what it was made for. Absent: others cool the card.", "fan", sources=_NVML_DCGM
)
GPU_MEMORY_USED_PEAK = _card_gauge(
    "memory_used_peak_bytes",
    "Most memory in use over the peak window (60 s unless nvml.peak_window_seconds says otherwise), bytes.",
)
GPU_POWER_PEAK = _card_gauge(
    "power_peak_watts",
    "Highest power over the peak window, watts; out of the driver's own samples where it has them.",
)
GPU_TEMPERATURE_PEAK = _card_gauge(
    "temperature_peak_celsius", "Highest temperature of the chip over the peak window, degrees Celsius."
)
GPU_PEAK_WINDOW = _card_gauge(
    "peak_window_seconds", "Seconds over which the peaks of this card are held. Scrape more often to miss none."
)
GPU_CLOCK = _card_gauge(
    "clock_hertz", "Clock now, hertz; domain is graphics, sm, memory or video.", "domain", sources=_ALL
)
GPU_CLOCK_MAX = _card_gauge("clock_max_hertz", "Highest clock of a domain that the card allows, hertz.", "domain")
GPU_PERFORMANCE_STATE = _card_gauge(
    "performance_state",
    "Performance state, 0 the fastest, 15 the slowest. High under load: the card does not speed up.",
    sources=_NVML_DCGM,
)
GPU_CLOCK_EVENT = _card_gauge(
    "clock_event",
    "1 while the driver holds the clock down for this reason. idle is normal; thermal and power_brake are not.",
    "reason",
)
GPU_THROTTLE = _card_counter(
    "throttle_seconds",
    "Seconds in which the clock was held down for this reason, counted by the driver. Its rate is a share of time.",
    "reason",
    sources=_NVML_DCGM,
)
GPU_PCIE_GENERATION = _card_gauge(
    "pcie_link_generation",
    "PCIe generation: now, the max that card and slot allow, and the highest of the last hour under load (utilisation "
    "0.5 or more). now is low while idle, which is normal; under_load below max is a fault.",
    "view",
    sources=_NVML_DCGM,
)
GPU_PCIE_WIDTH = _card_gauge(
    "pcie_link_width_lanes",
    "PCIe lanes: now, the max, and the most of the last hour under load. under_load below max: look at the slot.",
    "view",
    sources=_NVML_DCGM,
)
GPU_PCIE_REPLAYS = _card_counter(
    "pcie_replays",
    "PCIe packets that were sent again. A rate that does not end: a bad slot, riser or cable.",
    sources=_NVML_DCGM,
)
GPU_PCIE_ERRORS = _card_counter(
    "pcie_errors",
    "PCIe errors that the card counted, by kind. fatal and non_fatal are never normal; correctable at a high rate: "
    "look at slot and riser.",
    "kind",
)
GPU_PCIE_THROUGHPUT = _card_gauge(
    "pcie_throughput_bytes_per_second",
    "Bytes a second over PCIe, as measured for 20 ms; direction is rx or tx. Only where nvml.pcie_throughput asks for "
    "it: each measurement holds a driver call for 20 ms.",
    "direction",
    sources=_NVML_DCGM,
)
GPU_ECC_ERRORS = _card_counter(
    "ecc_errors",
    "Memory errors over the card's life, kind corrected or uncorrected. uncorrected rising: a program got wrong data "
    "and was stopped; drain the card.",
    "kind",
    sources=_NVML_DCGM,
)
GPU_RETIRED_PAGES = _card_gauge(
    "retired_pages",
    "Memory pages taken out of use for good, by cause single_bit or double_bit (older cards).",
    "cause",
    sources=_NVML_DCGM,
)
GPU_ROW_REMAPS = _card_gauge(
    "row_remaps",
    "Memory rows replaced by spare ones, by cause corrected or uncorrected errors.",
    "cause",
    sources=_NVML_DCGM,
)
GPU_REMAP_PENDING = _card_gauge(
    "row_remap_pending",
    "1 while rows or pages wait for a reset of the card to be taken out of use. Plan the reset.",
    sources=_NVML_DCGM,
)
GPU_REMAP_FAILED = _card_gauge(
    "row_remap_failed",
    "1 when a row could not be replaced: the spare ones are used up. Replace the card.",
    sources=_NVML_DCGM,
)
GPU_RECOVERY_ACTION = _card_gauge(
    "recovery_action",
    "1 for what the driver wants done: none, reset_gpu, reboot_node, drain_p2p, drain_and_reset and so on; unknown: "
    "one that is newer than this exporter.",
    "action",
)
GPU_NVLINK_UP = _card_gauge("nvlink_up", "Whether an NVLink of the card is up. 0 on one of many: look at it.", "link")
GPU_NVLINK_ERRORS = _card_counter(
    "nvlink_errors",
    "Errors of an NVLink, by kind: replay, recovery, crc and newer ones. crc rising: a bad link.",
    "link",
    "kind",
)
GPU_PROCESSES = _card_gauge("processes", "Processes that hold memory on the card.")
GPU_XID_ERRORS = _counter(
    "gpu_xid_errors",
    "Xid errors that the driver reported, by code. Class hardware: the card; application: the owner's program. "
    "action is what to do first.",
    *_DEVICE,
    "xid",
    "class",
    "action",
)
GPU_EVENTS = _card_counter(
    "events",
    "Other events that the driver reported of the card: ecc_storm, memory_retirement, memory_poison, gpu_unavailable, "
    "recovery_action_change (see gpu_recovery_action), mig_change. Only those that the card can report are here.",
    "event",
)
GPU_XID_LAST = _gauge("gpu_xid_last_timestamp_seconds", "Unix time at which this Xid was seen last.", *_DEVICE, "xid")

# --- XID AND PRESENCE ----------------------------------------------------------------------------------------------

GPU_XID_OWNER_INFO = _info(
    "gpu_xid_owner",
    "Who held the card when this Xid was seen last, one row a container, always 1. It stays when the pod is gone.",
    *_DEVICE,
    "xid",
    "owner_namespace",
    "owner_pod",
    "owner_container",
)
GPU_UNLISTED_XID_ERRORS = _counter(
    "gpu_unlisted_xid_errors",
    "Xid errors in the kernel log of a card that the driver does not list, so that only its PCI address is known.",
    "node",
    "pci_bus_id",
    "xid",
    "class",
    "action",
)
NVSWITCH_SXID_ERRORS = _counter(
    "nvswitch_sxid_errors",
    "SXid errors of an NVSwitch in the kernel log, by code: traffic between cards fails, the cards may be well.",
    "node",
    "pci_bus_id",
    "sxid",
)
KERNEL_LOG_LOST = _counter(
    "kernel_log_lost_lines",
    "Lines of the kernel log that were overwritten before they were read: an Xid may have been among them.",
    "node",
)
XID_STORE_ERRORS = _counter(
    "xid_store_errors",
    "Times that the file of Xid counts could not be read or written. Rising: a restart will lose counts.",
    "node",
)
GPUS = _gauge(
    "gpus",
    "Cards of the node as each view counts them: expected (configuration), pci (the bus), nvml (the driver lists "
    "them), telemetry (they answer). What differs names the layer that lost a card.",
    "node",
    "view",
)
GPU_MISSING_INFO = _info(
    "gpu_missing",
    "An NVIDIA card on the PCI bus that the driver does not list, always 1: not bound, not initialised, or lost.",
    "node",
    "pci_bus_id",
)

# --- SOURCES THAT DISAGREE -----------------------------------------------------------------------------------------

GPU_SOURCES_DISAGREE = _gauge(
    "gpu_sources_disagree",
    "1 while NVML and DCGM contradict each other about this field of a card: memory_used, temperature, power, "
    "driver_version, or presence (only one of them sees the card). Do not trust either before you know which is wrong.",
    *_DEVICE,
    "field",
)
GPU_SOURCE_FROZEN = _gauge(
    "gpu_source_frozen",
    "1 while this source (nvml or dcgm) repeats the same values of a card for minutes and the other sees them move. "
    "dcgm: restart dcgm-exporter, the card is well. nvml: this exporter's reader hangs.",
    *_DEVICE,
    "source",
)

# --- PROCESSES -----------------------------------------------------------------------------------------------------

GPU_MEMORY_PART = _gauge(
    "gpu_memory_part_bytes",
    "Memory of the card by what has it, bytes; the parts add up to the total. pods; host: processes of no pod; dead: "
    "of processes that ended; unresolved: nobody could look at the process; reserved: driver and firmware; free; "
    "unattributed: used, and no process in sight owns to it (below 0: the driver gives processes more than it counts).",
    *_DEVICE,
    "part",
)
GPU_PART_PROCESSES = _gauge(
    "gpu_part_processes",
    "Processes that hold memory of the card, by part: pods, host, dead, unresolved. dead above 0 for minutes: memory "
    "that only a reset of the card gives back; a process that ended a moment ago is dead for one reading.",
    *_DEVICE,
    "part",
)
GPU_HOLDER_MEMORY = _gauge(
    "gpu_holder_memory_bytes",
    "Memory of the card by holder, bytes: pod and name of the process; the largest have a row each, the rest is other. "
    "A pod that never asked for a card shows here too. owner_pod is uid:... where its name is not known, "
    "container:... outside of Kubernetes, empty for a process of the host.",
    *_DEVICE,
    "part",
    "owner_namespace",
    "owner_pod",
    "process",
)

# --- ownership -----------------------------------------------------------------------------------------------------

GPU_OWNER_INFO = _info(
    "gpu_owner",
    "One row for each owner of this card, always 1; join on gpu_uuid and node. source device_plugin or dra: the "
    "kubelet gave the card to this container; process: it holds memory of a card that nobody gave it.",
    *_DEVICE,
    "owner_namespace",
    "owner_pod",
    "owner_container",
    "lane",
    "source",
)
GPU_OWNERSHIP = _gauge(
    "gpu_ownership_state",
    "1 for the state of this card's ownership: owned, shared (several containers own it), idle_owned (owned, memory "
    "held, and quiet for minutes), allocated_no_process (given away, and nothing runs on it), process_no_allocation "
    "(a pod uses it that was not given it), host_process (a process of no pod uses it), orphan (memory in use that no "
    "living process is known to own), unallocated, unknown (the kubelet could not be asked, or what it gave away or "
    "what the card holds cannot be told).",
    *_DEVICE,
    "state",
)
GPU_OWNED_IDLE = _counter(
    "gpu_owned_idle_seconds",
    "Seconds in which the card was owned, its memory held, and no work ran on it. Its rate is the share of time paid "
    "for nothing; a lane that nobody asks is idle too.",
    *_DEVICE,
)
GPU_CLAIM_INFO = _info(
    "gpu_claim",
    "One row for each pod of each claim (DRA) on a device, always 1, as the API server says. access admin: to look "
    "at, such as a monitor; use: to work with. gpu_uuid is empty where the driver does not tell it.",
    *_DEVICE,
    "driver",
    "device",
    "claim_namespace",
    "claim",
    "owner_namespace",
    "owner_pod",
    "access",
)

# --- lanes and the invariant ---------------------------------------------------------------------------------------

LANE_INFO = _info(
    "lane",
    "What a lane is, always 1: kind of its controller, strategy of its roll-out, the model by the annotations of the "
    "configuration, and the image with the digest that really runs.",
    *_LANE,
    "kind",
    "strategy",
    "model",
    "model_digest",
    "image",
    "image_digest",
)
LANE_POD_INFO = _info(
    "lane_pod",
    "One row for each pod of a lane, always 1: join it by lane_namespace and owner_pod to what others say of pods.",
    *_LANE,
    "owner_pod",
    "node",
)
LANE_PODS = _gauge(
    "lane_pods",
    "Pods of a lane by phase: running, pending, failed, succeeded, terminating. A bare pod is a lane of its own.",
    *_LANE,
    "phase",
)
LANE_DESIRED = _gauge(
    "lane_desired_replicas", "Replicas that the lane's controller asks for. 0: the lane is parked.", *_LANE
)
LANE_READY = _gauge("lane_ready_replicas", "Pods of the lane that are running and ready.", *_LANE)
LANE_PROBLEMS = _gauge(
    "lane_pod_problems",
    "Pods of the lane that do not run as they should, by phase and by the reason that Kubernetes gives: pending for "
    "the scheduler, an image or a crash loop; failed by admission or eviction.",
    *_LANE,
    "phase",
    "reason",
)
LANE_RESTARTS = _counter(
    "lane_container_restarts",
    "Restarts of the containers of the lane's present pods. The sentinel: any rise is worth a look.",
    *_LANE,
)
LANE_LAST_TERMINATION = _gauge(
    "lane_last_termination_timestamp_seconds",
    "Unix time at which a container of the lane's present pods ended last, with Kubernetes' reason and the exit code.",
    *_LANE,
    "reason",
    "exit_code",
)
LANE_EVENTS = _counter(
    "lane_events",
    "What happened to the lane's pods since the watcher began: oom_killed, evicted, crash_loop (entered), "
    "readiness_change, model_load_failure (a server that ended before it was ready once).",
    *_LANE,
    "event",
)
LANE_MODEL_BYTES = _gauge(
    "lane_model_file_bytes", "Size of the lane's model file as its annotation declares it, bytes.", *_LANE
)
LANE_SURGE_DEADLOCK = _gauge(
    "lane_surge_deadlock_risk",
    "1 while the next roll-out of this lane will hang: its strategy starts the new pod before it ends the old one, "
    "and there is no second card. Set strategy Recreate, or maxSurge 0.",
    *_LANE,
)
LANE_START_PHASE = _histogram(
    "lane_start_phase_seconds",
    "Seconds of each phase of a lane's start, by its owner: scheduling (pod made until it has a node), image_pull, "
    "model_load (server started until ready), warm_up (ready until the first token that somebody got).",
    (1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800, 3600),
    *_LANE,
    "phase",
)
LANE_START_LAST = _gauge(
    "lane_start_last_phase_seconds",
    "Seconds of each phase of the lane's latest start, as far as it got.",
    *_LANE,
    "phase",
)
POOL_STATE = _gauge(
    "pool_state",
    "1 for the state of the pool: steady (exactly one GPU LLM runs, none pending), switching (ordered, and within its "
    "deadline), none, many, split (the API server and the card name different owners), unknown. unit is the node or "
    "the card that one is allowed on; empty: one in the whole pool.",
    *_POOL,
    "state",
)
POOL_STATE_SINCE = _gauge(
    "pool_state_since_timestamp_seconds", "Unix time at which the pool entered its present state.", *_POOL
)
POOL_INVARIANT_OK = _gauge(
    "pool_invariant_ok",
    "1 while exactly one GPU LLM pod runs and none is pending, 0 while not; absent while it cannot be known.",
    *_POOL,
)
POOL_VIOLATION = _gauge(
    "pool_violation",
    "1 for each reason that breaks the pool's invariant now. Of a unit that is a node or a card only those that hold "
    "are there; a pod that waits without a node is of no unit, and told with an empty one.",
    *_POOL,
    "reason",
)
POOL_VIOLATOR_INFO = _info(
    "pool_violator",
    "Who breaks the invariant and how, always 1: kind is Pod, Deployment, StatefulSet, Process (of the node), Card or "
    "Node. At most ten for each reason.",
    *_POOL,
    "reason",
    "kind",
    "violator_namespace",
    "violator",
)
POOL_SWITCHES = _counter(
    "pool_switches", "Switches from one steady lane to another that completed since the watcher began.", *_POOL
)
POOL_SWITCH_SECONDS = _gauge(
    "pool_last_switch_duration_seconds", "Seconds from steady to steady that the last completed switch took.", *_POOL
)
POOL_SWITCH_DEADLINE = _gauge(
    "pool_switch_deadline_seconds",
    "Seconds for which an ordered switch may leave the pool without exactly one, from the configuration.",
    "pool",
)

# --- the same card, fit nodes, headroom ----------------------------------------------------------------------------

NODE_CARD_AGREEMENT = _gauge(
    "node_card_agreement",
    "1 for whether all views of a node's cards agree about this fact (count, product, memory, driver, cuda, sharing, "
    "replicas, mig): agree, disagree, or unknown where fewer than two views tell.",
    "node",
    "fact",
    "state",
)
NODE_CARD_VIEW_INFO = _info(
    "node_card_view",
    "What each view says of this fact, always 1: nvml, telemetry, labels (feature discovery), capacity, allocatable, "
    "claims (ResourceSlices).",
    "node",
    "fact",
    "view",
    "value",
)
NODE_CARD_ODD_VIEW = _gauge(
    "node_card_odd_view",
    "1 for a view that differs from what the card's own driver says, or else from most. It names the broken layer.",
    "node",
    "fact",
    "view",
)
NODE_BASELINE = _gauge(
    "node_baseline",
    "Whether a GPU node is fit to serve, 1 or 0, check by check: ready, schedulable, advertised (the kubelet offers "
    "GPUs), labelled, isolated (a taint keeps other work off), telemetry (an exporter reports its cards), "
    "sharing_explicit, device_plugin and daemons (their pods are ready), served (a model server has become ready "
    "there). Absent: cannot be told.",
    "node",
    "check",
)
NODE_ALLOCATABLE_CHANGED = _gauge(
    "node_allocatable_changed_timestamp_seconds",
    "Unix time at which the allocatable GPUs of the node changed last, or at which the watcher saw them first. Recent: "
    "the device plugin settles, do not roll a model.",
    "node",
    "resource",
)
NODE_CPU = _gauge(
    "node_cpu_cores",
    "CPU of the node, cores: what pods of lanes, daemons and others request, and what is free. The parts add up to "
    "what is allocatable; free below 0: somebody else reserves too.",
    "node",
    "part",
)
NODE_MEMORY = _gauge(
    "node_memory_bytes", "Memory of the node by who requests it, bytes; the parts as in node_cpu_cores.", "node", "part"
)
NODE_GPUS = _gauge(
    "node_gpus",
    "GPUs of the node by who requests them; the parts as in node_cpu_cores. Replicas of a shared card count each.",
    "node",
    "resource",
    "part",
)
NODE_CAPACITY_CORES = _gauge("node_cpu_capacity_cores", "CPU that the node has, cores.", "node")
NODE_CAPACITY_BYTES = _gauge("node_memory_capacity_bytes", "Memory that the node has, bytes.", "node")
NODE_CAPACITY_GPUS = _gauge(
    "node_gpu_capacity",
    "GPUs that the node has and that it offers, view capacity or allocatable. Less offered than there are: unhealthy.",
    "node",
    "resource",
    "view",
)
LANE_REQUEST_RATIO = _gauge(
    "lane_request_ratio",
    "What one pod of the lane requests, as a share of what its node can give, resource cpu or memory. Near 1: nothing "
    "else fits, daemons too; falls when the node grows and the lane does not.",
    *_LANE,
    "node",
    "resource",
)
LANE_REQUEST_DRIFT = _gauge(
    "lane_request_drift_ratio",
    "How that share has changed since the lane's spec was changed last, or since the watcher began. Not 0: the size "
    "of the node changed, and nobody told the lane.",
    *_LANE,
    "node",
    "resource",
)
NODE_CARD_NODES = _gauge(
    "node_card_nodes",
    "GPU nodes by the verdict about each fact: agree, disagree, unknown. Every node counts, also one that has no "
    "series in node_card_agreement.",
    "fact",
    "state",
)
NODE_BASELINE_NODES = _gauge(
    "node_baseline_nodes",
    "GPU nodes by the verdict of each check: passed, failed, unknown. Every node counts, also one that has no series "
    "in node_baseline.",
    "check",
    "verdict",
)
NODES_LEFT_OUT = _gauge(
    "nodes_left_out",
    "GPU nodes (of a family of lanes: lanes) without series in this family, for the fleet is larger than its budget. "
    "What disagrees, fails, is silent or changed last comes first, and nodes that host a lane.",
    "family",
)
AGENT_UP = _gauge(
    "agent_up",
    "Whether the agent of a node that hosts a lane, or hosted one, answered the watcher. 0: the watcher knows nothing "
    "of its cards, or soon will not.",
    "node",
)

# --- probes --------------------------------------------------------------------------------------------------------

ALIAS_INFO = _info(
    "alias",
    "What an alias is by the configuration, always 1: its kind of route and the lane that must serve it (empty: any). "
    "Join it by lane to lane_info, which names the pool.",
    "alias",
    "kind",
    "lane",
)
PROBE_ATTEMPTS = _counter(
    "probe_attempts",
    "Probes of an alias through the gateway, by outcome. ok and slow answered; the others name what went wrong.",
    "alias",
    "kind",
    "outcome",
)
PROBES = _counter(
    "probes",
    "All of lanewatch_probe_attempts_total of an alias: its turns, whatever came of them, skipped or not.",
    "alias",
)
PROBE_SLO_EVENTS = _counter(
    "probe_slo_events", "Probes that count for this objective. Skipped ones do not.", "alias", "slo"
)
PROBE_SLO_BAD_EVENTS = _counter(
    "probe_slo_bad_events",
    "Probes that missed this objective, judged once, here, at the exact threshold.",
    "alias",
    "slo",
)
PROBE_SLO_OBJECTIVE = _gauge(
    "probe_slo_objective_ratio", "Share of probes that must be good, 0..1, from the configuration.", "alias", "slo"
)
PROBE_SLO_THRESHOLD = _gauge(
    "probe_slo_threshold_seconds",
    "Longest time that still counts as good, seconds, from the configuration.",
    "alias",
    "slo",
)
PROBE_INTERVAL = _gauge(
    "probe_interval_seconds", "Seconds between two probes of the alias, from the configuration.", "alias"
)
PROBE_FIRST_TOKEN = _gauge(
    "probe_first_token_seconds",
    "Seconds from the start of the last answered probe to its first token; reasoning counts.",
    "alias",
)
PROBE_PHASE = _gauge(
    "probe_phase_seconds",
    "Seconds from the start of the last probe to the end of each phase: dns, connect, tls, first_chunk, first_token, "
    "first_output, complete. A phase that was not reached is absent.",
    "alias",
    "phase",
)
PROBE_TOKENS = _counter(
    "probe_tokens",
    "Tokens that probes cost, as the server counted them; kind is prompt or completion.",
    "alias",
    "kind",
)
PROBE_DECODE_RATE = _gauge(
    "probe_decode_tokens_per_second", "Completion tokens a second after the first, in the last answered probe.", "alias"
)
PROBE_CONSECUTIVE_FAILURES = _gauge(
    "probe_consecutive_failures", "Failed probes in a row, now. 3 or more: the alias is down.", "alias"
)
PROBE_LAST_ATTEMPT = _gauge(
    "probe_last_attempt_timestamp_seconds", "Unix time at which the last probe of the alias ended.", "alias"
)
PROBE_LAST_TURN = _gauge(
    "probe_last_turn_timestamp_seconds",
    "Unix time at which the alias had its turn last: probed, or left alone on purpose, because its lane works for "
    "users, is unloaded, or the budget is used up. Old: nobody asks any more.",
    "alias",
)
PROBE_LAST_OUTCOME = _gauge(
    "probe_last_outcome", "1 for the outcome of the last probe of the alias.", "alias", "outcome"
)
PROBE_DURATION = _histogram(
    "probe_duration_seconds",
    "Seconds of answered probes by clock: first_chunk, first_token, first_output, inter_token (between two tokens, by "
    "the server's own count), total, queue (where the server tells it). temperature cold: the lane had just started. "
    "Every configured objective is an edge.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    "alias",
    "clock",
    "temperature",
)
PROBE_INTER_TOKEN = _gauge(
    "probe_inter_token_seconds",
    "Seconds between two tokens of the last answered probe, by the server's count.",
    "alias",
)
PROBE_PREFILL_RATE = _gauge(
    "probe_prefill_tokens_per_second",
    "Prompt tokens a second that the lane read in the last answered probe, where the server tells it.",
    "alias",
)
PROBE_QUEUE = _gauge(
    "probe_queue_seconds", "Seconds that the last answered probe waited for a slot, where the server tells it.", "alias"
)
PROBE_BUDGET = _gauge(
    "probe_budget_tokens", "Tokens that probes of the alias may cost in a day, from the configuration.", "alias"
)
PROBE_BUDGET_LEFT = _gauge(
    "probe_budget_left_tokens",
    "Tokens that are left of today's budget (UTC). 0: probes are skipped till midnight.",
    "alias",
)
PROBE_PASSIVE = _counter(
    "probe_passive_successes",
    "Times that the lane was busy and moving when a probe was due: users are served, and the probe was not sent.",
    "alias",
)
LANE_SERVED_EVENTS = _counter("lane_served_events", "Probes of aliases that this lane should have answered.", "lane")
LANE_SERVED_BAD_EVENTS = _counter(
    "lane_served_bad_events",
    "Those of them that it did not answer well: a fallback that served the user is bad for the lane.",
    "lane",
)
LANE_PROBE_ATTEMPTS = _counter(
    "lane_probe_attempts",
    "Probes sent directly to a lane, past the gateway, by kind of route and outcome.",
    "lane",
    "kind",
    "outcome",
)
LANE_PROBE_LAST_OUTCOME = _gauge(
    "lane_probe_last_outcome",
    "1 for the outcome of the last probe sent directly to the lane.",
    "lane",
    "kind",
    "outcome",
)
LANE_PROBE_FIRST_TOKEN = _gauge(
    "lane_probe_first_token_seconds",
    "Seconds to the first token of the last answered direct probe; what the gateway adds is the difference.",
    "lane",
    "kind",
)
PROBE_SERVED_INFO = _info(
    "probe_served", "Lane that answered the last probe, as the gateway names it, always 1.", "alias", "lane", "fallback"
)
ALIAS_ROOT_CAUSE = _gauge(
    "alias_root_cause",
    "1 for the one layer that explains the last probe of the alias. none: it is well; unknown: it cannot be told.",
    "alias",
    "cause",
)

ALIAS_LAYER = _gauge(
    "alias_layer",
    "1 for the state of each layer under the alias, from the node up to the output: ok, bad, unknown, not_looked_at.",
    "alias",
    "layer",
    "state",
)
ALIAS_FIRST_TOKEN_CAUSE = _gauge(
    "alias_first_token_cause",
    "1 for what explains that the first token of the last probe came too late: throttling, co_tenant, vram, "
    "cold_start, queue, gateway_overhead, unknown; none: it came in time.",
    "alias",
    "cause",
)
GATEWAY_UP = _gauge(
    "gateway_up",
    "Whether the gateway's own liveliness page answered when it was looked at last. It says nothing of lanes.",
)

# --- backends ------------------------------------------------------------------------------------------------------

BACKEND_STATE = _gauge(
    "backend_state",
    "1 for the state of the lane's server: loading, idle, busy (and moving), stalled (busy, nothing moves), wedged "
    "(health says ok, the work is silent), stopped (takes connections, answers nothing), down (refuses), asleep "
    "(its model is unloaded), unknown.",
    "lane",
    "state",
)
BACKEND_SCRAPE = _gauge(
    "backend_scrape",
    "1 for what the lane's metrics page gave, whether it serves or not: ok, refused, silent, forbidden, not_served "
    "(started without metrics), not_metrics (something else answered), unknown. A lane may serve and not be scraped.",
    "lane",
    "state",
)
BACKEND_INFO = _info("backend", "What the lane's server says that it is, always 1.", "lane", "engine", "build", "model")
BACKEND_PROGRESS = _gauge(
    "backend_last_progress_timestamp_seconds", "Unix time at which the lane's work was seen to move last.", "lane"
)
BACKEND_SLOTS = _gauge(
    "backend_slots", "Slots of the lane's server by state, busy or free, where it has slots.", "lane", "state"
)
BACKEND_CONTEXT = _gauge("backend_context_tokens", "Tokens that one request of the lane may hold.", "lane")
ENGINE_WAITING = _gauge(
    "engine_requests_waiting", "Requests that wait for the lane, by whatever engine. Scale on this one.", "lane"
)
ENGINE_RUNNING = _gauge("engine_requests_running", "Requests that the lane works on, by whatever engine.", "lane")
ENGINE_KV_USED = _gauge("engine_kv_used_ratio", "Share of the lane's KV cache that is in use, 0..1.", "lane")
ENGINE_TOKENS = _counter(
    "engine_tokens",
    "Tokens of the lane by kind, as its engine counts them: prompt (read), cached (not read again), completion.",
    "lane",
    "kind",
)
ENGINE_BUSY = _counter(
    "engine_busy_seconds", "Seconds that the engine says it spent by kind of work: prompt, completion.", "lane", "kind"
)
ENGINE_PREEMPTIONS = _counter(
    "engine_preemptions",
    "Requests that lost their KV cache to others and began anew. Rising: too little of it.",
    "lane",
)
ENGINE_REQUESTS = _counter(
    "engine_requests", "Requests that the lane finished, by reason where the engine tells it.", "lane", "reason"
)

# --- what is not as on a well card ---------------------------------------------------------------------------------


def _notable(metric: Metric, which: str) -> Metric:
    """Return the metric of those series of `metric` that say more than that all is well; `exporter.notable` picks."""
    _, _, name = metric.name.partition("_")
    text = f"{name} again, only of {which}: who asks a whole fleet does not have to look at all."
    return Metric(f"lanewatch_notable_{name}", metric.kind, text, metric.labels)


NOTABLE_SOURCE_UP = _notable(SOURCE_UP, "sources whose last reading failed")
NOTABLE_SOURCE_ERRORS = _notable(SOURCE_ERRORS, "kinds that were counted, but for what is not there at all")
NOTABLE_SOURCE_LAST_SUCCESS = _notable(
    SOURCE_LAST_SUCCESS, "sources that say that they work, and were read long before another"
)
NOTABLE_POOL_VIOLATION = _notable(POOL_VIOLATION, "reasons that hold")
NOTABLE_NODE_CARD_AGREEMENT = _notable(NODE_CARD_AGREEMENT, "facts about which views disagree, or tell nothing")
NOTABLE_NODE_CARD_ODD_VIEW = _notable(NODE_CARD_ODD_VIEW, "views that are odd")
NOTABLE_NODE_BASELINE = _notable(NODE_BASELINE, "checks that fail")
NOTABLE_LANE_REQUEST_RATIO = _notable(LANE_REQUEST_RATIO, "lanes that ask for at least 95 % of a node")
NOTABLE_LANE_REQUEST_DRIFT = _notable(LANE_REQUEST_DRIFT, "lanes whose share changed by more than 5 %")
NOTABLE_AGENT_UP = _notable(AGENT_UP, "agents that do not answer")
NOTABLE_UP = _notable(GPU_UP, "cards that do not answer")
NOTABLE_UNAVAILABLE = _notable(GPU_UNAVAILABLE, "reasons that hold now")
NOTABLE_SHARING = _notable(GPU_SHARING, "the mode in which a card is shared")
NOTABLE_MEMORY_FREE = _notable(GPU_MEMORY_FREE, "cards with less than 5 % of their memory left")
NOTABLE_MEMORY_PART = _notable(GPU_MEMORY_PART, "what nobody knows whose it is: unattributed, unresolved")
NOTABLE_BAR1_USED = _notable(GPU_BAR1_USED, "cards with more than 95 % of the window in use")
NOTABLE_POWER = _notable(GPU_POWER, "cards of which it cannot be true")
NOTABLE_POWER_LIMIT = _notable(GPU_POWER_LIMIT, "cards whose limit is below its default")
NOTABLE_TEMPERATURE = _notable(GPU_TEMPERATURE, "memories with less than 5 degrees left to their limit")
NOTABLE_TEMPERATURE_MARGIN = _notable(GPU_TEMPERATURE_MARGIN, "cards with less than 20 degrees left")
NOTABLE_FAN = _notable(GPU_FAN, "fans that stand still")
NOTABLE_PCIE_GENERATION = _notable(GPU_PCIE_GENERATION, "links that stayed below their max under load")
NOTABLE_PCIE_WIDTH = _notable(GPU_PCIE_WIDTH, "links that stayed below their max under load")
NOTABLE_PCIE_REPLAYS = _notable(GPU_PCIE_REPLAYS, "cards that had any")
NOTABLE_PCIE_ERRORS = _notable(GPU_PCIE_ERRORS, "kinds that were counted")
NOTABLE_ECC_ERRORS = _notable(GPU_ECC_ERRORS, "kinds that were counted")
NOTABLE_RETIRED_PAGES = _notable(GPU_RETIRED_PAGES, "causes for which there are any")
NOTABLE_ROW_REMAPS = _notable(GPU_ROW_REMAPS, "causes for which there are any")
NOTABLE_REMAP_PENDING = _notable(GPU_REMAP_PENDING, "cards that wait for a reset")
NOTABLE_REMAP_FAILED = _notable(GPU_REMAP_FAILED, "cards without spare rows")
NOTABLE_RECOVERY_ACTION = _notable(GPU_RECOVERY_ACTION, "what is wanted, none left out")
NOTABLE_NVLINK_UP = _notable(GPU_NVLINK_UP, "links that are down")
NOTABLE_NVLINK_ERRORS = _notable(GPU_NVLINK_ERRORS, "links and kinds that had any")
NOTABLE_XID_ERRORS = _notable(GPU_XID_ERRORS, "codes that the card had")
NOTABLE_EVENTS = _notable(GPU_EVENTS, "events that there were")
NOTABLE_OWNERSHIP = _notable(GPU_OWNERSHIP, "the state that a card is in")
NOTABLE_PART_PROCESSES = _notable(GPU_PART_PROCESSES, "the dead")
NOTABLE_CLOCK_EVENT = _notable(GPU_CLOCK_EVENT, "reasons that hold the clock down now")
NOTABLE_THROTTLE = _notable(
    GPU_THROTTLE, "reasons for which there were any, thermal only where nothing tells of hw_thermal"
)

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
