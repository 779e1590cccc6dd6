"""A gateway that says what a script tells it, byte for byte: for what no real gateway does on demand.

A script is a row of steps: bytes to send, or seconds to wait. The connection ends with the script.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from exporter.config_path import Kind
from exporter.secret import Secret
from probes.question import Question

Step = bytes | float
HANG = 3600.0
DONE = b"data: [DONE]\n\n"


@dataclass
class FakeGateway:
    """Where it listens, and what it was sent."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def head(status: int = 200, /, kind: str = "text/event-stream", **headers: str) -> bytes:
    """The head of an answer that ends with its connection."""
    lines = {
        "Content-Type": kind,
        "Connection": "close",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return (
        f"HTTP/1.1 {status} Said\r\n".encode() + "".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode() + b"\r\n"
    )


def chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **more: object) -> bytes:
    """One event of a chat stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish_reason}
    return f"data: {json.dumps({'choices': [choice], **more})}\n\n".encode()


def error(status: int, message: str, /, *, kind: str = "", **headers: str) -> bytes:
    """A whole error answer as LiteLLM forms it."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return head(status, "application/json", **headers) + json.dumps(body).encode()


def whole(body: object, /, *, kind: str = "application/json", **headers: str) -> bytes:
    """A whole answer in JSON, with its length."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return head(200, kind, Content_Length=str(len(text)), **headers) + text


def question_to(url: str, kind: Kind = "chat", *, key: str = "sk-test", timeout: float = 5.0) -> Question:
    """A question that a test asks."""
    return Question(alias="fast", kind=kind, model="fast", url=url, key=Secret(key), timeout_seconds=timeout)


ROLE = chunk({"role": "assistant", "content": None})
PONG = chunk({"content": "pong"})
STOP = chunk(finish_reason="stop")
USAGE = chunk(usage={"prompt_tokens": 23, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 0}})
HEALTHY: tuple[Step, ...] = (head(x_litellm_model_id="lane-fast"), ROLE, PONG, STOP, USAGE, DONE)


@asynccontextmanager
async def fake_gateway(steps: Iterable[Step], tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeGateway]:
    """Listen until the block ends, and play the script to whoever connects."""
    fake, tasks = FakeGateway(), set[asyncio.Task[Any]]()

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(this := asyncio.current_task() or asyncio.create_task(asyncio.sleep(0)))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                fake.requests.append(await _read_request(reader))
                await _send(writer, steps)
        finally:
            writer.close()
            tasks.discard(this)

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    top = await reader.readuntil(b"\r\n\r\n")
    lengths = (line for line in top.lower().splitlines() if line.startswith(b"content-length:"))
    return top + await reader.readexactly(int(next(lengths, b":0").partition(b":")[2]))


async def _send(writer: asyncio.StreamWriter, steps: Iterable[Step]) -> None:
    for step in steps:
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        else:
            await asyncio.sleep(step)
