"""One HTTP exchange on a connection of its own: resolve, connect, encrypt, send, and hand out the raw bytes.

The only file that imports h11, which reads HTTP; the connection is asyncio's own, because a client library takes longer
to load than a lane to answer. No retry, no redirect, no proxy, no decompression, and no limit of time: the caller holds
the one deadline over everything.
"""

import asyncio
import errno
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlsplit

import h11
import msgspec

from exporter.errors import ConfigError
from probes.failure import Failure, WireError

_MOST_ADDRESSES: Final = 4
_PATIENCE_SECONDS: Final = 2.0  # with an address that is not the last: a dead IPv6 route must not cost the deadline
_NO_LIMIT_SECONDS: Final = 86400.0  # asyncio has limits of its own
_LARGEST_HEAD: Final = 100 * 1024  # bytes
_READ_SIZE: Final = 64 * 1024  # bytes
_IN_A_PATH: Final = "/%:@!$&'()*+,;=~-._"
_PORTS: Final = {"http": 80, "https": 443}
_OUR_OWN_FAULT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
_TOO_SOON: Final = "the connection was closed before the answer was whole"

Mark = Callable[[str], None]
"""Is told the name of each phase when it ends."""

_Place = tuple[socket.AddressFamily, Any]  # where to connect to, as the resolver gave it


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent, and the context to encrypt it with."""

    url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext
    body: bytes = b""

    @property
    def method(self) -> str:
        """GET where there is nothing to send."""
        return "POST" if self.body else "GET"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back; header names are in lower case, the chunks are as the socket gave them."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def tls_context(url: str, ca_file: str) -> ssl.SSLContext:
    """Return the context for `url`; reading the system's certificates is slow, so plain HTTP goes without."""
    if not url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise ConfigError(f"{ca_file}: expected a PEM file of certificates, found: {error.strerror}") from error


@asynccontextmanager
async def exchange(call: Call, mark: Mark) -> AsyncIterator[Answer]:
    """Send `call` and give the answer while its body is still on the way; what breaks is a `WireError`."""
    way = _Way(mark)
    with _translated(way):
        try:
            conversation = _Conversation(*await way.open(call))
            yield await conversation.ask(call)
        finally:
            way.hang_up()


class _Way(msgspec.Struct):
    """The way to the other side: it knows which step is under way, and every socket that was opened for it."""

    mark: Mark
    failure: Failure = "dns"  # what it means if the step under way breaks
    _opened: list[socket.socket] = msgspec.field(default_factory=list)
    _writer: asyncio.StreamWriter | None = None

    async def open(self, call: Call) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address that takes the connection; nothing was sent to those that did not."""
        url = urlsplit(call.url)
        places = await _resolve(url)
        self._pass("dns", "connect")
        connected = await self._connect_to_any(places)
        self._pass("connect", "connect")
        is_encrypted = url.scheme == "https"
        reader, self._writer = await asyncio.open_connection(
            sock=connected,
            ssl=call.tls if is_encrypted else None,
            server_hostname=_host(url) if is_encrypted else None,
            ssl_handshake_timeout=_NO_LIMIT_SECONDS if is_encrypted else None,
        )
        if is_encrypted:
            self.mark("tls")
        self.failure = "closed"
        return reader, self._writer

    def hang_up(self) -> None:
        """Close at once what was opened: the other side shall see that nobody waits any more."""
        if self._writer is not None:
            self._writer.transport.abort()
        for opened in self._opened:
            opened.close()

    def _pass(self, phase: str, failure: Failure) -> None:
        self.mark(phase)
        self.failure = failure

    async def _connect_to_any(self, places: list[_Place]) -> socket.socket:
        *others, last = places
        for place in others:
            with suppress(OSError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    return await self._connect(place)
        return await self._connect(last)

    async def _connect(self, place: _Place) -> socket.socket:
        family, address = place
        opened = socket.socket(family, socket.SOCK_STREAM)
        self._opened.append(opened)
        opened.setblocking(False)  # socket's own
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, address)
        return opened


class _Conversation:
    """One request and its answer on an open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)

    async def ask(self, call: Call) -> Answer:
        """Send `call` and return the head of the answer; a body that is not taken any more may still be answered."""
        url = urlsplit(call.url)
        length = {"content-length": str(len(call.body))} if call.body else {}
        headers = {"host": _netloc(url), **call.headers, **length}
        self._write(h11.Request(method=call.method, target=_target(url), headers=list(headers.items())))
        self._write(h11.Data(data=call.body))
        self._write(h11.EndOfMessage())
        with suppress(ConnectionError):
            await self._writer.drain()
        head = await self._head()
        fields = {name.decode("ascii"): text.decode("latin-1") for name, text in head.headers}
        return Answer(status=head.status_code, headers=fields, chunks=self._body())

    def _write(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")

    async def _head(self) -> h11.Response:
        while not isinstance(event := await self._next(), h11.Response):
            pass  # a word in between, 1xx
        return event

    async def _body(self) -> AsyncIterator[bytes]:
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)

    async def _next(self) -> Any:  # noqa: ANN401  # h11 has no common type of its events
        while (event := self._http.next_event()) is h11.NEED_DATA:
            data = await self._reader.read(_READ_SIZE)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise WireError("closed", _TOO_SOON)
            self._http.receive_data(data)
        return event


