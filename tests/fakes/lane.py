"""A lane's server of which each page is given: recorded answers, silence, or none; it keeps what it was asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.config_path import Lane

RECORDED: Final = Path(__file__).parents[1] / "fixtures/backends"
SILENCE: Final = b""
"""A page that takes the connection and says nothing."""


def page(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return one whole answer."""
    lines = {"Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-"): text for name, text in headers.items()}
    head = "".join(f"{name}: {text}\r\n" for name, text in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body


def recorded(name: str, status: int = 200, **headers: str) -> bytes:
    """Return an answer whose body is a file of the fixtures."""
    return page(status, (RECORDED / name).read_bytes(), **headers)


def llama(**changed: bytes) -> dict[str, bytes]:
    """Return the pages of an idle llama-server; `metrics=…` changes `/metrics`."""
    pages = {
        "health": recorded("llamacpp-health-200.json", Server="llama.cpp"),
        "props": recorded("llamacpp-props.json", Server="llama.cpp"),
        "metrics": recorded("llamacpp-idle.prom", Server="llama.cpp"),
        "slots": recorded("llamacpp-slots-idle.json", Server="llama.cpp"),
    }
    return {f"/{name}": answer for name, answer in {**pages, **changed}.items()}


def server_of(models: str, metrics: bytes) -> dict[str, bytes]:
    """Return the pages of a server that lists one model and has a health page without a word."""
    listing = f'{{"object":"list","data":[{models}]}}'.encode()
    return {"/health": page(200), "/v1/models": page(200, listing), "/metrics": metrics}


@dataclass
class FakeLane:
    """Where it listens, what it says, and what it was asked; a path that it does not know is a 404."""

    pages: dict[str, bytes]
    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return sorted(request.split()[1] for request in self.requests)

    def lane(self, **more: str) -> Lane:
        """Return the lane as a configuration has it."""
        return Lane(name="fast", url=self.url, **more)  # type: ignore[arg-type]  # the table's words are checked there


@asynccontextmanager
async def fake_lane(pages: Mapping[str, bytes]) -> AsyncIterator[FakeLane]:
    """Listen until the block ends."""
    fake, tasks = FakeLane(dict(pages)), set[asyncio.Task[None]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                fake.requests.append(request)
                said = fake.pages.get(request.split()[1], page(404))
                if said == SILENCE:
                    await reader.read()  # until whoever asks gives up
                writer.write(said)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
