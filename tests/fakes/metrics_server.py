"""A server of metrics that says what a script tells it, byte for byte, to everybody who asks.

A script is a row of steps: bytes to send, bytes to send for ever (an iterator), or seconds to wait.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

Step = bytes | float | Iterator[bytes]


def head(status: int = 200, /, *, kind: str = "text/plain; version=0.0.4", **headers: str) -> bytes:
    """The head of an answer that ends with its connection."""
    lines = {"Content-Type": kind, **{name.replace("_", "-"): text for name, text in headers.items()}}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{text}Connection: close\r\n\r\n".encode()


@asynccontextmanager
async def answering(steps: Iterable[Step]) -> AsyncIterator[str]:
    """Listen until the block ends; the value is the address of the metrics."""
    tasks = set[asyncio.Task[Any]]()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(this := asyncio.current_task() or asyncio.create_task(asyncio.sleep(0)))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await reader.readuntil(b"\r\n\r\n")
                for step in steps:
                    await _send(writer, step)
        finally:
            writer.close()
            tasks.discard(this)

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(writer: asyncio.StreamWriter, step: Step) -> None:
    if isinstance(step, float):
        await asyncio.sleep(step)
        return
    for piece in [step] if isinstance(step, bytes) else step:
        writer.write(piece)
        await writer.drain()
