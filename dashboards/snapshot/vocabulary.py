"""What a picture may show of labels: the words that this software itself chose, and forms that name no place.

An allow-list. Whatever is not here, or was not allowed by whoever asked for the picture, becomes a pseudonym, also a
word of another label. A word that is missing here costs a pseudonym, never a secret.
"""

import re
from collections.abc import Mapping
from typing import Final

from alerts.groups import GROUPS
from exporter.catalogue import METRICS
from exporter.version import VERSION

_LAYERS: Final = (
    "node driver device allocation lane_pod backend_process backend_work network gateway_process gateway_key "
    "alias_route gateway_translation first_token output"
)
_SENTENCES: Final[Mapping[str, str]] = {
    "access": "use admin monitor",
    "action": "none unknown restart_app update_software reset_gpu drain_and_reset drain_and_inspect drain_p2p "
    "reboot_node reboot_system inspect_hardware look_up recover_imex reset_bus",
    "alertname": " ".join(alert.name for group in GROUPS for alert in group.alerts),
    "alertstate": "pending firing",
    "bound": "default max min",
    "cause": f"{_LAYERS} none unknown throttling co_tenant vram cold_start queue gateway_overhead corrected "
    "uncorrected single_bit double_bit",
    "check": "ready schedulable advertised labelled isolated telemetry sharing_explicit device_plugin daemons served",
    "class": "application driver hardware info link unknown",
    "clock": "first_chunk first_token first_output inter_token total queue",
    "direction": "rx tx",
    "domain": "graphics memory sm video",
    "engine": "encoder decoder jpeg ofa copy compute render media llamacpp vllm sglang",
    "event": "oom_killed evicted crash_loop readiness_change model_load_failure mig_change ecc_storm memory_retirement "
    "memory_retirement_failed memory_poison memory_poison_fatal gpu_unavailable recovery_action_change",
    "fact": "count cuda driver memory mig product replicas sharing",
    "fallback": "true false",
    "family": " ".join(str(metric) for metric in METRICS),
    "field": "driver_version memory_used power presence temperature",
    "kind": "Deployment StatefulSet DaemonSet Pod absent bad_answer failed forbidden hung refused timeout too_large "
    "chat tools completion embeddings rerank speech models prompt cached alias lane gateway bad_dllp bad_tlp "
    "correctable corrected uncorrected crc fatal non_fatal lcrc nak_received nak_sent receiver recovery replay "
    "unsupported_request decode prefill",
    "layer": _LAYERS,
    "limit": "memory_max shutdown slowdown",
    "mode": "mig mps none vgpu time_slicing",
    "outcome": "ok slow fallback wrong_lane loading stalled auth bad_output bad_route connect context_too_long dns "
    "error http_4xx http_5xx lane_refused rate_limited skipped_budget skipped_busy skipped_unloaded stream_error "
    "timeout_first timeout_total tls truncated",
    "part": "daemons dead dram_active free graphics_active host lanes others pods reserved sm_active sm_occupancy "
    "tensor_active unattributed unresolved",
    "phase": "pending running succeeded failed terminating unknown scheduling image_pull model_load warm_up dns "
    "connect tls first_chunk first_token first_output complete",
    "reason": "lost hung failed missing multiple application_clocks board_limit display hw_slowdown hw_thermal idle "
    "low_utilization power_brake power_cap reliability sw_thermal sync_boost thermal admission_denied crash_loop "
    "device_unhealthy gated image_pull insufficient_gpu intruder node_lost none pending_behind_active quota_denied "
    "split surge_deadlock terminating_stuck unexpected_admission unknown unowned_vram other abort error finished "
    "length repetition stop OOMKilled Error Completed UnexpectedAdmissionError ContainerCreating CrashLoopBackOff "
    "Evicted ImagePullBackOff ErrImagePull ErrImageNeverPull InvalidImageName ImageInspectError "
    "Unschedulable InsufficientGpu InsufficientCpu InsufficientMemory NodeLost DeadlineExceeded PodInitializing "
    "CreateContainerError CreateContainerConfigError RunContainerError ContainerStatusUnknown Other Unknown",
    "resource": "cpu memory nvidia.com/gpu",
    "role": "all node cluster",
    "sensor": "gpu memory",
    "severity": "critical warning info none",
    "simulated": "yes no",
    "slo": "availability first_token inter_token total",
    "source": "agents answers backends claims dcgm device_plugin dra events kernel_log kubernetes nodes nvml "
    "podresources process processes pods workloads xpum simulated",
    "state": "agree disagree unknown owned shared idle_owned allocated_no_process process_no_allocation host_process "
    "orphan unallocated steady switching none many split ok bad not_looked_at loading idle busy stalled wedged "
    "stopped down asleep refused silent forbidden not_served not_metrics free",
    "strategy": "Recreate RollingUpdate OnDelete",
    "temperature": "warm cold",
    "verdict": "passed failed unknown",
    "version": VERSION,
    "view": "allocatable capacity labels max now nvml dcgm xpum pci telemetry under_load expected driver bus kubelet",
}
WORDS: Final[Mapping[str, frozenset[str]]] = {label: frozenset(text.split()) for label, text in _SENTENCES.items()}

_COUNT: Final = r"\d{1,3}"
_PROFILE: Final = r"\d{1,2}g\.\d{1,3}gb"
# A maker, then words of its products, or what its products are numbered with.
_PRODUCT: Final = (
    r"(?:NVIDIA|Intel(?:\(R\))?|Quadro|Tesla|GeForce)(?:[ -](?:RTX|GTX|PRO|GeForce|Quadro|Tesla|Blackwell|Ada|"
    r"Generation|SFF|Edition|Workstation|Server|Laptop|GPU|HBM2e?|HBM3e?|PCIe|SXM\d?|NVL|MIG|Arc(?:\(TM\))?|Max|"
    rf"Graphics|\(?simulated\)?|{_PROFILE}|[A-Z]{{0,2}}\d{{1,4}}S?|\d{{1,3}}GB))+"
)
FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    label: re.compile(form, re.ASCII)
    for label, form in {
        "exit_code": _COUNT,
        "fan": _COUNT,
        "index": _COUNT,
        "le": r"\d{1,6}(?:\.\d{1,6})?|\+Inf",
        "link": _COUNT,
        "model": _PRODUCT,
        "profile": _PROFILE,
        "sxid": r"\d{1,5}",
        "value": rf"{_COUNT}|none|\d{{1,7}} MiB|{_PRODUCT}",
        "xid": _COUNT,
    }.items()
}


def is_open(label: str, value: str) -> bool:
    """Whether this value of this label may be shown as it is; nothing is, unless this file says so."""
    form = FORMS.get(label)
    return not value or value in WORDS.get(label, ()) or bool(form and form.fullmatch(value))
