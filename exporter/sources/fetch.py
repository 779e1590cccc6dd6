"""One GET under caps: what an answer may cost is decided here, before anybody looks into it.

The only file of the exporter that speaks HTTP as a client. Refuses to follow a redirect, to use a proxy, and to decode
more than 8 MiB: 306 kB of gzip were 300 MiB of metrics, and libraries that decode by themselves took 640 MiB for them.
"""

import asyncio
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from exporter.errors import SourceError, SourceErrorKind
from exporter.secret import NOTHING, Secret

if TYPE_CHECKING:
    import ssl

    import aiohttp

LARGEST_BODY: Final = 8 << 20  # bytes, decoded
DEADLINE_SECONDS: Final = 4.0  # below the poller's own, so that the message can name the address
_PIECE: Final = 64 << 10  # bytes decoded at a time
_HEADERS: Final = {
    "Accept": "text/plain;version=0.0.4",
    "Accept-Encoding": "identity",
    "User-Agent": "lanewatch",
}
_GZIP: Final = 16 + zlib.MAX_WBITS
_KINDS: Final[dict[int, SourceErrorKind]] = {401: "forbidden", 403: "forbidden", 404: "absent"}
_EXCERPT: Final = 120  # characters of a refusal that are worth a line in the log


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of status 200."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What opens a door: TLS, the name that the other side's certificate must carry, and the header that is shown."""

    tls: "ssl.SSLContext | None" = None
    server_name: str = ""
    authorization: Secret = NOTHING
    secrets: tuple[Secret, ...] = ()  # what must not come back: the other side may echo it

    def hide_in(self, text: str) -> str:
        """Return `text` without the secrets."""
        for secret in self.secrets:
            text = secret.hide_in(text)
        return text

    def headers(self) -> dict[str, str]:
        """Return what is sent besides the usual."""
        return {"Authorization": self.authorization.reveal()} if self.authorization else {}


OPEN: Final = Access()


async def fetch(url: str, *, deadline_seconds: float = DEADLINE_SECONDS, access: Access = OPEN) -> Answer:
    """Return what `url` answers, whole, or raise the `SourceError` that says what was wrong with it."""
    try:
        answer = await _translated(url, deadline_seconds, access)
    except SourceError as error:
        raise SourceError(error.kind, access.hide_in(str(error))) from None
    if any(secret.is_in(answer.body) for secret in access.secrets):
        raise SourceError("bad_answer", f"{url}: expected metrics, found in them what was shown to be let in")
    return answer


async def _translated(url: str, deadline_seconds: float, access: Access) -> Answer:
    # Imported late: whoever reads no exporter over HTTP does not pay for a client.
    import aiohttp  # noqa: PLC0415

    try:
        async with asyncio.timeout(deadline_seconds):
            return await _get(url, access)
    except TimeoutError as error:
        raise SourceError(
            "timeout", f"{url}: expected an answer within {deadline_seconds:g} s, found none that was whole"
        ) from error
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise SourceError(
            "refused", f"{url}: expected TLS that can be trusted, found: {_tls_problem(error)}"
        ) from error
    except aiohttp.ClientConnectorError as error:
        raise SourceError("refused", f"{url}: expected somebody who listens, found: {error.os_error}") from error
    except (aiohttp.ClientPayloadError, zlib.error) as error:
        raise SourceError(
            "bad_answer", f"{url}: expected a whole answer, found a broken one: {_short(error)}"
        ) from error
    except aiohttp.ServerDisconnectedError as error:
        raise SourceError(
            "bad_answer",
            f"{url}: expected an HTTP answer, found a connection that was closed: it may ask for TLS or a certificate",
        ) from error
    except aiohttp.ClientError as error:
        raise SourceError("bad_answer", f"{url}: expected an HTTP answer, found: {_short(error)}") from error


async def _get(url: str, access: Access) -> Answer:
    import aiohttp  # noqa: PLC0415

    # A connection of its own each time: nothing of one answer, cookies included, is kept for the next.
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers=_HEADERS
        ) as session,
        session.get(
            url,
            allow_redirects=False,
            headers=access.headers(),
            ssl=access.tls or True,
            server_hostname=access.server_name or None,
        ) as response,
    ):
        body = await _read(url, response)
        _refuse_page(url, response.status, body)
        _refuse_status(url, response.status, body)
        return Answer(body, response.headers.get("Content-Type", ""))


async def _read(url: str, response: "aiohttp.ClientResponse") -> bytes:
    decode = _decoder(url, response.headers.get("Content-Encoding", "identity").strip().lower())
    body = bytearray()
    async for wire in response.content.iter_chunked(_PIECE):
        decode(wire, body)
    decode.end()
    return bytes(body)


class _Plain:
    """Takes the bytes as they come, up to the cap."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, wire: bytes, body: bytearray) -> None:
        """Append `wire` to `body`."""
        body += wire
        if len(body) > LARGEST_BODY:
            raise SourceError("too_large", f"{self._url}: expected at most {LARGEST_BODY} bytes, found more")

    def end(self) -> None:
        """Note that no more bytes come."""


class _Gzipped(_Plain):
    """Decodes piece by piece, so that no step costs more than a piece."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._inflate = zlib.decompressobj(_GZIP)

    def __call__(self, wire: bytes, body: bytearray) -> None:
        """Append what `wire` decodes to; what follows the end of the stream is ignored."""
        while not self._inflate.eof and (piece := self._inflate.decompress(wire, _PIECE)):
            super().__call__(piece, body)
            wire = self._inflate.unconsumed_tail

    def end(self) -> None:
        """Refuse a stream that is cut off."""
        if not self._inflate.eof:
            raise zlib.error("the compressed stream has no end")


def _decoder(url: str, coding: str) -> _Plain:
    if coding in {"identity", ""}:
        return _Plain(url)
    if coding in {"gzip", "x-gzip"}:
        return _Gzipped(url)
    raise SourceError("bad_answer", f"{url}: expected an answer as it is, or gzip; found the coding {coding[:40]!r}")


def _refuse_page(url: str, status: int, body: bytes) -> None:
    """Refuse HTML by what it is, at any status; its content type proves nothing, xpumanager gives metrics that one."""
    if body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise SourceError(
            "bad_answer",
            f"{url}: expected metrics, found a web page (status {status}): a sign-in page, a proxy's error page, or "
            "another path of the same server",
        )


def _refuse_status(url: str, status: int, body: bytes) -> None:
    if status == 200:
        return
    said = _printable(body[:_EXCERPT].decode("utf-8", "replace"))
    raise SourceError(_KINDS.get(status, "bad_answer"), f"{url}: expected status 200, found {status}: {said}")


def _tls_problem(error: "aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError") -> str:
    cause = (
        getattr(error, "certificate_error", None) or error.os_error
    )  # the library's own text names the whole of the connection
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or _short(error)


def _short(error: Exception) -> str:
    return _printable(str(error)[:_EXCERPT]) or type(error).__name__


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text).strip()
