"""Every metric that Lanewatch emits: name, kind, labels, and what it says to a person at 3 a.m.

No other file holds a metric name as a string: rules, dashboards and the exposition take these constants.
"""

from typing import Final

from exporter.metric import Metric

_DEVICE: Final = ("node", "gpu_uuid")


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}", "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}_total", "counter", text, labels)


def _info(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"lanewatch_{name}_info", "info", text, labels)


# --- the exporter itself -------------------------------------------------------------------------------------------

BUILD_INFO = _info("build", "Version of this exporter, always 1.", "version", "role", "simulated")
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
    "Calls into the outside system. For nvml this is the driver-call budget: it must not grow with scrapes.",
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

GPU_UP = _gauge(
    "gpu_up",
    "Whether this card answers. 0: it is lost or a driver call hangs; its values are absent until it answers again.",
    *_DEVICE,
)
GPU_UNAVAILABLE = _gauge(
    "gpu_unavailable",
    "Why a card does not answer: 1 for the reason that holds now. A lost card keeps its name here.",
    *_DEVICE,
    "reason",
)
GPU_INFO = _info(
    "gpu",
    "Identity of a card, always 1; join on gpu_uuid and node.",
    *_DEVICE,
    "index",
    "model",
    "pci_bus_id",
    "driver_version",
    "cuda_version",
    "source",
)
GPU_MEMORY_TOTAL = _gauge("gpu_memory_total_bytes", "Memory of the card, bytes.", *_DEVICE)
GPU_MEMORY_USED = _gauge(
    "gpu_memory_used_bytes",
    "Memory in use by processes, bytes. High alone is normal: a server takes its memory when it starts.",
    *_DEVICE,
)
GPU_MEMORY_FREE = _gauge("gpu_memory_free_bytes", "Memory that a new allocation could take, bytes.", *_DEVICE)
GPU_MEMORY_RESERVED = _gauge(
    "gpu_memory_reserved_bytes",
    "Memory that driver and firmware keep for themselves, bytes. used + free + reserved = total.",
    *_DEVICE,
)
GPU_UTILIZATION = _gauge(
    "gpu_utilization_ratio",
    "Share of time in which any kernel ran, 0..1. It says nothing about saturation: a server holds it near 1.",
    *_DEVICE,
)
GPU_MEMORY_COPY_UTILIZATION = _gauge(
    "gpu_memory_copy_utilization_ratio", "Share of time in which memory was read or written, 0..1.", *_DEVICE
)
GPU_POWER = _gauge("gpu_power_watts", "Power drawn now, watts.", *_DEVICE)
GPU_POWER_LIMIT = _gauge("gpu_power_limit_watts", "Power limit that is enforced now, watts.", *_DEVICE)
GPU_ENERGY = _counter(
    "gpu_energy_joules",
    "Energy used since the driver was loaded, joules; its rate is the mean power between two scrapes.",
    *_DEVICE,
)
GPU_TEMPERATURE = _gauge(
    "gpu_temperature_celsius", "Temperature, degrees Celsius; sensor is gpu or memory.", *_DEVICE, "sensor"
)
GPU_CLOCK = _gauge("gpu_clock_hertz", "Clock now, hertz; domain is graphics, sm, memory or video.", *_DEVICE, "domain")
GPU_CLOCK_EVENT = _gauge(
    "gpu_clock_event",
    "1 while the driver holds the clock down for this reason. idle is normal; thermal and power_brake are not.",
    *_DEVICE,
    "reason",
)
GPU_THROTTLE = _counter(
    "gpu_throttle_seconds",
    "Seconds in which the clock was held down for this reason, counted by the driver. Its rate is a share of time.",
    *_DEVICE,
    "reason",
)
GPU_PCIE_GENERATION = _gauge(
    "gpu_pcie_link_generation",
    "PCIe generation: now, or the max that card and slot allow. Low while idle is normal, low under load is a fault.",
    *_DEVICE,
    "view",
)
GPU_PCIE_WIDTH = _gauge("gpu_pcie_link_width_lanes", "PCIe lanes: now, or the max.", *_DEVICE, "view")
GPU_PROCESS_MEMORY = _gauge(
    "gpu_process_memory_bytes",
    "Memory held by the processes of one kind of holder, bytes: compute, graphics, or unattributed (the driver counts "
    "it as used, and no process owns to it).",
    *_DEVICE,
    "holder",
)
GPU_PROCESSES = _gauge("gpu_processes", "Processes that hold memory on the card.", *_DEVICE)
GPU_XID_ERRORS = _counter(
    "gpu_xid_errors",
    "Xid errors that the driver reported, by code. Class hardware: the card; application: the owner's program. "
    "action is what to do first.",
    *_DEVICE,
    "xid",
    "class",
    "action",
)
GPU_XID_LAST = _gauge("gpu_xid_last_timestamp_seconds", "Unix time at which this Xid was seen last.", *_DEVICE, "xid")

# --- ownership -----------------------------------------------------------------------------------------------------

GPU_OWNER_INFO = _info(
    "gpu_owner",
    "One row for each container that the kubelet gave this card to, always 1; join on gpu_uuid and node.",
    *_DEVICE,
    "owner_namespace",
    "owner_pod",
    "owner_container",
    "lane",
    "source",
)
GPU_OWNERSHIP = _gauge(
    "gpu_ownership_state",
    "1 for the state of this card's ownership: owned, shared, unowned_memory (memory in use, no pod owns the card), "
    "unallocated, unknown (the kubelet could not be asked).",
    *_DEVICE,
    "state",
)

# --- lanes and the invariant ---------------------------------------------------------------------------------------

LANE_PODS = _gauge(
    "lane_pods",
    "Pods of a lane by phase: running, pending, failed, succeeded, terminating. Empty lane: pods of no Deployment.",
    "pool",
    "lane",
    "phase",
)
LANE_DESIRED = _gauge(
    "lane_desired_replicas", "Replicas that the lane's Deployment asks for. 0: the lane is parked.", "pool", "lane"
)
LANE_READY = _gauge("lane_ready_replicas", "Pods of the lane that are running and ready.", "pool", "lane")
LANE_RESTARTS = _counter(
    "lane_container_restarts",
    "Restarts of the containers of the lane's present pods. The sentinel: any rise is worth a look.",
    "pool",
    "lane",
)
POOL_STATE = _gauge(
    "pool_state",
    "1 for the state of the pool: steady (exactly one GPU LLM runs, none pending), switching, none, many, unknown.",
    "pool",
    "state",
)
POOL_STATE_SINCE = _gauge(
    "pool_state_since_timestamp_seconds", "Unix time at which the pool entered its present state.", "pool"
)
POOL_INVARIANT_OK = _gauge(
    "pool_invariant_ok",
    "1 while exactly one GPU LLM pod runs and none is pending, 0 while not; absent while it cannot be known.",
    "pool",
)
POOL_VIOLATION = _gauge("pool_violation", "1 for each reason that breaks the pool's invariant now.", "pool", "reason")

# --- probes --------------------------------------------------------------------------------------------------------

PROBE_ATTEMPTS = _counter(
    "probe_attempts",
    "Probes of an alias through the gateway, by outcome. ok and slow answered; the others name what went wrong.",
    "alias",
    "kind",
    "outcome",
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
PROBE_LAST_OUTCOME = _gauge(
    "probe_last_outcome", "1 for the outcome of the last probe of the alias.", "alias", "outcome"
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

METRICS: Final[tuple[Metric, ...]] = tuple(value for value in tuple(globals().values()) if isinstance(value, Metric))
