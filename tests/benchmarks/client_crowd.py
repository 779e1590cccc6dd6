"""Clients that are a burden: half-open, silent, slow; and those that only scrape, all on one thread.

A connection ends at once: a polite end of TLS waits for the other side, longer than whoever runs them may be there.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

_HALF = b"GET /metrics HTTP/1.1\r\nHost:"
_WHOLE = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;version=0.0.4\r\nConnection: close\r\n\r\n"
SCRAPE_EVERY_SECONDS = 2.0
_ARRIVE_SECONDS = 2.0  # within which everybody comes
_SCRAPE_SECONDS = 10.0  # Prometheus's own time-out


@dataclass
class Crowd:
    """What became of everybody; `tls` is None where the server speaks plain HTTP."""

    port: int
    tls: ssl.SSLContext | None = None
    seconds: list[float] = field(default_factory=list)  # of scrapes that were answered whole
    lost: int = 0  # scrapes that were not
    cut: int = 0  # burdens that the server ended

    async def come(self, burdens: dict[str, int], scrapers: int, *, until: float) -> None:
        """Be everybody until this time of the monotonic clock; a burden that is cut comes again."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "half": self._half_open,
            "silent": self._silent,
            "slow": self._slow,
        }
        tasks = [self._again(kinds[kind], until) for kind, count in burdens.items() for _ in range(count)]
        tasks += [self._again(self._scrape, until, every=SCRAPE_EVERY_SECONDS) for _ in range(scrapers)]
        await asyncio.gather(*tasks)

    async def _again(self, act: Callable[[], Awaitable[None]], until: float, *, every: float = 0.1) -> None:
        await asyncio.sleep(random.uniform(0, _ARRIVE_SECONDS))  # noqa: S311  # no secret
        while (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(left + 0.1):
                    await act()
            await asyncio.sleep(every)

    async def _half_open(self) -> None:
        reader, writer = await self._connect()
        try:
            writer.write(_HALF)
            await reader.read()
            self.cut += 1
        finally:
            writer.transport.abort()

    async def _silent(self) -> None:
        """Connect and say nothing, where TLS is spoken not even hello."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await reader.read()
            self.cut += 1
        finally:
            writer.transport.abort()

    async def _slow(self) -> None:
        """Ask for the page and read a byte each second."""
        reader, writer = await self._connect(limit=1)
        try:
            writer.write(_WHOLE)
            while await reader.read(1):  # noqa: ASYNC110  # slow on purpose
                await asyncio.sleep(1)
            self.cut += 1
        finally:
            writer.transport.abort()

    async def _scrape(self) -> None:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_SCRAPE_SECONDS):
                reader, writer = await self._connect()
                try:
                    writer.write(_WHOLE)
                    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                finally:
                    writer.transport.abort()
        except (TimeoutError, OSError):
            self.lost += 1
            raise
        if b" 200 " in head.split(b"\r\n")[0] and f"Content-Length: {len(body)}".encode() in head:
            self.seconds.append(time.perf_counter() - began)
        else:
            self.lost += 1

    async def _connect(self, limit: int = 1 << 16) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("localhost", self.port, ssl=self.tls, limit=limit)
