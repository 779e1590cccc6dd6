"""From the JSON of one event to the slim record of a pulled image or of a pod that could not be made.

Two shapes are about: what kubelets write counts in `count` and `lastTimestamp`; what newer senders write has
`eventTime`, and a `series` where it came again.
"""

import re
from datetime import datetime
from typing import Final

import msgspec

from exporter.cluster import CreateFailure, ImagePull
from exporter.sources.object_json import Json, MetadataJson, seconds

_LONGEST_MESSAGE: Final = 300
_PRESENT: Final = re.compile(r'^Container image ".*" already present on machine')
# The seconds that include waiting for other pulls are what the pod waited; kubelets before 1.26 do not tell them.
_PULLED: Final = re.compile(
    r'^Successfully pulled image ".*" in (?P<took>\S+)(?: \((?P<waited>\S+) including waiting\))?'
)
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s|us|µs|μs|ns)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_CONTAINER: Final = re.compile(r"^spec\.(?:initContainers|containers)\{(.+)\}$")
# The letters that Kubernetes makes the hash of a pod template from: it has no vowels, lest it spell a word.
_TEMPLATE_HASH: Final = re.compile(r"^(?P<deployment>.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}$")


class AboutJson(Json, frozen=True):
    """What an event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class SeriesJson(Json, frozen=True):
    """That an event came again."""

    last_observed_time: datetime | None = None


class EventJson(Json, frozen=True):
    """One event."""

    metadata: MetadataJson
    involved_object: AboutJson = AboutJson()
    message: str = ""
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: SeriesJson | None = None


def read_pull(raw: bytes | msgspec.Raw) -> ImagePull | None:
    """Return the pull that an event of reason Pulled tells, or None where it does not say how long it took."""
    event = msgspec.json.decode(raw, type=EventJson)
    about = event.involved_object
    took, at = pull_seconds(event.message), _last_at(event)
    if about.kind != "Pod" or took is None or at is None:
        return None
    container = _CONTAINER.match(about.field_path)
    return ImagePull(
        namespace=about.namespace,
        pod=about.name,
        pod_uid=about.uid,
        seconds=took,
        at=at,
        container=container[1] if container else "",
    )


def read_create_failure(raw: bytes | msgspec.Raw) -> CreateFailure | None:
    """Return who could not make a pod, by an event of reason FailedCreate."""
    event = msgspec.json.decode(raw, type=EventJson)
    at = _last_at(event)
    if at is None:
        return None
    kind, name = _controller(event.involved_object)
    return CreateFailure(
        namespace=event.involved_object.namespace,
        kind=kind,
        name=name,
        message=event.message[:_LONGEST_MESSAGE],
        at=at,
    )


def pull_seconds(message: str) -> float | None:
    """Return for how long a pod waited for its image, as the kubelet words it; 0: it was there already."""
    if _PRESENT.match(message):
        return 0.0
    found = _PULLED.match(message)
    return _duration(found["waited"] or found["took"]) if found else None


def _duration(text: str) -> float | None:
    """Return the seconds of a duration as Go writes it: `1m12.3s`, `850ms`."""
    parts = _PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _controller(about: AboutJson) -> tuple[str, str]:
    """Return kind and name of the lane; of a ReplicaSet that a Deployment made, only the hash in its name tells."""
    of_deployment = _TEMPLATE_HASH.match(about.name)
    if about.kind == "ReplicaSet" and of_deployment:
        return "Deployment", of_deployment["deployment"]
    return about.kind, about.name


def _last_at(event: EventJson) -> float | None:
    """Return when it happened last, by whichever of its times says so, or else when it was written down."""
    again = event.series.last_observed_time if event.series else None
    told = (again, event.last_timestamp, event.event_time, event.first_timestamp)
    times = [at for time in told if (at := seconds(time)) is not None]
    return max(times, default=seconds(event.metadata.creation_timestamp))
