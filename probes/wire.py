"""One HTTP exchange on a connection of its own: resolve, connect, encrypt, send, and hand out the raw bytes.

The only file that imports httpx. No retry, no redirect, no proxy, no decompression, and no limit of time: the caller
holds the one deadline over everything.
"""

import asyncio
import errno
import logging
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import httpcore
import httpx

from exporter.errors import ConfigError
from probes.failure import Failure, WireError

_MOST_ADDRESSES: Final = 4
_PATIENCE_SECONDS: Final = 2.0  # with an address that is not the last: a dead IPv6 route must not cost the deadline
_OUR_OWN_FAULT: Final = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
_FAILURES: Final[tuple[tuple[type[Exception], Failure], ...]] = (
    (socket.gaierror, "dns"),
    (UnicodeError, "dns"),  # a name that IDNA refuses
    (httpx.ConnectError, "connect"),
    (httpx.ConnectTimeout, "connect"),
    (httpx.RemoteProtocolError, "protocol"),
    (httpx.NetworkError, "closed"),
    (httpx.HTTPError, "error"),
    (httpx.InvalidURL, "error"),
    (OSError, "error"),
)
_TRANSLATED: Final = tuple(kind for kind, _ in _FAILURES)

Mark = Callable[[str], None]
"""Is told the name of each phase when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is sent, and the context to encrypt it with."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
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


async def make_ready() -> None:
    """Load what httpx loads at its first connection, so that the first probe does not measure our imports."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they log whole URLs and headers
    await httpcore.AnyIOBackend().sleep(0)


@asynccontextmanager
async def exchange(call: Call, mark: Mark) -> AsyncIterator[Answer]:
    """Send `call` and give the answer while its body is still on the way; httpx's exceptions stop here."""
    transport = httpx.AsyncHTTPTransport(verify=call.tls, trust_env=False, retries=0)
    with _translated():
        async with httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False) as client:
            sender = _Sender(client, call, mark)
            try:
                response = await sender.send()
                yield Answer(status=response.status_code, headers=response.headers, chunks=response.aiter_raw())
            finally:
                await sender.hang_up()


class _Sender:
    """Sends one call, and knows every connection that was opened for it."""

    def __init__(self, client: httpx.AsyncClient, call: Call, mark: Mark) -> None:
        self._client = client
        self._call = call
        self._mark = mark
        self._url = httpx.URL(call.url)
        self._opened: list[httpcore.AsyncNetworkStream] = []

    async def send(self) -> httpx.Response:
        """Send to the first address that takes the connection; nothing was sent to those that did not."""
        *others, last = await _resolve(self._url)
        self._mark("dns")
        for address in others:
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._client.send(self._request(address, _PATIENCE_SECONDS), stream=True)
        return await self._client.send(self._request(last, None), stream=True)

    async def hang_up(self) -> None:
        """Close what was opened: httpcore forgets a connection whose handshake is cancelled."""
        for stream in self._opened:
            await stream.aclose()

    def _request(self, address: str, connect_seconds: float | None) -> httpx.Request:
        """Return the request to one address; `Host` and the certificate's check stay on the name."""
        return self._client.build_request(
            "POST",
            self._url.copy_with(host=address),
            headers={**self._call.headers, "host": self._url.netloc.decode("ascii")},
            content=self._call.body,
            timeout=httpx.Timeout(None, connect=connect_seconds),
            extensions={"trace": self._trace, "sni_hostname": self._url.raw_host.decode("ascii")},
        )

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            self._mark("connect")
            self._opened.append(info["return_value"])
        if event == "connection.start_tls.complete":
            self._mark("tls")


async def _resolve(url: httpx.URL) -> list[str]:
    """Return the addresses of the host; a resolver that hangs must hold up neither other probes nor our exit."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()
    port = url.port or {"http": 80, "https": 443}[url.scheme]

    def look_up() -> None:
        settle = _look_up(url.host, port)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: found.done() or settle(found))

    threading.Thread(target=look_up, name="lanewatch-resolver", daemon=True).start()
    return await found


def _look_up(host: str, port: int) -> Callable[[asyncio.Future[list[str]]], None]:
    """Ask the resolver, and return what gives its answer to the one who waits."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        problem = error
        return lambda found: found.set_exception(problem)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in infos))[:_MOST_ADDRESSES]
    return lambda found: found.set_result(addresses)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _TRANSLATED as error:
        raise WireError(*_explain(error)) from error


def _explain(error: Exception) -> tuple[Failure, str]:
    """Return what broke and why, in words that hold nothing that was sent or received."""
    root = _root(error)
    failure = next(failure for kind, failure in _FAILURES if isinstance(error, kind))
    if isinstance(root, ssl.SSLError):
        return "tls", getattr(root, "verify_message", "") or root.reason or "TLS failed"
    if isinstance(root, OSError) and root.errno in _OUR_OWN_FAULT:
        failure = "error"
    if isinstance(root, OSError) and (words := _os_words(root)):
        return failure, words
    if failure == "protocol" and _is_early_end(error):
        return "closed", "the connection was closed before the answer was whole"
    return failure, type(error).__name__


def _root(error: BaseException) -> BaseException:
    """Return the first cause that the operating system or the TLS library gave, else the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


def _os_words(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or ""
    return os.strerror(error.errno) if error.errno else ""


def _is_early_end(error: Exception) -> bool:
    """Whether h11 complains of an end that came too soon; it has one exception for that and for bad HTTP."""
    return any(words in str(error) for words in ("disconnected", "closed connection"))
