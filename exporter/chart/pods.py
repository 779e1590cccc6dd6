"""The values about the pods: their image, what they may touch of a node, and where they run."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from exporter.chart.section import HostPath, Labels, Object, Objects, Part, Variable

_GPU_TAINTS: tuple[dict[str, str], ...] = (
    {"key": "nvidia.com/gpu", "operator": "Exists"},
    {"key": "gpu.intel.com/unschedulable", "operator": "Exists"},
    {"key": "workload.ai/dedicated", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"},
)
_GPU_LABELS = ("nvidia.com/gpu.product", "workload.ai/gpu", "intel.feature.node.kubernetes.io/gpu")


def _gpu_nodes() -> dict[str, Any]:
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in _GPU_LABELS]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": required}


def _resources(cpu: str, memory: str, most: str) -> dict[str, Any]:
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": most}}


class Image(Part, frozen=True):
    """The image; build it from this repository and push it where your nodes can pull it."""

    repository: Annotated[str, Meta(min_length=1, description="Name of the image, with its registry.")] = (
        "registry.example.com/lanewatch"
    )
    tag: Annotated[str, Meta(description="Its tag; empty: the chart's appVersion.")] = ""
    digest: Annotated[
        str, Meta(pattern=r"^(sha256:[0-9a-f]{64})?$", description="Its digest, which wins over the tag.")
    ] = ""
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"], Meta(description="When the image is pulled.")
    ] = "IfNotPresent"
    pull_secrets: Annotated[Objects, Meta(description="Secrets for the pull: `[{name: registry}]`.")] = msgspec.field(
        default_factory=list
    )


class GpuAccess(Part, frozen=True):
    """How the agent sees the cards; no mode asks for `nvidia.com/gpu`, so none takes a card from a workload."""

    mode: Annotated[
        Literal["runtimeClass", "env", "cdi", "volumeMount", "dra", "hostDriver"],
        Meta(
            description="runtimeClass: the RuntimeClass below and NVIDIA_VISIBLE_DEVICES; env: the variable alone, "
            "where NVIDIA's runtime is the default one; cdi: an annotation that the runtime's CDI reads; volumeMount: "
            "a mount in place of the variable, for nodes that refuse it (Bottlerocket); dra: a claim with admin "
            "access, its namespace needs the label resource.kubernetes.io/admin-access=true; hostDriver: the node's "
            "own library, without any toolkit, in a privileged container."
        ),
    ] = "runtimeClass"
    runtime_class_name: Annotated[
        str, Meta(description="RuntimeClass of modes runtimeClass and volumeMount; empty: the node's default.")
    ] = "nvidia"
    driver_capabilities: Annotated[
        str, Meta(min_length=1, description="NVIDIA_DRIVER_CAPABILITIES: utility holds NVML and nothing else.")
    ] = "utility"
    cdi_device: Annotated[str, Meta(min_length=1, description="Name of the CDI device that is all cards.")] = (
        "nvidia.com/gpu=all"
    )
    device_class_name: Annotated[
        str, Meta(min_length=1, description="DeviceClass of mode dra: gpu.nvidia.com, gpu.intel.com.")
    ] = "gpu.nvidia.com"
    driver_libraries: Annotated[
        HostPath, Meta(description="Directory of the node with libnvidia-ml.so.1, for mode hostDriver.")
    ] = "/usr/lib/x86_64-linux-gnu"


class KubeletSocket(Part, frozen=True):
    """The kubelet's PodResources socket."""

    pod_resources: Annotated[
        HostPath,
        Meta(
            description="Directory of the socket on the node; the directory is mounted, so a socket that is made anew "
            "is seen. kubeadm, k3s, RKE2: as here; k0s: /var/lib/k0s/kubelet/pod-resources; microk8s: "
            "/var/snap/microk8s/common/var/lib/kubelet/pod-resources."
        ),
    ] = "/var/lib/kubelet/pod-resources"
    run_as_user: Annotated[
        int,
        Meta(
            ge=0,
            description="User of the agent. The socket's directory belongs to root and lets in nobody else, so 0; "
            "without any capability. Another user where your kubelet's directory lets it in.",
        ),
    ] = 0


class ProcessAttribution(Part, frozen=True):
    """Opt-in, costs hostPID: whose process holds how much VRAM is told by the cgroups of the node's processes."""

    enabled: Annotated[bool, Meta(description="Let the agent see the node's processes.")] = False
    pod_logs: Annotated[
        HostPath, Meta(description="Directory of the node whose names tell which pod a UID is; its files stay unread.")
    ] = "/var/log/pods"


class KernelLogAccess(Part, frozen=True):
    """Opt-in, costs SYSLOG and a device: Xids that the driver's events miss, and those of before the start."""

    enabled: Annotated[bool, Meta(description="Let the agent read the kernel log.")] = False
    path: Annotated[
        HostPath,
        Meta(description="/dev/kmsg, or a file of the node that holds the kernel's lines, which needs no capability."),
    ] = "/dev/kmsg"
    privileged: Annotated[
        bool,
        Meta(
            description="Run the agent privileged. A runtime keeps a container from devices that it was not told of, "
            "SYSLOG or not: tell it of /dev/kmsg (CRI-O: allowed_devices), use a file, or set this."
        ),
    ] = False


