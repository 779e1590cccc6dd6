"""One connection, guarded: what is half sent, too long, or not read by its client is cut in time.

The HTTP library bounds a line of a head and the number of its lines; neither its whole length nor how long it takes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from exporter.web_tls import is_allowed

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What clients may take of the server; nobody but a test asks for others."""

    head_seconds: float = 5.0  # for a handshake, and from the first byte of a request to the last of its head
    unread_seconds: float = 30.0  # for an answer to be read
    patience_seconds: float = 1.0  # a client that takes nothing for so long makes room for one that may
    request_bytes: int = 8 << 10  # of head and body
    connections: int = 512
    answers: int = 40  # that are being sent, as node_exporter's --web.max-requests


class Guard(asyncio.Protocol):
    """Stands between the socket and the HTTP library's protocol; `on_end` is told once when the connection is over."""

    def __init__(
        self,
        inner: asyncio.Protocol,
        on_end: "Callable[[Guard], None]",
        *,
        limits: Limits,
        client_names: tuple[str, ...] = (),
    ) -> None:
        self._limits = limits
        self._inner = inner
        self._on_end = on_end
        self._client_names = client_names
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._pending = bytearray()  # of a request whose head has not come whole
        self._requests = 0  # under way
        self._is_over = False
        self.stalled_at: float | None = None  # since when the client does not take what was written

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._requests > 0

    @property
    def was_heard(self) -> bool:
        """Whether nothing is half sent: it rests between two requests."""
        return self._head_timer is None

    def begin(self) -> None:
        """Note that the head of a request has come whole."""
        self._requests += 1
        _, _, rest = self._pending.partition(b"\r\n\r\n")
        self._pending = bytearray(rest)
        self._stop_head_timer()

    def end(self) -> None:
        """Note that it is answered; what has come meanwhile is the beginning of the next."""
        self._requests -= 1
        if self._pending:
            self._start_head_timer()

    def cut(self) -> None:
        """End the connection at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a head; a client whose certificate does not carry an allowed name is cut."""
        self._transport = cast("asyncio.Transport", transport)
        # What the kernel has not taken counts as not read. Not `high=0`: asyncio's TLS then takes nothing for too much.
        self._transport.set_write_buffer_limits(high=1, low=0)
        self._inner.connection_made(transport)
        if self._client_names and not is_allowed(transport.get_extra_info("peercert"), self._client_names):
            self.cut()
            return
        self._start_head_timer()

    def data_received(self, data: bytes) -> None:
        """Pass on what is within the limits."""
        if self._is_over:
            return
        self._pending += data
        if len(self._pending) > self._limits.request_bytes:
            self._refuse(_TOO_LARGE[b"\r\n\r\n" in self._pending[: self._limits.request_bytes]])
            return
        if not self.is_busy:
            self._start_head_timer()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on that the client sends no more."""
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        self.stalled_at = self._loop.time()
        self._unread_timer = self._loop.call_later(self._limits.unread_seconds, self.cut)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Note that it has read."""
        self._note_read()
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._is_over = True
        self._stop_head_timer()
        self._note_read()
        self._inner.connection_lost(exc)
        self._on_end(self)

    def _refuse(self, answer: bytes) -> None:
        self._is_over = True
        if self._transport is not None:
            self._transport.write(answer)
            self._transport.close()

    def _start_head_timer(self) -> None:
        if self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head_seconds, self.cut)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _note_read(self) -> None:
        self.stalled_at = None
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None
