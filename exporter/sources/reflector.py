"""A local copy of one collection of the API server: listed in pages, then followed by a watch for as long as it lasts.

Knows neither the Kubernetes library nor the objects: both are handed in. The library's own informer came back more
than a thousand times a second to a server that closes its watches; this one goes at client-go's pace.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from exporter.errors import SourceError
from exporter.sources.follower import Collection, Follower, Server
from exporter.sources.gate import Doubt, Gate
from exporter.sources.pace import Backoff, Pace
from exporter.sources.refusal import (
    ExpiredError,
    ForbiddenError,
    IllError,
    NotServedError,
    OwnMatterError,
    UnauthorizedError,
)

__all__ = ["Collection", "Gate", "Reflector", "Server", "Standing"]  # what it takes to follow something

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a reflector stands: whether it has a whole list, when the server was last heard, and what is wrong now."""

    is_synced: bool = False
    is_served: bool = True  # False: the server answers, and has no such collection
    heard_at: float | None = None
    failure: SourceError | None = None


class Reflector(Generic[T]):
    """Keeps the records of one collection in step with the API server, from a daemon thread of its own.

    Reflectors of the same server share a `gate`; the pauses here are those of this collection alone.
    """

    def __init__(
        self, collection: Collection[T], connect: Callable[[], Server], pace: Pace, gate: Gate | None = None
    ) -> None:
        self.standing = Standing()
        self._path = collection.path
        self._connect = connect
        self._pace = pace
        self._gate = gate or Gate(pace)
        self._backoff = Backoff(pace)
        self._relist_backoff = Backoff(pace)
        self._follower = Follower(collection, pace, self._hear)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._server: Server | None = None
        self._is_known = True  # False: the server did not know the credential; it is read anew once
        self._told: str | None = None  # the kind of trouble that the log was told of

    @property
    def revision(self) -> int:
        """A number that rises with each change of the records; read it before them."""
        return self._follower.copy.revision

    def records(self) -> tuple[T, ...]:
        """Return the records as they are now."""
        return self._follower.copy.records()

    def start(self) -> None:
        """Start the thread where none runs; one that died of something unforeseen starts anew."""
        if self._stopped.is_set() or (self._thread is not None and self._thread.is_alive()):
            return
        if self._thread is not None:
            self._note(failure=SourceError("failed", f"{self._path}: the thread died; see the log"))
        self._follower.version = ""
        self._thread = threading.Thread(target=self.run, name=f"reflector {self._path}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell the thread to end and cut its connection; does not wait, and need not: the thread is a daemon."""
        self._stopped.set()
        self._follower.cut()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end, at most so long, and say whether it did."""
        if self._thread is not None:
            self._thread.join(timeout_seconds)
        return self._thread is None or not self._thread.is_alive()

    def run(self) -> None:
        """Follow the collection until `stop`."""
        pause = self._pace.pause or self._stopped.wait
        try:
            while not self._stopped.is_set():
                seconds = self._step()
                if seconds > 0:
                    pause(seconds)
        finally:
            self._gate.leave(self)
            self._disconnect()

    def _step(self) -> float:
        """List or watch once, if now is the time; return the seconds to pause."""
        seconds = self._wait()
        if seconds > 0:
            self._share_failure()
            return seconds
        self._follower.watched_at = None
        try:
            self._server = self._server or self._connect()
            self._follow(self._server)
        except ExpiredError:
            return self._expire()
        except OwnMatterError as error:
            return self._keep_away(error)
        except IllError as error:
            return self._fall_ill(error)
        except SourceError as error:
            return self._fail(error, self._doubt(Doubt.ANSWERS))
        return 0.0

    def _wait(self) -> float:
        if not self._follower.version:
            seconds = self._follower.listed_at + self._pace.relist_seconds - self._pace.now()
            if seconds > 0:
                return seconds
        return self._gate.ask(self, is_watch=bool(self._follower.version))

    def _follow(self, server: Server) -> None:
        is_list = not self._follower.version
        self._follower.follow(server)
        if is_list:
            self._note(is_synced=True)

    def _hear(self, seen: Doubt) -> None:
        """Take note of an answer, or of a line of one."""
        if seen is not Doubt.NONE:
            self._is_known = True
            self._gate.prove(self, seen)
        if seen is Doubt.ACCEPTS_WATCHES and self._told is not None:
            self._told = None
            _log.info("%s works", self._path)
        if seen is not Doubt.ANSWERS:  # a list is good news when all of it is here
            self._note()

    def _expire(self) -> float:
        self._follower.version = ""
        self._gate.prove(self, Doubt.ANSWERS)
        self._gate.leave(self)
        is_rare = self._pace.now() - self._follower.listed_at > self._pace.forget_seconds
        return 0.0 if is_rare else self._relist_backoff.next()

    def _keep_away(self, error: OwnMatterError) -> float:
        """Leave this collection alone for a while; the server is well."""
        self._gate.prove(self, Doubt.ANSWERS)
        self._gate.leave(self)
        self._disconnect()
        is_absent = isinstance(error, NotServedError) and not self.standing.is_synced
        self._note(failure=error.reason, is_served=not is_absent)
        self._tell(error.reason)
        if is_absent:
            return max(error.pause_seconds, self._pace.jitter(self._pace.absent_pause_seconds))
        if isinstance(error, ForbiddenError):
            return max(error.pause_seconds, self._pace.jitter(self._pace.forbidden_pause_seconds))
        self._follower.version = ""  # whatever it dislikes about the watch, a list needs nothing from before
        return max(error.pause_seconds, self._backoff.next())

    def _fall_ill(self, error: IllError) -> float:
        if isinstance(error, UnauthorizedError) and self._is_known:
            self._is_known = False
            self._disconnect()  # the next connection reads the credential anew
            return 0.0
        doubt = Doubt.ACCEPTS_WATCHES if self._follower.version else Doubt.ANSWERS
        if error.reason.kind == "failed":
            self._follower.version = ""  # it may be the version that the server fails at
        return self._fail(error.reason, self._doubt(doubt), at_least=error.pause_seconds)

    def _fail(self, error: SourceError, doubt: Doubt, at_least: float = 0.0) -> float:
        # The next attempt reads the credentials anew: a token, a CA or a kubeconfig may have been replaced.
        self._disconnect()
        self._note(failure=error)
        self._gate.fail(self, error, doubt, at_least=at_least)
        return max(at_least, self._backoff.next())

    def _doubt(self, otherwise: Doubt) -> Doubt:
        """Return what this end of a watch leaves in doubt; `otherwise` where there was no watch."""
        watched_at = self._follower.watched_at
        if watched_at is None:
            return otherwise
        return Doubt.HOLDS_WATCHES if self._follower.is_short(watched_at) else Doubt.ANSWERS

    def _tell(self, reason: SourceError) -> None:
        """Write one line for a trouble that no other collection has, however long it lasts."""
        if self._told != reason.kind:
            self._told = reason.kind
            _log.warning("%s", reason)

    def _share_failure(self) -> None:
        """Say what is wrong with the server even if another one found it: this one is blind too."""
        if self._gate.failure is not None and self.standing.failure is None:
            self._note(failure=self._gate.failure)

    def _disconnect(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _note(self, *, failure: SourceError | None = None, is_synced: bool = False, is_served: bool = True) -> None:
        before = self.standing
        self.standing = Standing(
            is_synced=is_synced or before.is_synced,
            is_served=is_served,
            heard_at=self._pace.now() if failure is None else before.heard_at,
            failure=failure,
        )
