"""The part of the file that says what is watched in the cluster: the API server, pools and nodes."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from exporter.config_section import Name, Section
from exporter.errors import ConfigError

_DEVICE_PLUGINS: Final = ("*device-plugin*", "*gpu-plugin*")
_TELEMETRY: Final = ("*dcgm-exporter*", "*xpumanager*", "*xpumd*")
_DAEMONS: Final = ("*gpu-feature-discovery*", "*container-toolkit*", "*nvidia-driver*", "*dra*kubelet-plugin*")


class Annotations(Section, frozen=True):
    """Annotations of a lane, or of its pods, that say which model it serves."""

    model: Annotated[str, Meta(description="Key of the annotation that names the model or its file.")] = (
        "ai.example.com/model-file"
    )
    model_digest: Annotated[str, Meta(description="Key of the one that holds the digest of the model file.")] = (
        "ai.example.com/model-file-sha256"
    )
    model_bytes: Annotated[str, Meta(description="Key of the one that holds the size of the model file, bytes.")] = (
        "ai.example.com/model-file-size-bytes"
    )


class Kubernetes(Section, frozen=True):
    """The API server: pods, Deployments and StatefulSets of the pools, nodes, claims and events."""

    enabled: Annotated[
        bool, Meta(description="Watch the API server, by the pod's service account or else by the kubeconfig.")
    ] = True
    kubeconfig: Annotated[str, Meta(description="Path of a kubeconfig; empty: KUBECONFIG, then ~/.kube/config.")] = ""
    namespaces: Annotated[tuple[Name, ...], Meta(description="Namespaces to watch; none: all of them.")] = ()
    pods: Annotated[
        Literal["all", "pools"],
        Meta(
            description="all: also what other pods ask of the nodes, and who took a card without being of a pool; "
            "pools: only pods that carry a pool's labels, for an API server that must be spared."
        ),
    ] = "all"
    nodes: Annotated[bool, Meta(description="Watch nodes and the DaemonSets that serve GPUs.")] = True
    claims: Annotated[
        bool, Meta(description="Watch ResourceClaims and ResourceSlices where they are served (DRA).")
    ] = True
    events: Annotated[
        bool, Meta(description="Watch the events of pulled images and of pods that could not be made.")
    ] = True
    annotations: Annotated[Annotations, Meta(description=Annotations.__doc__)] = Annotations()


class Pool(Section, frozen=True):
    """Lanes of which exactly one may run: every pod, and every controller whose pods, carry these labels."""

    name: Annotated[Name, Meta(description="Name of the pool in every series.")]
    labels: Annotated[
        dict[str, str], Meta(description="Labels that the pods carry, all of them; none: only `lanes` are of the pool.")
    ] = msgspec.field(default_factory=dict)
    lanes: Annotated[
        tuple[Name, ...], Meta(description="Lanes that are of the pool without its labels: `name` or `namespace/name`.")
    ] = ()
    namespaces: Annotated[tuple[Name, ...], Meta(description="Namespaces that the pool is in; none: all of them.")] = ()
    nodes: Annotated[
        dict[str, str], Meta(description="Labels of the nodes that the pool is on, all of them; none: every node.")
    ] = msgspec.field(default_factory=dict)
    each: Annotated[
        Literal["pool", "node", "device"],
        Meta(description="What exactly one may run on: the whole pool, each of its nodes, or each card or MIG slice."),
    ] = "pool"
    switch_seconds: Annotated[
        float, Meta(ge=10, le=86400, description="Seconds that an ordered switch may take before it counts as failed.")
    ] = 600.0


class NodeBaseline(Section, frozen=True):
    """What a node with GPUs must have to be fit for serving."""

    labels: Annotated[tuple[str, ...], Meta(description="Labels that it must carry; a `*` stands for any text.")] = (
        "nvidia.com/gpu.product",
        "nvidia.com/gpu.memory",
        "nvidia.com/gpu.count",
    )
    taints: Annotated[
        tuple[str, ...], Meta(description="Keys of taints of which one must keep other work off; a `*` for any text.")
    ] = ("workload.ai/dedicated", "nvidia.com/gpu", "gpu.intel.com/*", "amd.com/gpu", "dedicated")
    device_plugins: Annotated[
        tuple[str, ...], Meta(description="Names of the DaemonSets that offer the cards; a `*` stands for any text.")
    ] = _DEVICE_PLUGINS
    telemetry: Annotated[
        tuple[str, ...], Meta(description="Names of the DaemonSets that report the cards, besides our own agent.")
    ] = _TELEMETRY
    daemons: Annotated[
        tuple[str, ...], Meta(description="Names of the other DaemonSets that a GPU needs; a `*` stands for any text.")
    ] = _DAEMONS


def refuse_empty_pools(pools: tuple[Pool, ...], at: str) -> None:
    """Raise `ConfigError` for a pool that nothing could be of."""
    for number, pool in enumerate(pools):
        if not pool.labels and not pool.lanes:
            raise ConfigError(
                f"{at}[{number}]: expected `labels` or `lanes`, found neither: nothing is of pool `{pool.name}`"
            )
