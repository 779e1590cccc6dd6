"""From the JSON of one pod or Deployment to the slim record that we keep of it; everything else is dropped unread."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from exporter.cluster import Controller, Pod

_KILLED: Final = "OOMKilled"
_INSUFFICIENT: Final = re.compile(r"Insufficient ([A-Za-z0-9./_-]+[A-Za-z0-9])")


def read_pod(raw: bytes | msgspec.Raw) -> Pod:
    """Return the record of the pod whose JSON is `raw`."""
    pod = msgspec.json.decode(raw, type=_PodJson)
    containers = (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ()))
    return Pod(
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        lane=_lane(pod.metadata),
        phase=pod.status.phase,
        node=pod.spec.node_name,
        is_ready=any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions or ()),
        is_terminating=pod.metadata.deletion_timestamp is not None,
        restarts=sum(container.restart_count for container in containers),
        reason=next(_reasons(pod.status, containers), ""),
        labels=pod.metadata.labels or {},
    )


def read_deployment(raw: bytes | msgspec.Raw) -> Controller:
    """Return the record of the Deployment whose JSON is `raw`."""
    deployment = msgspec.json.decode(raw, type=_DeploymentJson)
    return Controller(
        namespace=deployment.metadata.namespace,
        name=deployment.metadata.name,
        desired_replicas=deployment.spec.replicas,
        generation=deployment.metadata.generation,
        labels=deployment.spec.template.metadata.labels or {},
    )


class _Json(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an object; what is not named here is skipped, what Kubernetes leaves out has a default."""


class _OwnerJson(_Json, frozen=True):
    kind: str
    name: str
    controller: bool = False


class _MetadataJson(_Json, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    owner_references: list[_OwnerJson] | None = None
    deletion_timestamp: str | None = None
    generation: int = 0


class _ConditionJson(_Json, frozen=True):
    type: str
    status: str
    reason: str = ""
    message: str = ""


class _WhyJson(_Json, frozen=True):
    reason: str = ""


class _StateJson(_Json, frozen=True):
    waiting: _WhyJson | None = None
    terminated: _WhyJson | None = None


class _ContainerJson(_Json, frozen=True):
    restart_count: int = 0
    state: _StateJson = _StateJson()
    last_state: _StateJson = _StateJson()


class _PodStatusJson(_Json, frozen=True):
    phase: str = "Unknown"
    reason: str = ""
    conditions: list[_ConditionJson] | None = None
    container_statuses: list[_ContainerJson] | None = None
    init_container_statuses: list[_ContainerJson] | None = None


class _PodSpecJson(_Json, frozen=True):
    node_name: str = ""


class _PodJson(_Json, frozen=True):
    metadata: _MetadataJson
    spec: _PodSpecJson
    status: _PodStatusJson = _PodStatusJson()


class _TemplateJson(_Json, frozen=True):
    metadata: _MetadataJson = _MetadataJson()


class _DeploymentSpecJson(_Json, frozen=True):
    template: _TemplateJson
    replicas: int = 1  # Kubernetes' own default


class _DeploymentJson(_Json, frozen=True):
    metadata: _MetadataJson
    spec: _DeploymentSpecJson


def _lane(metadata: _MetadataJson) -> str:
    """Return what made the pod: the StatefulSet, or the Deployment behind the ReplicaSet `<deployment>-<hash>`."""
    owner = next((one for one in metadata.owner_references or () if one.controller), None)
    if owner is None or owner.kind not in {"ReplicaSet", "StatefulSet"}:
        return ""
    if owner.kind == "StatefulSet":
        return owner.name
    suffix = "-" + (metadata.labels or {}).get("pod-template-hash", "")
    return owner.name.removesuffix(suffix) if len(suffix) > 1 and owner.name.endswith(suffix) else ""


def _reasons(status: _PodStatusJson, containers: Iterable[_ContainerJson]) -> Iterator[str]:
    """Yield what is wrong with the pod, what explains most first."""
    if status.reason:
        yield status.reason
    yield from (_why_unscheduled(one) for one in status.conditions or () if _is_unscheduled(one))
    yield from (waiting.reason for one in containers if (waiting := one.state.waiting))
    yield from (_KILLED for one in containers if (last := one.last_state.terminated) and last.reason == _KILLED)


def _is_unscheduled(condition: _ConditionJson) -> bool:
    return condition.type == "PodScheduled" and condition.status == "False"


def _why_unscheduled(condition: _ConditionJson) -> str:
    """Return `Unschedulable: Insufficient cpu, nvidia.com/gpu`: the scheduler's sentence without its node counts."""
    missing = sorted(set(_INSUFFICIENT.findall(condition.message)))
    return f"{condition.reason}: Insufficient {', '.join(missing)}" if missing else condition.reason
