"""What the API server says, as slim frozen records: pods, their controllers, nodes, claims and events.

A field that could not be read is None, never 0. CPU in cores, memory in bytes, `_at` is Unix time in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LoadPart = Literal["lanes", "daemons", "others"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Termination:
    """How and when one run of a container ended."""

    reason: str  # Completed, Error, OOMKilled, ContainerStatusUnknown ...
    exit_code: int
    started_at: float | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod of a pool."""

    name: str
    is_init: bool = False
    asks_gpu: bool = False  # it requests a GPU or takes a claim: it is the one that serves
    is_ready: bool = False
    restarts: int = 0
    image: str = ""
    image_digest: str = ""  # sha256:..., what really runs
    waiting: str = ""  # why it does not run: CrashLoopBackOff, ImagePullBackOff ...
    started_at: float | None = None  # of the present run; None: it does not run
    ended: Termination | None = None  # the present state, where it ended
    last: Termination | None = None  # the run before the present one


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod of a pool, or one that asks for a GPU; `phase` is Kubernetes' own, `lane` is what made it, or itself."""

    namespace: str
    name: str
    uid: str
    lane: str
    phase: str
    kind: str = ""  # of what made it: Deployment, StatefulSet, ReplicaSet, Job ...; empty: nothing, a bare pod
    node: str = ""
    is_ready: bool = False
    is_terminating: bool = False
    restarts: int = 0
    reason: str = ""  # status.reason, or why it is not scheduled, or what its container waits for
    labels: Mapping[str, str] = field(default_factory=dict)  # those that a pool or the agents' selector names
    annotations: Mapping[str, str] = field(default_factory=dict)  # those that the configuration names
    requests: Mapping[str, float] = field(default_factory=dict)  # by resource: cpu, memory, nvidia.com/gpu ...
    claims: tuple[str, ...] = ()  # names of its ResourceClaims
    containers: tuple[Container, ...] = ()
    address: str = ""  # its IP
    created_at: float | None = None
    scheduled_at: float | None = None
    sandbox_at: float | None = None  # PodReadyToStartContainers: volumes and network are there, images come next
    ready_changed_at: float | None = None  # when `is_ready` became what it is
    delete_by: float | None = None  # when a pod that was told to go should be gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """One Deployment or StatefulSet of a pool: a lane."""

    kind: Literal["Deployment", "StatefulSet"] = "Deployment"
    namespace: str
    name: str
    desired_replicas: int
    generation: int = 0  # rises whenever somebody changes the spec: replicas, image, anything
    labels: Mapping[str, str] = field(default_factory=dict)  # of its pod template
    annotations: Mapping[str, str] = field(
        default_factory=dict
    )  # those that the configuration names, of it or its pods
    strategy: str = ""  # Recreate, RollingUpdate or OnDelete
    max_surge: int = 0  # pods beyond the desired ones while it rolls, for max(1, desired) replicas
    max_unavailable: int = 0  # pods that may be missing while it rolls, likewise
    requests: Mapping[str, float] = field(default_factory=dict)  # of one pod
    has_claims: bool = False  # its pods ask for devices by ResourceClaims
    image: str = ""  # of the first container
    failure: str = ""  # why it makes no pods: the message of ReplicaFailure, cut
    is_stuck: bool = False  # Progressing is False: ProgressDeadlineExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonPod:
    """One pod of a DaemonSet that serves GPUs: device plugin, telemetry, feature discovery ..."""

    namespace: str
    name: str
    daemon: str  # name of the DaemonSet
    node: str
    is_ready: bool
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)  # those that the agents' selector names


@dataclass(frozen=True, slots=True, kw_only=True)
class Workloads:
    """Pods and controllers of the pools, every pod that asks for a GPU, and what all pods ask of their nodes."""

    pods: tuple[Pod, ...] = ()
    controllers: tuple[Controller, ...] = ()
    daemon_pods: tuple[DaemonPod, ...] = ()
    loads: Mapping[str, Mapping[LoadPart, Mapping[str, float]]] | None = None  # by node; None: not all pods are seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint:
    """What keeps pods off a node."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One node as the API server describes it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)  # of GPUs, and those that the configuration names
    is_ready: bool | None = None  # None: its kubelet is not heard
    is_unschedulable: bool = False
    taints: tuple[Taint, ...] = ()
    capacity: Mapping[str, float] = field(default_factory=dict)  # by resource, cores and bytes
    allocatable: Mapping[str, float] = field(default_factory=dict)
    created_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """One DaemonSet that serves GPUs."""

    namespace: str
    name: str
    desired: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The nodes of the cluster and the DaemonSets that serve GPUs on them."""

    nodes: tuple[NodeInfo, ...] = ()
    daemons: tuple[Daemon, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedDevice:
    """One device of a ResourceSlice."""

    driver: str
    pool: str
    device: str
    node: str = ""
    uuid: str = ""
    pci_address: str = ""
    model: str = ""
    memory_bytes: int | None = None
    driver_version: str = ""
    cuda_version: str = ""
    kind: str = ""  # gpu, mig, vfio ... as the driver says


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDevice:
    """One device that a claim was given; `is_admin`: to look at, not to use."""

    driver: str
    pool: str
    device: str
    is_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One ResourceClaim with what it was given and the names and UIDs of the pods that it is kept for."""

    namespace: str
    name: str
    devices: tuple[ClaimedDevice, ...] = ()
    pods: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dra:
    """What drivers offer by ResourceSlices and who claimed it; `version` is the one that the server speaks."""

    version: str
    offered: tuple[OfferedDevice, ...] = ()
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePull:
    """One image that a kubelet pulled for a pod, as its event tells; 0 seconds: it was there already."""

    namespace: str
    pod: str
    pod_uid: str
    seconds: float
    at: float
    container: str = ""  # empty: the event does not say for which


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFailure:
    """A controller that could not make a pod, and when last; `message` is the API server's, cut."""

    namespace: str
    kind: str
    name: str
    message: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """What only events tell; the API server forgets them after an hour."""

    pulls: tuple[ImagePull, ...] = ()
    create_failures: tuple[CreateFailure, ...] = ()
