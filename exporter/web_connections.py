"""The connections of the server: accepted within a cap, greeted within a deadline, the least useful one cut first."""

import asyncio
import logging
import os
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from exporter.errors import ListenError
from exporter.web_door import Door
from exporter.web_guard import Guard, Limits

_BACKLOG: Final = 128
_GOODBYE_SECONDS: Final = 2.0  # for the end of a TLS connection to be answered
_PAUSE_SECONDS: Final = 0.2  # after an accept that failed: there may be no descriptor left
# asyncio reads TLS into 256 KiB a connection, all of it resident: 400 silent clients held 140 MiB. A record has 16 KiB.
_TLS_BUFFER_BYTES: Final = 16 << 10
_log = logging.getLogger(__name__)


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of `host`; no host: on all there are."""
    try:
        if not host:
            dual = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if dual else socket.AF_INET
            return [socket.create_server(("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual)]
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return _bind_each({(family, str(address[0])): None for family, *_, address in found}, port)
    except OSError as error:
        is_of_the_kernel = error.errno is not None and error.errno > 0  # else they are the resolver's own words
        words = os.strerror(error.errno or 0) if is_of_the_kernel else str(error)
        raise ListenError(f"expected to listen on {host or '*'}:{port}, found: {words}") from error


def _bind_each(addresses: Iterable[tuple[int, str]], port: int) -> list[socket.socket]:
    bound: list[socket.socket] = []
    try:
        for family, address in addresses:
            chosen = bound[0].getsockname()[1] if bound else port  # where the kernel chooses, it chooses once
            bound.append(socket.create_server((address, chosen), family=family, backlog=_BACKLOG))
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


@dataclass(eq=False, slots=True)
class _Visit:
    """One connection from its acceptance on; `greeting` ends when its handshake is done."""

    guard: Guard
    greeting: "asyncio.Task[None]" = field(init=False)


class Connections:
    """Everything that is connected; `protocol` makes the HTTP library's own, `door` is asked anew for each."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol], door: Callable[[], Door], limits: Limits) -> None:
        self._protocol = protocol
        self._door = door
        self._limits = limits
        self._visits: dict[Guard, _Visit] = {}  # the oldest first
        SSLProtocol.max_size = _TLS_BUFFER_BYTES

    async def accept(self, listening: socket.socket) -> None:
        """Accept for ever; where the cap is reached and everybody is being answered, the new one is turned away."""
        loop = asyncio.get_running_loop()
        listening.setblocking(False)  # its only name for it
        while True:
            try:
                connection, _ = await loop.sock_accept(listening)
            except OSError as error:
                _log.warning("a connection could not be accepted: %s", error.strerror or error)
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            if len(self._visits) >= self._limits.connections and not self._make_room():
                connection.close()
                continue
            self._greet(connection)

    async def close(self) -> None:
        """Cut what is still in its handshake; the rest is the HTTP library's to close."""
        greetings = [visit.greeting for visit in self._visits.values() if not visit.greeting.done()]
        for greeting in greetings:
            greeting.cancel()
        await asyncio.gather(*greetings, return_exceptions=True)

    def _greet(self, connection: socket.socket) -> None:
        door = self._door()
        guard = Guard(self._protocol(), self._forget, limits=self._limits, client_names=door.client_names)
        visit = self._visits[guard] = _Visit(guard)
        visit.greeting = asyncio.create_task(self._shake_hands(connection, guard, door))

    async def _shake_hands(self, connection: socket.socket, guard: Guard, door: Door) -> None:
        is_well = False
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: guard,
                connection,
                ssl=door.tls,
                ssl_handshake_timeout=self._limits.head_seconds if door.tls else None,
                ssl_shutdown_timeout=_GOODBYE_SECONDS if door.tls else None,
            )
            is_well = True
        except OSError as error:  # ssl.SSLError is one, and a handshake that takes too long
            _log.debug("a connection was not made: %s", error)
        finally:
            if not is_well:
                with suppress(OSError):
                    connection.close()
                self._forget(guard)

    def _forget(self, guard: Guard) -> None:
        self._visits.pop(guard, None)

    def _make_room(self) -> bool:
        """Cut the connection that is of least use: the oldest that is half open, else the oldest that rests."""
        victim = next(self._by_use(), None)
        if victim is None:
            return False
        victim.greeting.cancel()
        victim.guard.cut()
        self._forget(victim.guard)
        return True

    def _by_use(self) -> Iterator[_Visit]:
        idle = [visit for visit in self._visits.values() if not visit.guard.is_busy]
        yield from (visit for visit in idle if not visit.guard.was_heard or not visit.greeting.done())
        yield from idle
