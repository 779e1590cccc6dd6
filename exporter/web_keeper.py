"""The doorkeeper: each request passes the rate, the password and the cap on answers that are being sent.

`/healthz` and `/readyz` pass without the first two: a kubelet has no password, and a limit must not restart a pod.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web
from aiohttp.typedefs import Middleware

from exporter.web_door import Door
from exporter.web_guard import Guard, Limits

_OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
MayGet = Callable[[str, str], Awaitable[bool | None]]
"""Whether the owner of a token may get a path; None: that cannot be told now."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doorkeeper:
    """Admits requests by the present door, and counts the answers that are being sent."""

    def __init__(self, door: Callable[[], Door], limits: Limits, may_get: MayGet | None = None) -> None:
        self._door = door
        self._may_get = may_get
        self._limits = limits
        self._sending: dict[object, Guard] = {}  # the oldest first
        self.middleware = self._middleware()

    def _middleware(self) -> Middleware:
        @web.middleware
        async def pass_through(request: web.Request, handler: _Handler) -> web.StreamResponse:
            guard = _guard_of(request)
            guard.begin()
            try:
                return await self._answer(request, handler, guard)
            finally:
                guard.end()

        return pass_through

    async def _answer(self, request: web.Request, handler: _Handler, guard: Guard) -> web.StreamResponse:
        door = self._door()
        response: web.StreamResponse | None = await self._refusal(request, door)
        if response is None:
            try:
                response = await handler(request)
            except web.HTTPException as refusal:
                refusal.headers.update(door.headers)
                raise
        response.headers.update(door.headers)
        return await self._send(request, response, guard)

    async def _refusal(self, request: web.Request, door: Door) -> web.Response | None:
        if request.path in _OPEN_PATHS:
            return None
        if door.rate is not None and not door.rate.admits(time.monotonic()):
            return web.Response(status=429, text="expected fewer requests: the rate is limited\n")
        if door.users is None and self._may_get is None:
            return None
        may_ask = await self._may_ask(request, door)
        if may_ask is None:
            text = "it cannot be told now whether you may ask\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "1"})
        return None if may_ask else _unauthorized("Basic" if door.users else "Bearer")

    async def _may_ask(self, request: web.Request, door: Door) -> bool | None:
        """Judge what a client shows: a token where tokens are reviewed, else a password where there are users."""
        shown = request.headers.get("Authorization", "")
        kind, _, token = shown.partition(" ")
        if self._may_get is not None and kind.lower() == "bearer":
            return await self._may_get(token.strip(), request.path)
        return await door.users.may_ask(shown) if door.users else False

    async def _send(self, request: web.Request, response: web.StreamResponse, guard: Guard) -> web.StreamResponse:
        if len(self._sending) >= self._limits.answers and not self._cut_slowest():
            text = f"{len(self._sending)} answers are being sent\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "1"})
        ticket = object()
        self._sending[ticket] = guard
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            pass  # the HTTP library meets it again, and knows what to do
        finally:
            self._sending.pop(ticket, None)
        return response

    def _cut_slowest(self) -> bool:
        """Cut the client that has not read for longest; False where everybody reads."""
        stalled = [(one.stalled_at, ticket) for ticket, one in self._sending.items() if one.stalled_at is not None]
        since, ticket = min(stalled, key=lambda one: one[0], default=(None, None))
        if since is None or asyncio.get_running_loop().time() - since < self._limits.patience_seconds:
            return False
        self._sending.pop(ticket).cut()
        return True


def _unauthorized(scheme: str) -> web.Response:
    return web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": scheme})


def _guard_of(request: web.Request) -> Guard:
    transport = request.transport
    if transport is None:  # it is gone; nobody will hear the answer
        raise ConnectionResetError
    return cast("Guard", transport.get_protocol())
