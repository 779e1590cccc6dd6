"""A local copy of one collection of the API server: listed in pages, then followed by a watch for as long as it lasts.

Knows neither the Kubernetes library nor the objects: both are handed in. The library's own informer came back more
than a thousand times a second to a server that closes its watches; this one goes at client-go's pace.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from exporter.errors import SourceError, SourceErrorKind
from exporter.sources.kube_json import Event, Page, Status, Thing, decode, said
from exporter.sources.pace import Backoff, Pace

T = TypeVar("T")
_KINDS: Final[Mapping[int, SourceErrorKind]] = {401: "forbidden", 403: "forbidden", 429: "refused", 503: "refused"}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a reflector stands: whether it has a whole list, when the server was last heard, and what is wrong now."""

    is_synced: bool = False
    heard_at: float | None = None
    failure: SourceError | None = None


class Reflector(Generic[T]):
    """Keeps the records of one collection in step with the API server, from a daemon thread of its own."""

    def __init__(self, collection: Collection[T], connect: Callable[[], Server], pace: Pace) -> None:
        self.standing = Standing()
        self._collection = collection
        self._connect = connect
        self._pace = pace
        self._backoff = Backoff(pace)
        self._records: dict[tuple[str, str], T] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._answer: Answer | None = None
        self._version = ""  # to resume the watch from; empty: list first

    def records(self) -> tuple[T, ...]:
        """Return the records as they are now."""
        with self._lock:
            return tuple(self._records.values())

    def start(self) -> None:
        """Start the thread where none runs; one that died of something unforeseen starts anew."""
        if self._stopped.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        if self._thread is not None:
            self._note(failure=SourceError("failed", f"{self._path}: the thread died; see the log"))
        self._version = ""
        self._thread = threading.Thread(target=self.run, name=f"reflector {self._path}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end and cut its connection; does not wait, and need not: the thread is a daemon."""
        self._stopped.set()
        if self._answer is not None:
            self._answer.cut()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end, at most so long, and say whether it did."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        return self._thread is None or not self._thread.is_alive()

    def run(self) -> None:
        """Follow the collection until `stop`."""
        pause = self._pace.pause or self._stopped.wait
        while not self._stopped.is_set():
            seconds = self._follow_once()
            if seconds > 0:
                pause(seconds)
        self._disconnect()

    @property
    def _path(self) -> str:
        return self._collection.path

    def _follow_once(self) -> float:
        """List if there is nothing to resume from, watch until the watch ends, and return the seconds to pause."""
        try:
            self._server = self._server or self._connect()
            if not self._version:
                self._list(self._server)
            self._watch(self._server)
        except _ExpiredError:
            self._version = ""
            return self._backoff.next()
        except _RefusedError as error:
            return self._fail(error.reason, at_least=error.pause_seconds)
        except SourceError as error:
            return self._fail(error)
        return 0.0

    def _fail(self, error: SourceError, at_least: float = 0.0) -> float:
        # The next attempt reads the credentials anew: a token, a CA or a kubeconfig may have been replaced.
        self._disconnect()
        self._note(failure=error)
        if error.kind == "forbidden":
            at_least = max(at_least, self._pace.forbidden_pause_seconds)
        return max(at_least, self._backoff.next())

    def _disconnect(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _list(self, server: Server) -> None:
        found: dict[tuple[str, str], T] = {}
        token = ""
        while True:
            page = self._read_page(server, token)
            for raw in page.items or ():
                self._put(found, raw)
            token = page.metadata.continue_
            if not token:
                break
        with self._lock:
            self._records = found
        self._version = page.metadata.resource_version
        self._note(is_synced=True)

    def _read_page(self, server: Server, token: str) -> Page:
        query = {"limit": str(self._pace.page_size)} | ({"continue": token} if token else {})
        answer = self._get(server, query, self._pace.list_silence_seconds)
        try:
            return decode(answer.read(), Page, self._path)
        finally:
            answer.close()

    def _watch(self, server: Server) -> None:
        seconds = round(self._pace.choose_watch_seconds())
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        query["resourceVersion"] = self._version
        started = self._pace.now()
        answer = self._get(server, query, seconds + self._pace.watch_grace_seconds)
        try:
            self._note()
            for line in answer.lines():
                self._take(decode(line, Event, self._path))
        finally:
            answer.close()
        if self._pace.now() - started < self._pace.short_watch_seconds:
            raise SourceError("bad_answer", f"{self._path}: expected a watch of minutes, found one that ended at once")

    def _get(self, server: Server, query: dict[str, str], silence_seconds: float) -> Answer:
        if self._collection.selector:
            query["labelSelector"] = self._collection.selector
        answer = self._answer = server.get(self._path, query, silence_seconds=silence_seconds)
        if self._stopped.is_set():  # `stop` may have come before there was an answer to cut
            answer.cut()
        if answer.status == 200 and answer.content_type.startswith("application/json"):
            return answer
        try:
            raise self._explain(answer)
        finally:
            answer.close()

    def _explain(self, answer: Answer) -> Exception:
        if answer.status == 410:
            return _ExpiredError()
        if answer.status == 200:
            found = answer.content_type or "none"
            return SourceError("bad_answer", f"{self._path}: expected content of type application/json, found {found}")
        if answer.status not in _KINDS:
            self._version = ""  # whatever it dislikes about the watch, a list needs nothing from before
        kind = _KINDS.get(answer.status, "failed")
        message = f"{self._path}: expected status 200, found {answer.status}: {said(answer.read())}"
        return _RefusedError(SourceError(kind, message), answer.retry_after_seconds)

    def _take(self, event: Event) -> None:
        if event.type == "ERROR":
            raise self._explain_event(decode(event.object, Status, self._path))
        thing = decode(event.object, Thing, self._path)
        with self._lock:
            if event.type in {"ADDED", "MODIFIED"}:
                self._put(self._records, event.object)
            elif event.type == "DELETED":
                self._records.pop(thing.key, None)
        self._version = thing.metadata.resource_version or self._version
        self._note()

    def _explain_event(self, status: Status) -> Exception:
        self._version = ""
        if status.code == 410:
            return _ExpiredError()
        message = f"{self._path}: expected an event, found {status.code}: {status.message[:300]}"
        return SourceError(_KINDS.get(status.code, "failed"), message)

    def _put(self, records: dict[tuple[str, str], T], raw: msgspec.Raw) -> None:
        key = decode(raw, Thing, self._path).key
        try:
            record = self._collection.keep(raw)
        except (msgspec.DecodeError, ValueError) as error:
            raise SourceError("bad_answer", f"{self._path}: expected an object of its kind, found: {error}") from error
        if record is None:
            records.pop(key, None)
        else:
            records[key] = record

    def _note(self, *, failure: SourceError | None = None, is_synced: bool = False) -> None:
        before = self.standing
        self.standing = Standing(
            is_synced=is_synced or before.is_synced,
            heard_at=self._pace.now() if failure is None else before.heard_at,
            failure=failure,
        )


class _ExpiredError(Exception):
    """The version that the watch should resume from is gone: list again."""


class _RefusedError(Exception):
    """The server said no, and for how long to stay away."""

    def __init__(self, reason: SourceError, pause_seconds: float) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.pause_seconds = pause_seconds
