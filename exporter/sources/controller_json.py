"""From the JSON of one Deployment, StatefulSet or DaemonSet to the slim record that we keep of it."""

import dataclasses
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import msgspec

from exporter.cluster import Controller, Daemon
from exporter.sources.object_json import ConditionJson, Json, MetadataJson, condition_of, only
from exporter.sources.pod_json import Keys
from exporter.sources.pod_spec_json import PodSpecJson, requests_of

_LONGEST_MESSAGE: Final = 300
_DEFAULT_SHARE: Final = "25%"  # of a rolling Deployment, both ways: Kubernetes' own default


class TemplateJson(Json, frozen=True):
    """What the pods of a controller are made from."""

    metadata: MetadataJson = MetadataJson()
    spec: PodSpecJson = PodSpecJson()


class RollingJson(Json, frozen=True):
    """How many pods may be more, or missing, while it rolls: a number or a share."""

    max_surge: int | str | None = None
    max_unavailable: int | str | None = None


class StrategyJson(Json, frozen=True):
    """How pods are replaced."""

    type: str = "RollingUpdate"
    rolling_update: RollingJson | None = None


class ControllerSpecJson(Json, frozen=True):
    """What was ordered; Deployments call it `strategy`, StatefulSets `updateStrategy`."""

    template: TemplateJson
    replicas: int = 1  # Kubernetes' own default
    strategy: StrategyJson = StrategyJson()
    update_strategy: StrategyJson = StrategyJson()


class ControllerStatusJson(Json, frozen=True):
    """What became of it."""

    conditions: list[ConditionJson] | None = None


class ControllerJson(Json, frozen=True):
    """One Deployment or StatefulSet."""

    metadata: MetadataJson
    spec: ControllerSpecJson
    status: ControllerStatusJson = ControllerStatusJson()


class DaemonStatusJson(Json, frozen=True):
    """On how many nodes a DaemonSet should run, and on how many it does."""

    desired_number_scheduled: int = 0
    number_ready: int = 0


class DaemonJson(Json, frozen=True):
    """One DaemonSet."""

    metadata: MetadataJson
    status: DaemonStatusJson = DaemonStatusJson()


_NO_KEYS: Final = Keys()


def read_deployment(raw: bytes | msgspec.Raw, keys: Keys = _NO_KEYS) -> Controller:
    """Return the record of the Deployment whose JSON is `raw`."""
    found = msgspec.json.decode(raw, type=ControllerJson)
    surge, unavailable = _rolling(found.spec.strategy, max(1, found.spec.replicas))
    failure = condition_of("ReplicaFailure", found.status.conditions)
    progress = condition_of("Progressing", found.status.conditions)
    return dataclasses.replace(
        _controller(found, keys),
        kind="Deployment",
        strategy=found.spec.strategy.type,
        max_surge=surge,
        max_unavailable=unavailable,
        failure=failure.message[:_LONGEST_MESSAGE] if failure and failure.status == "True" else "",
        is_stuck=progress is not None and (progress.status, progress.reason) == ("False", "ProgressDeadlineExceeded"),
    )


def read_stateful_set(raw: bytes | msgspec.Raw, keys: Keys = _NO_KEYS) -> Controller:
    """Return the record of the StatefulSet whose JSON is `raw`; it ends a pod before it makes the next, always."""
    found = msgspec.json.decode(raw, type=ControllerJson)
    strategy = found.spec.update_strategy
    allowed = strategy.rolling_update.max_unavailable if strategy.rolling_update else None
    replicas = max(1, found.spec.replicas)
    missing = min(max(1, _pods(1 if allowed is None else allowed, replicas, math.floor)), replicas)
    return dataclasses.replace(
        _controller(found, keys),
        kind="StatefulSet",
        strategy=strategy.type,
        max_unavailable=0 if strategy.type == "OnDelete" else missing,  # it ends none by itself
    )


def read_daemon(raw: bytes | msgspec.Raw) -> Daemon:
    """Return the record of the DaemonSet whose JSON is `raw`."""
    found = msgspec.json.decode(raw, type=DaemonJson)
    return Daemon(
        namespace=found.metadata.namespace,
        name=found.metadata.name,
        desired=found.status.desired_number_scheduled,
        ready=found.status.number_ready,
    )


def _controller(found: ControllerJson, keys: Keys) -> Controller:
    """Return what both kinds have; the annotations of the pods win, for the pods were made with them."""
    template = found.spec.template
    return Controller(
        namespace=found.metadata.namespace,
        name=found.metadata.name,
        desired_replicas=found.spec.replicas,
        generation=found.metadata.generation,
        labels=template.metadata.labels or {},
        annotations=only(keys.annotations, found.metadata.annotations)
        | only(keys.annotations, template.metadata.annotations),
        requests=requests_of(template.spec),
        has_claims=bool(template.spec.resource_claims),
        image=next((container.image for container in template.spec.containers or ()), ""),
    )


def _rolling(strategy: StrategyJson, replicas: int) -> tuple[int, int]:
    """Return surge and unavailable in pods; both 0 would never roll, and Kubernetes then lets one be missing.

    https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/deployment/util/deployment_util.go
    """
    if strategy.type == "Recreate":
        return 0, replicas
    rolling = strategy.rolling_update or RollingJson()
    surge = _pods(_DEFAULT_SHARE if rolling.max_surge is None else rolling.max_surge, replicas, math.ceil)
    allowed = _DEFAULT_SHARE if rolling.max_unavailable is None else rolling.max_unavailable
    missing = min(_pods(allowed, replicas, math.floor), replicas)
    return (surge, missing) if surge or missing else (0, 1)


def _pods(allowed: int | str, replicas: int, round_to: Callable[[Fraction], int]) -> int:
    """Return how many of `replicas` a number or a share such as `25%` is."""
    if isinstance(allowed, int):
        return allowed
    if not allowed.endswith("%"):
        raise ValueError(f"expected a number or a share such as 25%, found `{allowed[:20]}`")
    return round_to(Fraction(int(allowed[:-1]) * replicas, 100))
