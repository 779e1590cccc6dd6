"""The limits of a connection: what is slow, long, silent or too many is cut, and nobody else notices."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing

import httpx
import pytest
from aiohttp import web

from exporter.route import Reply, Request
from exporter.server import application
from exporter.status import Status
from exporter.web_door import build_door
from exporter.web_guard import Limits
from fakes.doors import TLS, behind, trusting
from fakes.reference_node import page

_SOON = 0.2  # seconds of a limit that is waited for
_QUICK = Limits(head_seconds=_SOON, unread_seconds=_SOON, patience_seconds=_SOON)
_HALF = b"GET /metrics HTTP/1.1\r\nHost:"
_WHOLE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
_LAST = _WHOLE.replace(b"Host: x", b"Host: x\r\nConnection: close")
_LARGE = b"x" * (8 << 20)  # bytes: more than two kernels hold for a client that does not read
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def _served_with(**pages: Callable[[Request], Awaitable[Reply]]) -> web.Application:
    def no_status(_now: float) -> Status:
        raise AssertionError

    return application(page, no_status, {f"/{name}": handler for name, handler in pages.items()})


async def _large(_: Request) -> Reply:
    return Reply(body=_LARGE)


async def _connect(url: str) -> _Streams:
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def _status(url: str, path: str = "/metrics") -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.get(url + path)).status_code


async def _heard(streams: _Streams) -> bytes:
    """Return everything until the server ends the connection."""
    try:
        return await asyncio.wait_for(streams[0].read(), 5)
    except ConnectionError:
        return b""
    finally:
        streams[1].close()


def _talk(*pieces: bytes, pause: float = 0.0, limits: Limits = _QUICK) -> bytes:
    async def go() -> bytes:
        async with behind(limits=limits) as url:
            reader, writer = await _connect(url)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            return await _heard((reader, writer))

    return asyncio.run(go())


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([], id="a client that says nothing"),
        pytest.param([_HALF], id="half a head"),
        pytest.param([bytes([byte]) for byte in _HALF], id="a head that comes drop by drop"),
    ],
)
def test_who_does_not_ask_in_time_is_cut(pieces: list[bytes]) -> None:
    """A drop does not begin the time anew."""
    assert _talk(*pieces, pause=_SOON / 20) == b""


def test_a_silent_tls_client_is_cut_and_delays_nobody() -> None:
    path = TLS / "web.yaml"

    async def go() -> bytes:
        door = build_door(str(path))
        async with behind(lambda: door, limits=_QUICK) as url:
            return await _heard(await _connect(url))

    assert asyncio.run(go()) == b""


def test_over_tls_an_answer_that_was_taken_is_over() -> None:
    """Also of a whole page, on a connection of its own each time: none waits for a client that has read everything."""
    door = build_door(str(TLS / "web.yaml"))
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    async def go() -> list[bytes]:
        async with behind(lambda: door) as url:
            port = int(url.rpartition(":")[2])

            async def scrape() -> bytes:
                reader, writer = await asyncio.open_connection("localhost", port, ssl=trusting())
                writer.write(asked)
                async with asyncio.timeout(5):
                    answer = await reader.read()
                writer.transport.abort()
                return answer[:12]

            return await asyncio.gather(*(scrape() for _ in range(20)), *(scrape() for _ in range(20)))

    assert asyncio.run(go()) == [b"HTTP/1.1 200"] * 40


def test_a_connection_that_rests_is_kept_and_one_that_asks_half_again_is_cut() -> None:
    async def go() -> tuple[bytes, bytes]:
        async with behind(limits=_QUICK) as url:
            reader, writer = await _connect(url)
            writer.write(_WHOLE)
            first = await reader.readuntil(b"ok\n")
            await asyncio.sleep(2 * _SOON)
            writer.write(_WHOLE + _HALF)
            return first, await _heard((reader, writer))

    first, rest = asyncio.run(go())
    assert first.startswith(b"HTTP/1.1 200")
    assert rest.count(b"HTTP/1.1 200") == 1


def test_requests_that_come_together_are_answered_one_by_one() -> None:
    assert _talk(_WHOLE * 4 + _LAST).count(b"HTTP/1.1 200") == 5


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: " + b"a" * 8000 + b"\r\n\r\n",
            b"200",
            id="8,000 bytes of head",
        ),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9000, b"431", id="9,000 bytes of one header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: a\r\n" * 2000, b"431", id="2,000 headers"),
        pytest.param(b"GET /" + b"a" * 9000, b"431", id="9,000 bytes of path"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + b"a" * 9000,
            b"413",
            id="9,000 bytes of body",
        ),
        pytest.param(b"nonsense\r\n\r\n", b"400", id="no HTTP"),
        pytest.param(b"INVENT / HTTP/1.1\r\n\r\n", b"400", id="a method that nobody knows"),
    ],
)
def test_a_request_has_a_size(sent: bytes, status: bytes) -> None:
    assert _talk(sent).split()[1] == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/", "/status.json"])
def test_other_methods_are_refused(method: str, path: str) -> None:
    sent = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert _talk(sent).split()[1] == b"405"


def test_who_does_not_read_is_cut() -> None:
    async def go() -> int:
        async with behind(app=_served_with(large=_large), limits=_QUICK) as url:
            reader, writer = await _connect(url)
            writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(3 * _SOON)
            return len(await _heard((reader, writer)))

    assert asyncio.run(go()) < len(_LARGE)


def test_half_open_connections_make_room_for_whole_ones() -> None:
    """The cap is four: the oldest of those that only began is cut, and the scrape is answered."""
    limits = Limits(connections=4)

    async def go() -> tuple[int, bytes]:
        async with behind(limits=limits) as url:
            half_open = [await _connect(url) for _ in range(4)]
            for _, writer in half_open:
                writer.write(_HALF)
            status = await _status(url)
            first = await _heard(half_open[0])
            for _, writer in half_open:
                writer.close()
            return status, first

    assert asyncio.run(go()) == (200, b"")


def test_a_connection_that_rests_makes_room_too() -> None:
    async def go() -> tuple[int, bytes]:
        async with behind(limits=Limits(connections=2)) as url:
            resting = [await _connect(url) for _ in range(2)]
            for reader, writer in resting:
                writer.write(_WHOLE)
                await reader.readuntil(b"ok\n")
            status = await _status(url)
            first = await _heard(resting[0])
            resting[1][1].close()
            return status, first

    assert asyncio.run(go()) == (200, b"")


def test_who_is_being_answered_is_cut_for_nobody() -> None:
    """The cap is two and both wait for their answer: the third is turned away, and the two get theirs."""

    async def go() -> list[int]:
        may_end = asyncio.Event()

        async def slow(_: Request) -> Reply:
            await may_end.wait()
            return Reply(body=b"")

        async with behind(app=_served_with(slow=slow), limits=Limits(connections=2)) as url:
            waiting = [asyncio.create_task(_status(url, "/slow")) for _ in range(2)]
            await asyncio.sleep(_SOON)
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                await _status(url)
            may_end.set()
            return list(await asyncio.gather(*waiting))

    assert asyncio.run(go()) == [200, 200]


def test_answers_that_nobody_reads_are_capped_and_then_make_room() -> None:
    """The cap is two. Those who may yet read are not cut for a third, which hears 503; once they stall, they are."""
    limits = Limits(answers=2, patience_seconds=_SOON)

    async def go() -> tuple[int, int]:
        async with behind(app=_served_with(large=_large), limits=limits) as url:
            stalled = [await _connect(url) for _ in range(2)]
            for _, writer in stalled:
                writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            for reader, _ in stalled:
                await reader.readexactly(1)
            at_once = await _status(url)
            await asyncio.sleep(1.5 * _SOON)
            later = await _status(url)
            for _, writer in stalled:
                writer.close()
            return at_once, later

    assert asyncio.run(go()) == (503, 200)


def test_fifty_scrapers_at_once_are_all_answered() -> None:
    async def go() -> set[int]:
        async with behind() as url:
            return set(await asyncio.gather(*(_status(url) for _ in range(50))))

    assert asyncio.run(go()) == {200}


def test_it_listens_on_every_address_of_a_name_or_of_the_machine() -> None:
    """One port for all, where the kernel chooses it; a taken one says so."""
    from exporter.web_connections import bind  # noqa: PLC0415

    for host in ("localhost", "", "127.0.0.1"):
        sockets = bind(host, 0)
        assert len({one.getsockname()[1] for one in sockets}) == 1
        with closing(socket.create_connection(("127.0.0.1", sockets[0].getsockname()[1]))):
            pass
        for one in sockets:
            one.close()
