"""All values of the chart."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from exporter.chart.monitoring import Alertmanager, Dashboards, Guard, Monitor, NetworkPolicy, Probe, Rules
from exporter.chart.pods import (
    Cluster,
    GpuAccess,
    Image,
    KernelLogAccess,
    KubeletSocket,
    Mount,
    Node,
    ProcessAttribution,
    SecretVariable,
    ServiceAccount,
    Web,
    XidStore,
)
from exporter.chart.section import Part
from exporter.config import Config


class Rbac(Part, frozen=True):
    """What the watcher may see: it lists and watches, in `config.kubernetes.namespaces` or everywhere; and reviews."""

    create: Annotated[bool, Meta(description="Make the roles and bindings; off: somebody else gives the rights.")] = (
        True
    )


class Values(Part, frozen=True):
    """Everything that can be set."""

    name_override: Annotated[str, Meta(description="The name in labels, in place of the chart's.")] = ""
    fullname_override: Annotated[str, Meta(description="The name of every object, in place of the release's.")] = ""
    role: Annotated[
        Literal["split", "node", "cluster", "all"],
        Meta(
            description="split: an agent on each node with GPUs and one watcher; node or cluster: only one of the two; "
            "all: both in one pod, for a cluster of one node."
        ),
    ] = "split"
    config: Annotated[
        Config,
        Meta(description="Lanewatch's own configuration; `lanewatch config reference` prints every key."),
    ] = msgspec.field(default_factory=Config)
    restart_on_config: Annotated[
        bool, Meta(description="Restart the pods when the configuration changes, by its checksum in an annotation.")
    ] = True
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="What is logged.")] = "info"
    port: Annotated[int, Meta(ge=1024, le=65535, description="Port of /metrics.")] = 19840
    image: Annotated[Image, Meta(description=Image.__doc__)] = Image()
    secret_variables: Annotated[
        list[SecretVariable],
        Meta(
            description="Keys of the gateway and of lanes, and the password of the agents, by reference: "
            "`LANEWATCH_GATEWAY_KEY` is the gateway's."
        ),
    ] = msgspec.field(default_factory=list)
    mounts: Annotated[list[Mount], Meta(description="Secrets and ConfigMaps as files, for the watcher.")] = (
        msgspec.field(default_factory=list)
    )
    web: Annotated[Web, Meta(description=Web.__doc__)] = Web()
    gpu_access: Annotated[GpuAccess, Meta(description=GpuAccess.__doc__)] = GpuAccess()
    kubelet: Annotated[KubeletSocket, Meta(description=KubeletSocket.__doc__)] = KubeletSocket()
    process_attribution: Annotated[ProcessAttribution, Meta(description=ProcessAttribution.__doc__)] = (
        ProcessAttribution()
    )
    kernel_log: Annotated[KernelLogAccess, Meta(description=KernelLogAccess.__doc__)] = KernelLogAccess()
    xid_store: Annotated[XidStore, Meta(description=XidStore.__doc__)] = XidStore()
    node: Annotated[Node, Meta(description=Node.__doc__)] = Node()
    cluster: Annotated[Cluster, Meta(description=Cluster.__doc__)] = Cluster()
    service_account: Annotated[ServiceAccount, Meta(description=ServiceAccount.__doc__)] = ServiceAccount()
    rbac: Annotated[Rbac, Meta(description=Rbac.__doc__)] = Rbac()
    monitor: Annotated[Monitor, Meta(description=Monitor.__doc__)] = Monitor()
    rules: Annotated[Rules, Meta(description=Rules.__doc__)] = Rules()
    dashboards: Annotated[Dashboards, Meta(description=Dashboards.__doc__)] = Dashboards()
    alertmanager: Annotated[Alertmanager, Meta(description=Alertmanager.__doc__)] = Alertmanager()
    probe: Annotated[Probe, Meta(description=Probe.__doc__)] = Probe()
    network_policy: Annotated[NetworkPolicy, Meta(description=NetworkPolicy.__doc__)] = NetworkPolicy()
    guard: Annotated[Guard, Meta(description=Guard.__doc__)] = Guard()
