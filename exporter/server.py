"""HTTP: `/metrics`, `/healthz`, `/readyz`, the page at `/` and the same as `/status.json`, and pages that others add.

Every answer of our own is made from the prepared page: no request for it touches hardware, a network, or a lock that a
worker holds.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec
from aiohttp import web

from exporter import landing
from exporter.errors import ListenError
from exporter.exposition import Page
from exporter.poll import NOT_READ_YET
from exporter.route import Handler, Request
from exporter.status import Status
from exporter.web_connections import Connections, bind
from exporter.web_door import OPEN, Door
from exporter.web_guard import Limits
from exporter.web_keeper import Doorkeeper, MayGet

_QUICK_STOP_SECONDS: Final = 0.5  # the HTTP library waits twice as long
_SAFE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; no host: every address; port 0: the kernel chooses."""

    host: str
    port: int
    door: Callable[[], Door] = lambda: OPEN  # asked anew for each connection and each request
    may_get: MayGet | None = None  # judges tokens; None: none is asked for
    limits: Limits = field(default_factory=Limits)


def application(
    current: Callable[[], Page], status: Callable[[float], Status], routes: Mapping[str, Handler] | None = None
) -> web.Application:
    """Return the application whose answers come from `current()` and `status(now)`, but for the pages in `routes`.

    Which pages those are is looked up anew each time: they change with the configuration.
    """

    async def metrics(request: web.Request) -> web.Response:
        body, headers = current().answer(request.headers.get("Accept", ""), request.headers.get("Accept-Encoding", ""))
        return web.Response(body=body, headers=headers)

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        waiting = unread_sources(current())
        if waiting:
            return web.Response(status=503, text=f"waiting for the first reading of: {', '.join(waiting)}\n")
        return web.Response(text="ready\n")

    async def index(_: web.Request) -> web.Response:
        now = time.time()
        return web.Response(text=landing.render(status(now), now), content_type="text/html", headers=_SAFE_HEADERS)

    async def status_json(_: web.Request) -> web.Response:
        body = msgspec.json.encode(status(time.time()))
        return web.Response(body=body, content_type="application/json", headers=_SAFE_HEADERS)

    async def script(_: web.Request) -> web.Response:
        return web.Response(text=landing.asset("status.js"), content_type="text/javascript", headers=_SAFE_HEADERS)

    app = web.Application(client_max_size=1024)
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/", index),
            web.get("/status.json", status_json),
            web.get("/status.js", script),
            web.get("/{page}", _page(routes or {}), allow_head=False),
        ]
    )
    return app


def _page(routes: Mapping[str, Handler]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the pages of others as the HTTP library wants to see them; `getone` gives the first of several values."""

    async def answer(request: web.Request) -> web.Response:
        handler = routes.get(request.path)
        if handler is None:
            raise web.HTTPNotFound
        query = {name: request.query.getone(name) for name in request.query}
        headers = {name.lower(): request.headers.getone(name) for name in request.headers}
        reply = await handler(Request(query=query, headers=headers))
        headers = {**_SAFE_HEADERS, **reply.headers, "Content-Type": reply.content_type}
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    return answer


def unread_sources(page: Page) -> list[str]:
    """Return the sources that have neither been read nor failed yet."""
    return sorted(state.name for state in page.snapshot.sources.values() if state.message == NOT_READ_YET)


@asynccontextmanager
async def serving(app: web.Application, listen: Listen) -> AsyncIterator[str]:
    """Serve `app` while the context is open; gives the URL, with the port that the kernel chose where it was 0."""
    sockets = bind(listen.host, listen.port)
    app.middlewares.append(Doorkeeper(listen.door, listen.limits, listen.may_get).middleware)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=_QUICK_STOP_SECONDS, keepalive_timeout=75, lingering_time=0
    )
    await runner.setup()
    connections = Connections(partial(_protocol_of, runner), listen.door, listen.limits)
    accepting = [asyncio.create_task(connections.accept(one), name="accept") for one in sockets]
    try:
        address = sockets[0].getsockname()
        host = f"[{address[0]}]" if listen.host and ":" in address[0] else (listen.host and address[0]) or "0.0.0.0"
        yield f"{'https' if listen.door().tls else 'http'}://{host}:{address[1]}"
    finally:
        await _end(accepting)
        for one in sockets:
            one.close()
        await connections.close()
        await runner.cleanup()


def _protocol_of(runner: web.AppRunner) -> asyncio.Protocol:
    if runner.server is None:
        raise ListenError("expected a server that runs, found one that has stopped")
    return runner.server()


async def _end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
