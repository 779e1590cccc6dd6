"""The values about who scrapes, evaluates, shows, routes and lets through."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from exporter.chart.section import Duration, Labels, Namespace, Object, Objects, Part, Size


class Monitor(Part, frozen=True):
    """How Prometheus finds us; an operator's object is made only where its kind is served."""

    kind: Annotated[
        Literal["ServiceMonitor", "PodMonitor", "annotations", "none"],
        Meta(description="An object of the Prometheus operator, or the old prometheus.io annotations, or nothing."),
    ] = "ServiceMonitor"
    additional_labels: Annotated[
        Labels,
        Meta(description="Labels that your Prometheus selects by; kube-prometheus-stack: `release: <its release>`."),
    ] = msgspec.field(default_factory=dict)
    interval: Annotated[Duration, Meta(description="Time between two scrapes.")] = "15s"
    scrape_timeout: Annotated[Duration, Meta(description="Time that a scrape may take.")] = "10s"
    cluster: Annotated[
        str, Meta(description="Value of a label `cluster` on every series, for a Prometheus of several clusters.")
    ] = ""
    sample_limit: Annotated[int, Meta(ge=1, description="Samples of a page over which the scrape is refused.")] = 50000
    label_limit: Annotated[int, Meta(ge=1, description="Labels of a sample, likewise.")] = 40
    label_name_length_limit: Annotated[int, Meta(ge=1, description="Length of a label's name, likewise.")] = 128
    label_value_length_limit: Annotated[int, Meta(ge=1, description="Length of a label's value, likewise.")] = 512
    body_size_limit: Annotated[Size, Meta(description="Size of a page, likewise.")] = "32MB"
    tls_config: Annotated[
        Object, Meta(description="TLS of the scrape where `web.tls` is on: `ca`, `serverName`, by reference.")
    ] = msgspec.field(default_factory=dict)
    basic_auth: Annotated[Object, Meta(description="User and password of the scrape, by reference to Secrets.")] = (
        msgspec.field(default_factory=dict)
    )
    authorization: Annotated[
        Object,
        Meta(
            description="Token of the scrape where `config.web.token_review` is on: `credentials`, by reference to a "
            "Secret; not beside `basicAuth`."
        ),
    ] = msgspec.field(default_factory=dict)
    relabelings: Annotated[Objects, Meta(description="Relabelling of the targets, after ours.")] = msgspec.field(
        default_factory=list
    )
    metric_relabelings: Annotated[Objects, Meta(description="Relabelling of the samples.")] = msgspec.field(
        default_factory=list
    )


class Rules(Part, frozen=True):
    """The recording rules and alerts, one object a group."""

    kind: Annotated[
        Literal["PrometheusRule", "ConfigMap", "none"],
        Meta(
            description="Objects of the operator, or ConfigMaps that your Prometheus mounts (`<release>-rules-0` and "
            "on), or nothing."
        ),
    ] = "PrometheusRule"
    additional_labels: Annotated[Labels, Meta(description="Labels that your Prometheus selects by.")] = msgspec.field(
        default_factory=dict
    )
    runbooks: Annotated[
        str,
        Meta(
            pattern=r"^(https?://\S+)?$",
            description="Address below which your copy of the runbooks is; empty: their path in the repository.",
        ),
    ] = ""
    left_out: Annotated[list[str], Meta(description="Names of groups to leave out: `lanewatch-slo`.")] = msgspec.field(
        default_factory=list
    )


class GrafanaOperator(Part, frozen=True):
    """GrafanaDashboard objects, for Grafana's operator."""

    enabled: Annotated[bool, Meta(description="Make them.")] = False
    instance_selector: Annotated[Object, Meta(description="Which Grafana shows them.")] = msgspec.field(
        default_factory=lambda: {"matchLabels": {"dashboards": "grafana"}}
    )
    folder: Annotated[str, Meta(description="Folder in Grafana.")] = "Lanewatch"


