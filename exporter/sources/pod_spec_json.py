"""From the specification of a pod, or of a controller's template, to what it asks of its node."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from exporter.gpu_resource import is_gpu_resource
from exporter.sources.object_json import Json
from exporter.sources.quantity import exact

Amounts = dict[str, Fraction]
_NONE: Final = Fraction(0)


class ResourcesJson(Json, frozen=True):
    """What is asked for and what is allowed; a claim is named in a list of its own."""

    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None
    claims: list[object] | None = None


class ContainerSpecJson(Json, frozen=True):
    """One container as it was ordered."""

    name: str = ""
    image: str = ""
    restart_policy: str = ""
    resources: ResourcesJson = ResourcesJson()


class ClaimRefJson(Json, frozen=True):
    """One claim that a pod refers to by a name of its own; one made from a template has its name in the status."""

    name: str
    resource_claim_name: str | None = None


class PodSpecJson(Json, frozen=True):
    """What was ordered of a pod."""

    node_name: str = ""
    containers: list[ContainerSpecJson] | None = None
    init_containers: list[ContainerSpecJson] | None = None
    resources: ResourcesJson | None = None
    resource_claims: list[ClaimRefJson] | None = None
    overhead: dict[str, str | int | float] | None = None


def requests_of(spec: PodSpecJson) -> dict[str, float]:
    """Return what the scheduler counts for one such pod, by resource.

    https://github.com/kubernetes/component-helpers/blob/v0.34.0/resource/helpers.go
    """
    total: Amounts = {}
    for container in spec.containers or ():
        _add(total, _asked(container.resources))
    _add_init_containers(total, spec.init_containers or ())
    if spec.resources is not None:  # of the pod as a whole: its word wins over the sum of its containers
        total |= _asked(spec.resources)
    _add(total, _amounts(spec.overhead))
    return {name: float(amount) for name, amount in total.items()}


def asks_for_gpu(container: ContainerSpecJson) -> bool:
    """Whether a GPU is given to this container, by a resource of the device plugin or by a claim."""
    asked = {**(container.resources.limits or {}), **(container.resources.requests or {})}
    return bool(container.resources.claims) or any(is_gpu_resource(name) for name in asked)


def _add_init_containers(total: Amounts, containers: Iterable[ContainerSpecJson]) -> None:
    """Add the sidecars, which stay, and raise the sum to the most that any moment of the start needs."""
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in containers:
        asked = _asked(container.resources)
        if container.restart_policy == "Always":
            _add(total, asked)
            _add(sidecars, asked)
            _raise(peak, sidecars)
        else:
            _add(asked, sidecars)
            _raise(peak, asked)
    _raise(total, peak)


def _asked(resources: ResourcesJson) -> Amounts:
    """Return the requests; where there is none, the limit is one: the API server says so of pods, not of templates."""
    return _amounts(resources.limits) | _amounts(resources.requests)


def _amounts(raw: Mapping[str, str | int | float] | None) -> Amounts:
    return {name: exact(amount) for name, amount in raw.items()} if raw else {}


def _add(total: Amounts, more: Mapping[str, Fraction]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, _NONE) + amount


def _raise(total: Amounts, least: Mapping[str, Fraction]) -> None:
    for name, amount in least.items():
        total[name] = max(total.get(name, _NONE), amount)
