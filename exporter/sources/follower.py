"""One list or one watch of a collection, as the API server answers it.

Knows neither the Kubernetes library nor the objects: both are handed in. Never tries again and never pauses.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from exporter.errors import SourceError
from exporter.sources.gate import Doubt
from exporter.sources.kube_json import Event, Page, Status, Thing, decode
from exporter.sources.local_copy import Key, LocalCopy
from exporter.sources.pace import Pace
from exporter.sources.refusal import OwnMatterError, explain_content, explain_event, explain_status

T = TypeVar("T")


class Answer(Protocol):
    """One answer of the API server; reading from it raises `SourceError`, and nothing else."""

    status: int
    content_type: str
    retry_after_seconds: float

    def read(self) -> bytes:
        """Return the whole body, within a limit of bytes and of time."""
        ...

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the body as they come."""
        ...

    def expect_within(self, seconds: float) -> None:
        """From now on, let this be silent for so long and no longer."""
        ...

    def cut(self) -> None:
        """Make the thread that reads from this stop; safe from another thread, which `close` is not."""
        ...

    def close(self) -> None:
        """Give the connection up."""
        ...


class Server(Protocol):
    """The API server over one credential."""

    def get(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> Answer:
        """Ask for `path`; the answer may be silent for so long and no longer."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection(Generic[T]):
    """What to follow; `keep` makes the slim record of one object's JSON, or None of one that is nobody's business."""

    path: str
    keep: Callable[[msgspec.Raw], T | None]
    selector: str = ""
    field_selector: str = ""


class Follower(Generic[T]):
    """Fills a local copy; says each time what it heard, and thereby what the server was seen to do."""

    def __init__(self, collection: Collection[T], pace: Pace, heard: Callable[[Doubt], None]) -> None:
        self.copy: LocalCopy[T] = LocalCopy()
        self.version = ""  # to resume the watch from; empty: list first
        self.listed_at = -math.inf
        self.watched_at: float | None = None  # when the watch was asked for that the server accepted now
        self._collection = collection
        self._pace = pace
        self._heard = heard
        self._answer: Answer | None = None
        self._is_cut = False

    def follow(self, server: Server) -> None:
        """List if there is nothing to resume from, else watch until the watch ends."""
        if self.version:
            self._watch(server)
        else:
            self._list(server)

    def cut(self) -> None:
        """Make the thread that follows stop for good; safe from another thread."""
        self._is_cut = True
        if self._answer is not None:
            self._answer.cut()

    def is_short(self, watched_at: float) -> bool:
        """Say whether a watch of then that ends now was not meant to end."""
        return self._pace.now() - watched_at < self._pace.short_watch_seconds

    @property
    def _path(self) -> str:
        return self._collection.path

    def _list(self, server: Server) -> None:
        found: dict[Key, T] = {}
        token = ""
        while True:
            page = self._read_page(server, token)
            for raw in page.items or ():
                key, record = self._read(raw)
                if record is not None:
                    found[key] = record
            token = page.metadata.continue_
            if not token:
                break
        if not page.metadata.resource_version:
            raise SourceError("bad_answer", f"{self._path}: expected a list with its version, found none")
        self.copy.replace(found)
        self.version = page.metadata.resource_version
        self.listed_at = self._pace.now()

    def _read_page(self, server: Server, token: str) -> Page:
        query = {"limit": str(self._pace.page_size)} | ({"continue": token} if token else {})
        answer = self._get(server, query)
        self._heard(Doubt.ANSWERS)
        try:
            return decode(answer.read(), Page, self._path)
        finally:
            answer.close()

    def _watch(self, server: Server) -> None:
        seconds = round(self._pace.choose_watch_seconds())
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        query["resourceVersion"] = self.version
        asked_at = self._pace.now()
        answer = self._get(server, query)
        self.watched_at = asked_at
        self._heard(Doubt.ACCEPTS_WATCHES)
        try:
            answer.expect_within(seconds + self._pace.watch_grace_seconds)
            for line in answer.lines():
                self._take(decode(line, Event, self._path), answer)
        finally:
            answer.close()
        if self.is_short(asked_at):
            raise SourceError("bad_answer", f"{self._path}: expected a watch of minutes, found one that ended at once")

    def _get(self, server: Server, query: dict[str, str]) -> Answer:
        if self._collection.selector:
            query["labelSelector"] = self._collection.selector
        if self._collection.field_selector:
            query["fieldSelector"] = self._collection.field_selector
        silence_seconds = self._pace.list_silence_seconds
        answer = self._answer = server.get(self._path, query, silence_seconds=silence_seconds)
        if self._is_cut:  # before there was an answer to cut
            answer.cut()
        if answer.status == 200 and answer.content_type.startswith("application/json"):
            return answer
        try:
            raise self._explain(answer)
        finally:
            answer.close()

    def _explain(self, answer: Answer) -> Exception:
        if answer.status == 200:
            return explain_content(self._path, answer.content_type)
        return explain_status(self._path, answer.status, answer.read(), answer.retry_after_seconds)

    def _take(self, event: Event, answer: Answer) -> None:
        if event.type == "ERROR":
            self.version = ""
            raise explain_event(self._path, decode(event.object, Status, self._path))
        if event.type in {"ADDED", "MODIFIED"}:
            self.copy.put(*self._read(event.object))
        metadata = decode(event.object, Thing, self._path).metadata
        if event.type == "DELETED":
            self.copy.put((metadata.namespace, metadata.name), None)
        if event.type == "BOOKMARK":
            answer.expect_within(self._pace.bookmark_silence_seconds)
        self.version = metadata.resource_version or self.version
        self._heard(Doubt.NONE)

    def _read(self, raw: msgspec.Raw) -> tuple[Key, T | None]:
        key = decode(raw, Thing, self._path).key
        try:
            return key, self._collection.keep(raw)
        except (msgspec.DecodeError, ValueError) as error:
            message = f"{self._path}: expected an object of its kind, found: {error}"
            raise OwnMatterError(SourceError("bad_answer", message)) from error
