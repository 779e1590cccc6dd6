"""Which version of a group of the API server to speak: the newest that both sides know.

Asks from a daemon thread, once, behind the same gate as everybody; a group that is not served is asked for again after
minutes, for it comes with an upgrade of the cluster.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from exporter.errors import SourceError
from exporter.sources.following import Api
from exporter.sources.gate import Doubt
from exporter.sources.kube_json import decode
from exporter.sources.object_json import Json
from exporter.sources.pace import Backoff
from exporter.sources.refusal import NotServedError, OwnMatterError, RefusalError, explain_content, explain_status

_FIRST_ANSWER_SECONDS: Final = 2.0
_SILENCE_SECONDS: Final = 10.0


class VersionJson(Json, frozen=True):
    """One version of a group."""

    version: str = ""


class GroupJson(Json, frozen=True):
    """What the API server says of a group."""

    versions: list[VersionJson] | None = None


class Discovery:
    """Finds the version of one group; `why` is what was wrong with the version before, if there was one."""

    def __init__(self, path: str, versions: Sequence[str], api: Api, why: SourceError | None = None) -> None:
        self._path = path
        self._versions = versions
        self._api = api
        self._backoff = Backoff(api.pace)
        self._version = ""
        self._failure = why
        self._due_at = -math.inf if why is None else api.pace.now() + api.pace.forbidden_pause_seconds
        self._thread: threading.Thread | None = None
        self._cut: Callable[[], None] | None = None

    async def read(self) -> str:
        """Return the version; only the very first answer is waited for, and not for long."""
        deadline = time.monotonic() + _FIRST_ANSWER_SECONDS
        self._start()
        while not (self._version or self._failure) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
            self._start()
        if self._version:
            return self._version
        raise self._failure or SourceError("timeout", f"{self._path}: expected an answer, found it still on its way")

    def stop(self) -> None:
        """Cut the connection; does not wait, and need not: the thread is a daemon."""
        self._due_at = math.inf
        if self._cut is not None:
            self._cut()

    def _start(self) -> None:
        is_running = self._thread is not None and self._thread.is_alive()
        if is_running or self._version or self._api.pace.now() < self._due_at:
            return
        self._thread = threading.Thread(target=self._ask, name=f"discovery {self._path}", daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        gate, now = self._api.gate, self._api.pace.now
        seconds = gate.ask(self, is_watch=False)
        if seconds > 0:
            self._failure = self._failure or gate.failure
            self._due_at = now() + seconds
            return
        self._due_at = now() + self._api.pace.longest_pause_seconds  # where what follows dies of something unforeseen
        try:
            self._version = self._choose()
            gate.prove(self, Doubt.ANSWERS)
        except OwnMatterError as error:
            gate.prove(self, Doubt.ANSWERS)
            self._keep_away(error)
        except (RefusalError, SourceError) as error:
            self._failure = error.reason if isinstance(error, RefusalError) else error
            gate.fail(self, self._failure, Doubt.ANSWERS)
            self._due_at = now() + self._backoff.next()
        finally:
            gate.leave(self)

    def _keep_away(self, error: OwnMatterError) -> None:
        pace = self._api.pace
        pause = pace.absent_pause_seconds if isinstance(error, NotServedError) else pace.forbidden_pause_seconds
        self._failure = error.reason
        self._due_at = pace.now() + max(error.pause_seconds, pause)

    def _choose(self) -> str:
        served = {one.version for one in self._read_group().versions or ()}
        chosen = next((version for version in self._versions if version in served), "")
        if chosen:
            return chosen
        wanted, found = ", ".join(self._versions), ", ".join(sorted(served)) or "none"
        raise NotServedError(SourceError("absent", f"{self._path}: expected one of {wanted}, found {found}"))

    def _read_group(self) -> GroupJson:
        server = self._api.connect()
        try:
            answer = server.get(self._path, {}, silence_seconds=_SILENCE_SECONDS)
            self._cut = answer.cut
            body = answer.read()
        finally:
            server.close()
        if answer.status == 404:
            raise NotServedError(SourceError("absent", f"{self._path}: expected the API of DRA, found it not served"))
        if answer.status != 200:
            raise explain_status(self._path, answer.status, body, answer.retry_after_seconds)
        if not answer.content_type.startswith("application/json"):
            raise explain_content(self._path, answer.content_type)
        return decode(body, GroupJson, self._path)
