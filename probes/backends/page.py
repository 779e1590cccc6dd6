"""One page of a lane's server or of the gateway: what came, or why nothing did.

Refuses redirects, compressed bodies, and bodies over a cap; never raises for what the other side does.
"""

import asyncio
import errno
import os
import ssl
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlsplit

from exporter.errors import ConfigError
from exporter.secret import Secret
from probes.failure import Failure, WireError
from probes.version import user_agent

DEADLINE_SECONDS: Final = 1.5
LARGEST_PAGE: Final = 1 << 20  # bytes; /props carries the chat template
LARGEST_METRICS: Final = 4 << 20
PLAIN_TEXT: Final = "text/plain;version=0.0.4"  # asked for OpenMetrics, vLLM and SGLang write other sample names


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one GET gave; without a status nothing came."""

    status: int | None = None
    failure: Failure | None = None
    is_refused: bool = False  # the host says that nobody listens there
    is_connected: bool = False
    server: str = ""
    body: bytes = b""

    @property
    def is_well(self) -> bool:
        """Whether it is a whole answer of status 200."""
        return self.status == 200 and self.failure is None

    @property
    def is_silent(self) -> bool:
        """Whether the connection was taken and no whole answer came in time."""
        return self.failure == "timeout" and self.is_connected


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where pages are, and what is shown there."""

    url: str
    key: Secret = field(default_factory=lambda: Secret(""))
    ca_file: str = ""

    def is_beside(self, other: str) -> bool:
        """Whether both are the same server: a key is shown to no other."""
        return urlsplit(self.url)[:2] == urlsplit(other)[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """How one page is asked for."""

    accept: str = "application/json"
    largest: int = LARGEST_PAGE
    deadline_seconds: float = DEADLINE_SECONDS


async def read_page(address: Address, visit: Visit) -> Page:
    """Return what a GET of `address` gives within the visit's limits."""
    # loaded by who asks, not by who imports us
    from probes.wire import tls_context  # noqa: PLC0415

    try:
        tls = await asyncio.to_thread(tls_context, address.url, address.ca_file)
    except ConfigError:
        return Page(failure="error")
    return await _Reading(address, visit, tls).run()


class _Reading:
    """Knows how far one GET came, so that a limit that cuts it off leaves something to tell."""

    def __init__(self, address: Address, visit: Visit, tls: ssl.SSLContext) -> None:
        self._address = address
        self._visit = visit
        self._tls = tls
        self._page = Page()

    async def run(self) -> Page:
        try:
            async with asyncio.timeout(self._visit.deadline_seconds):
                await self._read()
        except TimeoutError:
            return replace(self._page, failure="timeout")
        except WireError as error:
            is_refused = error.failure == "connect" and str(error) == os.strerror(errno.ECONNREFUSED)
            return replace(self._page, failure=error.failure, is_refused=is_refused)
        return self._page

    async def _read(self) -> None:
        from probes.wire import Call, exchange  # noqa: PLC0415  # see read_page

        call = Call(url=self._address.url, headers=_headers(self._address, self._visit), tls=self._tls)
        async with exchange(call, self._mark) as answer:
            server = answer.headers.get("server", "")[:64]
            self._page = replace(self._page, status=answer.status, server=server)
            if answer.headers.get("content-encoding", "identity").lower() != "identity":
                raise WireError("encoding", "expected a plain body, found a compressed one")
            body = bytearray()
            async for chunk in answer.chunks:
                body += chunk
                if len(body) > self._visit.largest:
                    raise WireError("too_large", f"expected at most {self._visit.largest} bytes, found more")
        self._page = replace(self._page, body=bytes(body))

    def _mark(self, phase: str) -> None:
        if phase == "connect":
            self._page = replace(self._page, is_connected=True)


def _headers(address: Address, visit: Visit) -> dict[str, str]:
    headers = {
        "accept": visit.accept,
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": user_agent(),
    }
    return headers | ({"authorization": f"Bearer {address.key.reveal()}"} if address.key else {})
