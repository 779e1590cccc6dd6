"""The door of a gateway: passes on what comes, to whom it is told, in TLS where it has a certificate, or is shut."""

import asyncio
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from anyio.from_thread import BlockingPortal

from e2e.path import kept_port
from e2e.processes import LOOPBACK

_PIECE: Final = 65536
_SETTLED: Final = 0.02  # seconds


class Front:
    """Listens on one port while it is open; `target` is the URL behind it."""

    def __init__(self, portal: BlockingPortal, target: str) -> None:
        self.target = target
        self._portal = portal
        self._port = kept_port()
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()

    def url(self, scheme: str = "http") -> str:
        """Where it is."""
        return f"{scheme}://{LOOPBACK}:{self._port}"

    @contextmanager
    def opened(self, tls: ssl.SSLContext | None = None) -> Iterator["Front"]:
        """Be open while the context is."""
        self._portal.call(self._open, tls)
        try:
            yield self
        finally:
            self._portal.call(self._shut)

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Be shut while the context is open."""
        self._portal.call(self._shut)
        try:
            yield
        finally:
            self._portal.call(self._open, None)

    @contextmanager
    def showing(self, tls: ssl.SSLContext, usual: ssl.SSLContext) -> Iterator[None]:
        """Show another certificate than the usual one while the context is open."""
        self._portal.call(self._shut)
        self._portal.call(self._open, tls)
        try:
            yield
        finally:
            self._portal.call(self._shut)
            self._portal.call(self._open, usual)

    @contextmanager
    def leading_to(self, url: str) -> Iterator[None]:
        """Lead elsewhere while the context is open."""
        before, self.target = self.target, url
        try:
            yield
        finally:
            self.target = before

    async def _open(self, tls: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._visit, LOOPBACK, self._port, ssl=tls)

    async def _shut(self) -> None:
        if self._server is not None:
            for door in self._server.sockets:
                asyncio.get_running_loop().remove_reader(door.fileno())
            await asyncio.sleep(_SETTLED)  # who was let in just now begins his visit: a closed server would forget him
            self._server.close()
        for visit in self._visits:
            visit.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.get_running_loop().create_task(self._pass_on(reader, writer))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)
        visit.add_done_callback(lambda _: writer.transport.abort())  # also of one that was cancelled before it began

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on both ways until both have ended; whatever ends it, no connection stays open."""
        host, _, port = self.target.removeprefix("http://").partition(":")
        with suppress(OSError):
            behind, beyond = await asyncio.open_connection(host, int(port))
            with _aborted(beyond):
                await asyncio.gather(_pump(reader, beyond), _pump(behind, writer))


@contextmanager
def _aborted(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on until the source ends, then end the sink."""
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
    sink.close()


def certificate(path: Path, *, days: int) -> None:
    """Write a certificate for loopback that is good for so many days; below 0: it was. Its key lies beside it."""
    key, fresh = path.with_suffix(".key"), path.with_suffix(".fresh")
    subject = ("-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{LOOPBACK}")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    _openssl("req", "-x509", *curve, "-keyout", key, "-out", fresh, *subject, "-days", "2")
    _openssl("x509", "-in", fresh, "-signkey", key, "-days", str(days), "-out", path)


def server_tls(pem: Path) -> ssl.SSLContext:
    """Return what a server shows who has this certificate and the key beside it."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem, pem.with_suffix(".key"))
    return tls


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