class Dashboards(Part, frozen=True):
    """The dashboards, a ConfigMap each."""

    enabled: Annotated[bool, Meta(description="Make the ConfigMaps.")] = True
    labels: Annotated[Labels, Meta(description="Labels by which Grafana's sidecar finds them.")] = msgspec.field(
        default_factory=lambda: {"grafana_dashboard": "1"}
    )
    annotations: Annotated[
        Labels,
        Meta(
            description="The folder; it counts only where Grafana's chart has sidecar.dashboards.folderAnnotation: "
            "grafana_folder and provider.foldersFromFilesStructure: true."
        ),
    ] = msgspec.field(default_factory=lambda: {"grafana_folder": "Lanewatch"})
    operator: Annotated[GrafanaOperator, Meta(description=GrafanaOperator.__doc__)] = GrafanaOperator()


class Alertmanager(Part, frozen=True):
    """The routes, as an AlertmanagerConfig; the operator adds a matcher on the namespace unless told otherwise."""

    enabled: Annotated[bool, Meta(description="Make it.")] = False
    additional_labels: Annotated[Labels, Meta(description="Labels that your Alertmanager selects by.")] = msgspec.field(
        default_factory=dict
    )


class Probe(Part, frozen=True):
    """Prometheus probes aliases through the watcher, besides our own schedule; series `lanewatch_on_demand_*`."""

    enabled: Annotated[bool, Meta(description="Make a Probe; each of its scrapes costs a probe of an alias.")] = False
    aliases: Annotated[list[str], Meta(description="Aliases out of `config.aliases`.")] = msgspec.field(
        default_factory=list
    )
    additional_labels: Annotated[Labels, Meta(description="Labels that your Prometheus selects by.")] = msgspec.field(
        default_factory=dict
    )
    interval: Annotated[Duration, Meta(description="Time between two probes of an alias.")] = "5m"
    scrape_timeout: Annotated[Duration, Meta(description="Time that a probe may take.")] = "30s"


class NetworkPolicy(Part, frozen=True):
    """Who may ask us, and that agents ask nobody."""

    enabled: Annotated[bool, Meta(description="Make the policies.")] = False
    scrapers: Annotated[
        Objects, Meta(description="Peers that may scrape; none: every pod. `[{namespaceSelector: ...}]`.")
    ] = msgspec.field(default_factory=list)


class Quota(Part, frozen=True):
    """A ResourceQuota on the cards of each namespace of the lanes."""

    enabled: Annotated[bool, Meta(description="Make it; it is in force at once, whatever `actions` says.")] = False
    cards: Annotated[int, Meta(ge=0, description="Cards that all pods of the namespace may ask for together.")] = 1


class Guard(Part, frozen=True):
    """Opt-in: enforces exactly one lane, where everything else here only tells."""

    enabled: Annotated[bool, Meta(description="Make the policies, in force as `actions` says.")] = False
    namespaces: Annotated[list[Namespace], Meta(description="Namespaces of the lanes; they must be there.")] = (
        msgspec.field(default_factory=list)
    )
    active_lane: Annotated[
        str, Meta(description="The one lane that may run; a switch changes it first. Empty: none may.")
    ] = ""
    lanes: Annotated[
        list[str],
        Meta(description="All lanes: `kubectl scale` of one that is not active is then refused at once, not its pod."),
    ] = msgspec.field(default_factory=list)
    labels: Annotated[Labels, Meta(min_length=1, description="Labels of the lanes' pods, as the pool's.")] = (
        msgspec.field(default_factory=lambda: {"platform.example.com/gpu-llm": "true"})
    )
    resource: Annotated[str, Meta(min_length=1, description="Name of the resource that is a card.")] = "nvidia.com/gpu"
    actions: Annotated[
        list[Literal["Audit", "Warn", "Deny"]],
        Meta(min_length=1, description="First look who would be refused (Audit, Warn), then refuse (Deny)."),
    ] = msgspec.field(default_factory=lambda: ["Audit"])
    quota: Annotated[Quota, Meta(description=Quota.__doc__)] = Quota()
