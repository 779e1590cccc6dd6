"""A server behind a door, for tests: a small page, served as the exporter serves its own."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from exporter.exposition import Page
from exporter.history import History
from exporter.server import Listen, application, serving
from exporter.status_rows import status_of
from exporter.web_door import OPEN, Door
from exporter.web_guard import Limits
from fakes.reference_node import page
from fakes.shown import IDENTITY

TLS = Path(__file__).parents[1] / "fixtures" / "tls"


def served(shown: Page | None = None) -> web.Application:
    """Return the application of the reference node, or of another page."""
    prepared = shown or page()
    return application(lambda: prepared, lambda now: status_of(prepared, IDENTITY, now, History()))


@asynccontextmanager
async def behind(
    door: Callable[[], Door] = lambda: OPEN, app: web.Application | None = None, *, limits: Limits | None = None
) -> AsyncIterator[str]:
    """Serve on loopback behind `door`; gives the URL, by the name that the certificate carries."""
    listen = Listen(host="127.0.0.1", port=0, door=door, limits=limits or Limits())
    async with serving(app or served(), listen) as url:
        yield url.replace("127.0.0.1", "localhost") if url.startswith("https") else url


def trusting(client: str = "") -> ssl.SSLContext:
    """Return what a client trusts, and what it shows: `client-one`, `client-two` or nothing."""
    context = ssl.create_default_context(cafile=str(TLS / "localhost.crt"))
    if client:
        context.load_cert_chain(TLS / f"{client}.crt", TLS / f"{client}.key")
    return context