async def _resolve(url: SplitResult) -> list[_Place]:
    """Return where the host is; a resolver that hangs must hold up neither other probes nor our exit."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[_Place]] = loop.create_future()
    host, port = _host(url), url.port or _PORTS[url.scheme]

    def look_up() -> None:
        settle = _look_up(host, port)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: found.done() or settle(found))

    threading.Thread(target=look_up, name="lanewatch-resolver", daemon=True).start()
    return await found


def _look_up(host: str, port: int) -> Callable[[asyncio.Future[list[_Place]]], None]:
    """Ask the resolver, and return what gives its answer to the one who waits."""
    try:
        # as bytes: a text is taken through IDNA, which takes longer to load than a local resolver to answer
        infos = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        problem = error
        return lambda found: found.set_exception(problem)
    places: dict[object, _Place] = {}
    for family, _, _, _, address in infos:
        places.setdefault(address[0], (family, address))
    return lambda found: found.set_result(list(places.values())[:_MOST_ADDRESSES])


def _host(url: SplitResult) -> str:
    host = url.hostname or ""
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _netloc(url: SplitResult) -> str:
    """Return host and port as the `Host` header has them."""
    host = f"[{_host(url)}]" if ":" in _host(url) else _host(url)
    return f"{host}:{url.port}" if url.port not in {None, _PORTS[url.scheme]} else host


def _target(url: SplitResult) -> str:
    path = quote(url.path or "/", safe=_IN_A_PATH)
    return f"{path}?{quote(url.query, safe=_IN_A_PATH + '?')}" if url.query else path


@contextmanager
def _translated(way: _Way) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeError, h11.ProtocolError) as error:
        if isinstance(error, TimeoutError) and error.errno is None:
            raise  # the caller's deadline
        raise WireError(*_explain(error, way.failure)) from error


def _explain(error: Exception, failure: Failure) -> tuple[Failure, str]:
    """Return what broke and why, in words that hold nothing that was sent or received."""
    if isinstance(error, h11.ProtocolError):
        return _explain_protocol(error)
    if isinstance(error, ssl.SSLError):
        return "tls", getattr(error, "verify_message", "") or error.reason or "TLS failed"
    if isinstance(error, UnicodeError | socket.gaierror):  # a name that IDNA refuses
        return "dns", getattr(error, "strerror", "") or type(error).__name__
    if isinstance(error, OSError) and error.errno in _OUR_OWN_FAULT:
        failure = "error"
    words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    return failure, words


def _explain_protocol(error: h11.ProtocolError) -> tuple[Failure, str]:
    if isinstance(error, h11.LocalProtocolError):
        return "error", type(error).__name__
    if _is_early_end(error):
        return "closed", _TOO_SOON
    return "protocol", type(error).__name__


def _is_early_end(error: Exception) -> bool:
    """Whether h11 complains of an end that came too soon; it has one exception for that and for bad HTTP."""
    return any(words in str(error) for words in ("closed connection", "unexpectedly closed"))