class XidStore(Part, frozen=True):
    """Where Xid counts outlive a restart; a few kilobytes."""

    type: Annotated[
        Literal["none", "emptyDir", "hostPath"],
        Meta(description="emptyDir outlives the container; hostPath the pod too, and is written on the node."),
    ] = "emptyDir"
    path: Annotated[HostPath, Meta(description="Directory of the node, for hostPath.")] = "/var/lib/lanewatch"


class Node(Part, frozen=True):
    """The agent on each node with GPUs: it needs no API server and no token."""

    resources: Annotated[Object, Meta(description="Requests and limits; no GPU, ever.")] = msgspec.field(
        default_factory=lambda: _resources("20m", "96Mi", "192Mi")
    )
    node_selector: Annotated[Labels, Meta(description="Labels of the nodes, besides the affinity.")] = msgspec.field(
        default_factory=dict
    )
    affinity: Annotated[
        Object, Meta(description="Which nodes have GPUs: any of these labels; `affinity: null` for every node.")
    ] = msgspec.field(default_factory=_gpu_nodes)
    tolerations: Annotated[Objects, Meta(description="Taints that keep other work off the cards, not the agent.")] = (
        msgspec.field(default_factory=lambda: [dict(one) for one in _GPU_TAINTS])
    )
    priority_class_name: Annotated[
        str, Meta(description="system-node-critical keeps the agent on a full node; it may then evict a lane.")
    ] = ""
    max_unavailable: Annotated[
        int | str, Meta(description="Agents that a roll-out may stop at a time, as a number or a share.")
    ] = "10%"
    pod_annotations: Annotated[Labels, Meta(description="Annotations of the pods.")] = msgspec.field(
        default_factory=dict
    )
    pod_labels: Annotated[Labels, Meta(description="Labels of the pods, besides ours.")] = msgspec.field(
        default_factory=dict
    )


class Budget(Part, frozen=True):
    """What a drain may do to the watcher; it is one pod, so a budget of none available would block every drain."""

    enabled: Annotated[bool, Meta(description="Make a PodDisruptionBudget.")] = False
    max_unavailable: Annotated[
        int | str, Meta(description="Watchers that may be missing; 0 blocks drains until a person decides.")
    ] = 1


class Cluster(Part, frozen=True):
    """The watcher of the whole cluster: one pod, since two would probe twice."""

    resources: Annotated[Object, Meta(description="Requests and limits.")] = msgspec.field(
        default_factory=lambda: _resources("50m", "128Mi", "256Mi")
    )
    node_selector: Annotated[Labels, Meta(description="Labels of the nodes that it may run on.")] = msgspec.field(
        default_factory=dict
    )
    affinity: Annotated[Object, Meta(description="Where it runs; best not on a node that it watches.")] = msgspec.field(
        default_factory=dict
    )
    tolerations: Annotated[Objects, Meta(description="Taints that it tolerates.")] = msgspec.field(default_factory=list)
    priority_class_name: Annotated[str, Meta(description="Its priority class.")] = ""
    pod_annotations: Annotated[Labels, Meta(description="Annotations of the pod.")] = msgspec.field(
        default_factory=dict
    )
    pod_labels: Annotated[Labels, Meta(description="Labels of the pod, besides ours.")] = msgspec.field(
        default_factory=dict
    )
    pod_disruption_budget: Annotated[Budget, Meta(description=Budget.__doc__)] = Budget()


class SecretVariable(Part, frozen=True):
    """An environment variable out of a Secret that is there already."""

    variable: Annotated[
        Variable,
        Meta(description="Name of the variable: a `key_variable` of gateway or lane, the `password_variable`."),
    ]
    secret: Annotated[str, Meta(min_length=1, description="Name of the Secret.")]
    key: Annotated[str, Meta(min_length=1, description="Key in the Secret.")]


class Mount(Part, frozen=True):
    """A Secret or ConfigMap that is there already, as files: a `ca_file`, a `key_file`, a `password_file`."""

    name: Annotated[str, Meta(min_length=1, description="Name of the Secret or ConfigMap.")]
    path: Annotated[HostPath, Meta(description="Directory in the container.")]
    kind: Annotated[Literal["Secret", "ConfigMap"], Meta(description="What it is.")] = "Secret"


class ServiceAccount(Part, frozen=True):
    """Whom the watcher is to the API server; the agents have no token of any account."""

    create: Annotated[bool, Meta(description="Make the account.")] = True
    name: Annotated[str, Meta(description="Its name; empty: the release's, or `default` where none is made.")] = ""
    annotations: Annotated[Labels, Meta(description="Its annotations.")] = msgspec.field(default_factory=dict)


class Web(Part, frozen=True):
    """TLS of our own port."""

    config_secret: Annotated[
        str, Meta(description="Secret with `web.yml`, in exporter-toolkit's form, and the files that it names.")
    ] = ""
    tls: Annotated[bool, Meta(description="Whether that file makes the port speak TLS: probes and scrapes follow.")] = (
        False
    )
