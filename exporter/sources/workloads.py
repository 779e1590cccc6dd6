"""What of the pods and controllers of a cluster is anybody's business, and what they ask of its nodes all together.

A pod of a pool, one that asks for a GPU and one that holds claims are kept whole; of all others only what they request.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from exporter.cluster import Controller, DaemonPod, LoadPart, Pod, Workloads
from exporter.config import Config
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Pool
from exporter.facts.membership import belongs
from exporter.sources.object_json import Json, MetadataJson, only
from exporter.sources.pod_json import Keys, PodJson, asks_for_claims, decode_pod, is_ready, lane_of, pod_record
from exporter.sources.pod_spec_json import PodSpecJson, asks_for_gpu, requests_of

_FINISHED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What the configuration asks to know."""

    pools: tuple[Pool, ...]
    keys: Keys
    daemons: tuple[str, ...] = ()  # names of the DaemonSets that serve GPUs; a `*` stands for any text
    agents: AgentsOf | None = None  # None: nobody asks them
    sees_all_pods: bool = True  # else what the pods ask of a node cannot be told


def interest_of(config: Config) -> Interest:
    """Return what `config` asks to know."""
    annotations = config.kubernetes.annotations
    baseline = config.node_baseline
    labels = [pool.labels for pool in config.pools] + [config.agents.labels]
    return Interest(
        pools=config.pools,
        keys=Keys(
            labels=frozenset(key for one in labels for key in one),
            annotations=frozenset({annotations.model, annotations.model_digest, annotations.model_bytes} - {""}),
        ),
        daemons=baseline.device_plugins + baseline.telemetry + baseline.daemons,
        agents=config.agents if config.agents.enabled else None,
        sees_all_pods=config.kubernetes.pods == "all" and not config.kubernetes.namespaces,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one pod asks of the node that it is bound to."""

    node: str
    part: LoadPart
    requests: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodTrace:
    """What we keep of one pod: its record, its being a daemon's, what it asks of its node; of most only the last."""

    pod: Pod | None = None
    daemon: DaemonPod | None = None
    load: Load | None = None


def trace_pod(raw: bytes | msgspec.Raw, interest: Interest) -> PodTrace | None:
    """Return what is to be kept of the pod whose JSON is `raw`."""
    pod = decode_pod(raw)
    is_member = _is_member(pod, interest)
    trace = PodTrace(
        pod=pod_record(pod, interest.keys) if is_member or _asks_for_devices(pod) else None,
        daemon=_daemon_pod(pod, interest),
        load=_load(pod, is_member=is_member) if interest.sees_all_pods else None,
    )
    return None if trace == _NOTHING else trace


def trace_unreadable_pod(raw: bytes | msgspec.Raw, interest: Interest) -> PodTrace | None:
    """Return of a pod of a pool that it is there, in no known phase: only who it is can be read."""
    pod = PodJson(metadata=msgspec.json.decode(raw, type=_NamedJson).metadata, spec=PodSpecJson())
    return PodTrace(pod=pod_record(pod, interest.keys)) if _is_member(pod, interest) else None


def is_of_a_pool(interest: Interest, *, namespace: str, lane: str, labels: Mapping[str, str]) -> bool:
    """Whether a pod or a controller of this name and these labels, of its pods, is of any pool."""
    return any(belongs(pool, namespace=namespace, lane=lane, labels=labels) for pool in interest.pools)


def is_daemon(name: str, interest: Interest) -> bool:
    """Whether a DaemonSet of this name serves GPUs."""
    return any(fnmatchcase(name, glob) for glob in interest.daemons)


def sum_loads(loads: Iterable[Load]) -> dict[str, dict[LoadPart, dict[str, float]]]:
    """Return what all pods ask of each node, by who asks."""
    nodes: dict[str, dict[LoadPart, dict[str, float]]] = {}
    for load in loads:
        total = nodes.setdefault(load.node, {}).setdefault(load.part, {})
        for name, amount in load.requests.items():
            total[name] = total.get(name, 0.0) + amount
    return nodes


def join(traces: Iterable[PodTrace], controllers: Iterable[Controller], interest: Interest) -> Workloads:
    """Return all of it as one part of the snapshot; a pod that came by two selectors is one pod."""
    kept = list(traces)
    pods = {(one.pod.namespace, one.pod.name): one.pod for one in kept if one.pod}
    daemons = {(one.daemon.namespace, one.daemon.name): one.daemon for one in kept if one.daemon}
    return Workloads(
        pods=tuple(pods.values()),
        controllers=tuple(controllers),
        daemon_pods=tuple(daemons.values()),
        loads=sum_loads(one.load for one in kept if one.load) if interest.sees_all_pods else None,
    )


class _NamedJson(Json, frozen=True):
    """An object of which nothing but its name and labels is read."""

    metadata: MetadataJson


_NOTHING: Final = PodTrace()


def _is_member(pod: PodJson, interest: Interest) -> bool:
    _, lane = lane_of(pod.metadata)
    labels = pod.metadata.labels or {}
    return is_of_a_pool(interest, namespace=pod.metadata.namespace, lane=lane, labels=labels)


def _asks_for_devices(pod: PodJson) -> bool:
    containers = (*(pod.spec.init_containers or ()), *(pod.spec.containers or ()))
    return asks_for_claims(pod) or any(asks_for_gpu(container) for container in containers)


def _daemon_pod(pod: PodJson, interest: Interest) -> DaemonPod | None:
    kind, name = lane_of(pod.metadata)
    if not (kind == "DaemonSet" and is_daemon(name, interest)) and not _is_agent(pod.metadata, interest.agents):
        return None
    return DaemonPod(
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        daemon=name,
        node=pod.spec.node_name,
        is_ready=is_ready(pod),
        address=pod.status.pod_ip,
        labels=only(interest.agents.labels, pod.metadata.labels) if interest.agents else {},
    )


def _is_agent(metadata: MetadataJson, agents: AgentsOf | None) -> bool:
    if agents is None or (agents.namespace and agents.namespace != metadata.namespace):
        return False
    return agents.labels.items() <= (metadata.labels or {}).items()


def _load(pod: PodJson, *, is_member: bool) -> Load | None:
    """Return what the pod asks of its node; one that has ended asks nothing, one without a node asks nobody yet."""
    if not pod.spec.node_name or pod.status.phase in _FINISHED:
        return None
    requests = requests_of(pod.spec)
    if not requests:
        return None
    return Load(node=sys.intern(pod.spec.node_name), part=_part(pod, is_member=is_member), requests=requests)


def _part(pod: PodJson, *, is_member: bool) -> LoadPart:
    if is_member:
        return "lanes"
    return "daemons" if lane_of(pod.metadata)[0] == "DaemonSet" else "others"
