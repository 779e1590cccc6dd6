"""Whether the owner of a token may get a page, as the API server says: TokenReview, then SubjectAccessReview.

What it said is kept for a minute, a refusal for ten seconds. Where it cannot be asked, nobody is let in. No token is
kept: what is remembered is a keyed digest of it.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeVar

import msgspec

from exporter.errors import SourceError

_R = TypeVar("_R")
_TOKEN_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105  # a path
_ACCESS_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_SECONDS: Final = 2.0  # for each of both answers
_KEPT_SECONDS: Final = {True: 60.0, False: 10.0}
_MOST_KEPT: Final = 200
_MOST_ASKED: Final = 16  # at once; a flood of tokens must not become one of questions
_LONGEST_TOKEN: Final = 8 << 10


class _Answer(Protocol):
    status: int

    def read(self) -> bytes:
        """Return the whole body."""
        ...


class Server(Protocol):
    """The API server, to hand something in."""

    def post(self, path: str, body: bytes, *, silence_seconds: float) -> _Answer:
        """Hand `body` in at `path`."""
        ...


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    uid: str = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}


class _Authenticated(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()


class _TokenReview(msgspec.Struct, frozen=True):
    status: _Authenticated = _Authenticated()


class _Allowed(msgspec.Struct, frozen=True):
    allowed: bool = False


class _AccessReview(msgspec.Struct, frozen=True):
    status: _Allowed = _Allowed()


class Reviews:
    """Judges tokens; `connect` is called when the first one is shown."""

    def __init__(self, connect: Callable[[], Server], now: Callable[[], float] = time.monotonic) -> None:
        self._connect = connect
        self._now = now
        self._server: Server | None = None
        self._salt = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[bool, float]] = {}
        self._asked = 0

    async def may_get(self, token: str, path: str) -> bool | None:
        """Whether the owner of `token` may get `path`; None: that cannot be told now."""
        if not token or len(token) > _LONGEST_TOKEN or not token.isascii():
            return False
        key = blake2b(f"{path}\n{token}".encode("utf-8", "replace"), key=self._salt).digest()
        verdict, until = self._known.get(key, (False, float("-inf")))
        if self._now() < until:
            return verdict
        if self._asked >= _MOST_ASKED:
            return None
        self._asked += 1
        try:
            found = await _on_a_thread(lambda: self._ask(token, path))
        finally:
            self._asked -= 1
        if found is not None:
            self._remember(key, is_allowed=found)
        return found

    def _remember(self, key: bytes, *, is_allowed: bool) -> None:
        self._known.pop(key, None)
        while len(self._known) >= _MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = (is_allowed, self._now() + _KEPT_SECONDS[is_allowed])

    def _ask(self, token: str, path: str) -> bool | None:
        try:
            self._server = self._server or self._connect()
            who = self._review(_TOKEN_REVIEWS, "TokenReview", {"token": token}, _TokenReview).status
            if not who.authenticated:
                return False
            user = msgspec.to_builtins(who.user)
            asked = {
                "user": user["username"],
                "uid": user["uid"],
                "groups": user["groups"],
                "extra": user["extra"],
                "nonResourceAttributes": {"path": path, "verb": "get"},
            }
            return self._review(_ACCESS_REVIEWS, "SubjectAccessReview", asked, _AccessReview).status.allowed
        except (SourceError, msgspec.MsgspecError):
            return None

    def _review(self, path: str, kind: str, spec: dict[str, Any], answer: type[_R]) -> _R:
        version = path.removeprefix("/apis/").rpartition("/")[0]
        body = msgspec.json.encode({"apiVersion": version, "kind": kind, "spec": spec})
        if self._server is None:
            raise SourceError("absent", "expected a way to the API server, found none")
        reply = self._server.post(path, body, silence_seconds=_SECONDS)
        if reply.status != 201:
            raise SourceError("failed", f"{path}: expected 201, found {reply.status}")
        return msgspec.json.decode(reply.read(), type=answer)


async def _on_a_thread(work: "Callable[[], bool | None]") -> bool | None:
    """Return what `work` returns; a daemon, unlike a thread of the pool, holds no exit up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[bool | None] = loop.create_future()

    def settle(found: bool | None) -> None:  # noqa: FBT001  # what was found
        if not done.done():
            done.set_result(found)

    def run() -> None:
        found = None
        try:
            found = work()
        finally:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, name="review", daemon=True).start()
    return await done
