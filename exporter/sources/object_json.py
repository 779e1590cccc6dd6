"""What the JSON of all kinds of Kubernetes objects has in common; what is not named here is skipped unread."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec


class Json(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an object; what Kubernetes leaves out, or says is null, has a default."""


class OwnerJson(Json, frozen=True):
    """What an object was made by; one of them at most is its controller."""

    kind: str
    name: str
    controller: bool = False


class MetadataJson(Json, frozen=True):
    """Who an object is and when it was made; one that is told to go has a time to be gone by."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerJson] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None

    @property
    def controller(self) -> OwnerJson | None:
        """The owner that keeps the object alive."""
        return next((owner for owner in self.owner_references or () if owner.controller), None)


class ConditionJson(Json, frozen=True):
    """One thing that is so, or is not, or cannot be told, and since when."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


def condition_of(kind: str, conditions: Iterable[ConditionJson] | None) -> ConditionJson | None:
    """Return the condition of this type."""
    return next((one for one in conditions or () if one.type == kind), None)


def seconds(time: datetime | None) -> float | None:
    """Return a time of the API server as Unix time."""
    return None if time is None else time.timestamp()


def only(keys: Iterable[str], found: Mapping[str, str] | None) -> dict[str, str]:
    """Return those of the labels or annotations that somebody asks for."""
    return {key: found[key] for key in keys if key in found} if found else {}
