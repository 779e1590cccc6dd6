"""From the JSON of one pod to the slim record that we keep of it; everything else is dropped unread."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import field

from exporter.cluster import Container, Pod
from exporter.sources.container_json import ContainerStatusJson, containers_of
from exporter.sources.object_json import ConditionJson, Json, MetadataJson, condition_of, only, seconds
from exporter.sources.pod_spec_json import PodSpecJson, requests_of

_KILLED: Final = "OOMKilled"
_INSUFFICIENT: Final = re.compile(r"Insufficient ([A-Za-z0-9./_-]+[A-Za-z0-9])")


class ClaimStatusJson(Json, frozen=True):
    """The claim that was made for a pod from a template; None: none was needed."""

    name: str = ""
    resource_claim_name: str | None = None


class PodStatusJson(Json, frozen=True):
    """What became of a pod."""

    phase: str = "Unknown"
    reason: str = ""
    pod_ip: str = field(default="", name="podIP")
    conditions: list[ConditionJson] | None = None
    container_statuses: list[ContainerStatusJson] | None = None
    init_container_statuses: list[ContainerStatusJson] | None = None
    resource_claim_statuses: list[ClaimStatusJson] | None = None
    extended_resource_claim_status: ClaimStatusJson | None = None  # a claim made for `nvidia.com/gpu: 1`


class PodJson(Json, frozen=True):
    """One pod."""

    metadata: MetadataJson
    spec: PodSpecJson
    status: PodStatusJson = PodStatusJson()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The labels and annotations that somebody asks for: all others are dropped."""

    labels: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()


_NO_KEYS: Final = Keys()


def read_pod(raw: bytes | msgspec.Raw, keys: Keys = _NO_KEYS) -> Pod:
    """Return the record of the pod whose JSON is `raw`."""
    return pod_record(decode_pod(raw), keys)


def decode_pod(raw: bytes | msgspec.Raw) -> PodJson:
    """Return what we read of the pod, before it is known how much of it is anybody's business."""
    return msgspec.json.decode(raw, type=PodJson)


def pod_record(pod: PodJson, keys: Keys) -> Pod:
    """Return the full record of `pod`."""
    metadata, status = pod.metadata, pod.status
    containers = _containers(pod)
    kind, lane = lane_of(metadata)
    ready = condition_of("Ready", status.conditions)
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        lane=lane,
        phase=status.phase,
        kind=kind,
        node=pod.spec.node_name,
        is_ready=is_ready(pod),
        is_terminating=metadata.deletion_timestamp is not None,
        restarts=sum(container.restarts for container in containers),
        reason=next(_reasons(status, containers), ""),
        labels=only(keys.labels, metadata.labels),
        annotations=only(keys.annotations, metadata.annotations),
        requests=requests_of(pod.spec),
        claims=tuple(_claims(pod)),
        containers=containers,
        address=status.pod_ip,
        created_at=seconds(metadata.creation_timestamp),
        scheduled_at=_since("PodScheduled", status),
        sandbox_at=_since("PodReadyToStartContainers", status),
        ready_changed_at=seconds(ready.last_transition_time) if ready else None,
        delete_by=seconds(metadata.deletion_timestamp),
    )


def lane_of(metadata: MetadataJson) -> tuple[str, str]:
    """Return kind and name of what made the pod; a bare pod, and one of a node's own files, is a lane by itself."""
    owner = metadata.controller
    if owner is None or owner.kind == "Node":
        return "", metadata.name
    suffix = "-" + (metadata.labels or {}).get("pod-template-hash", "")
    if owner.kind == "ReplicaSet" and len(suffix) > 1 and owner.name.endswith(suffix):
        return "Deployment", owner.name.removesuffix(suffix)
    return owner.kind, owner.name


def is_ready(pod: PodJson) -> bool:
    """Whether the pod's own condition says so."""
    ready = condition_of("Ready", pod.status.conditions)
    return ready is not None and ready.status == "True"


def asks_for_claims(pod: PodJson) -> bool:
    """Whether devices are given to the pod by claims, already or yet to be made."""
    return bool(pod.spec.resource_claims) or pod.status.extended_resource_claim_status is not None


def _containers(pod: PodJson) -> tuple[Container, ...]:
    return (
        *containers_of(pod.spec.init_containers, pod.status.init_container_statuses, is_init=True),
        *containers_of(pod.spec.containers, pod.status.container_statuses, is_init=False),
    )


def _claims(pod: PodJson) -> Iterator[str]:
    """Yield the names of the pod's claims; one that is yet to be made has none."""
    made = {one.name: one.resource_claim_name for one in pod.status.resource_claim_statuses or ()}
    for claim in pod.spec.resource_claims or ():
        if name := claim.resource_claim_name or made.get(claim.name):
            yield name
    extended = pod.status.extended_resource_claim_status
    if extended is not None and extended.resource_claim_name:
        yield extended.resource_claim_name


def _since(kind: str, status: PodStatusJson) -> float | None:
    """Return since when this condition is true."""
    condition = condition_of(kind, status.conditions)
    return seconds(condition.last_transition_time) if condition and condition.status == "True" else None


def _reasons(status: PodStatusJson, containers: Iterable[Container]) -> Iterator[str]:
    """Yield what is wrong with the pod, what explains most first."""
    if status.reason:
        yield status.reason
    scheduled = condition_of("PodScheduled", status.conditions)
    if scheduled is not None and scheduled.status == "False":
        yield _why_unscheduled(scheduled)
    yield from (one.waiting for one in containers if one.waiting)
    yield from (_KILLED for one in containers if one.last and one.last.reason == _KILLED)


def _why_unscheduled(condition: ConditionJson) -> str:
    """Return `Unschedulable: Insufficient cpu, nvidia.com/gpu`: the scheduler's sentence without its node counts."""
    missing = sorted(set(_INSUFFICIENT.findall(condition.message)))
    return f"{condition.reason}: Insufficient {', '.join(missing)}" if missing else condition.reason
