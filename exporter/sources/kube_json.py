"""The envelope of every answer of the API server: pages of a list, events of a watch, and why it refuses."""

from typing import TypeVar

import msgspec

from exporter.errors import SourceError

T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True, rename={"resource_version": "resourceVersion", "continue_": "continue"}):
    """Where an object or a list stands; `continue_` is the token of the next page."""

    resource_version: str = ""
    continue_: str = ""
    namespace: str = ""
    name: str = ""


class Page(msgspec.Struct, frozen=True):
    """One page of a list, its objects not yet read."""

    metadata: Metadata
    items: list[msgspec.Raw] | None = None


class Event(msgspec.Struct, frozen=True):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    type: str
    object: msgspec.Raw


class Thing(msgspec.Struct, frozen=True):
    """What all objects have."""

    metadata: Metadata

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.metadata.namespace, self.metadata.name


class Status(msgspec.Struct, frozen=True):
    """The object that says no."""

    code: int = 0
    message: str = ""


def decode(raw: bytes | msgspec.Raw, kind: type[T], path: str) -> T:
    """Return `raw` as `kind`; `path` names the collection in the message of a `SourceError`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SourceError("bad_answer", f"{path}: expected JSON of Kubernetes, found: {error}") from error


def said(raw: bytes) -> str:
    """Return why the server refused, if it says so as Kubernetes does."""
    try:
        return msgspec.json.decode(raw, type=Status).message[:300] or "no reason"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no reason"
