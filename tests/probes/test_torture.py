"""Servers that are out to hurt: each probe ends in time and costs little memory, measured in a process of its own."""

import asyncio
import gzip
import itertools
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.config_path import Kind
from fakes.gateway import DONE, HANG, PONG, ROLE, STOP, Step, fake_gateway, head, whole

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 0.6  # seconds
GRACE: Final = 0.5  # seconds
MOST_MEMORY: Final = 20 * 1024 * 1024  # bytes
TRIES: Final = 3
CHUNKED: Final = {"Transfer_Encoding": "chunked"}
JSON: Final = "application/json"
BOMB: Final = gzip.compress(b"data: {}\n\n" * 6_000_000, compresslevel=1)  # 60 MB that travel as 0.3 MB


def forever(*steps: Step) -> Iterable[Step]:
    return itertools.cycle(steps)


def after(first: bytes, steps: Iterable[Step]) -> Iterable[Step]:
    return itertools.chain([first], steps)


def rows() -> Mapping[str, tuple[Kind, Iterable[Step], str]]:
    """Return what each server does, the kind of route that is asked, and the outcome."""
    stream, plain = head(), head(kind=JSON)
    return {
        "a line without an end": ("chat", after(stream, forever(b"x" * 65536)), "bad_output"),
        "a drip of bytes": ("chat", after(stream, forever(b"d", 0.02)), "timeout_first"),
        "a flood of comments": ("chat", after(stream, forever(b": ping, ping, ping, ping\n\n" * 2048)), "bad_output"),
        "a flood of events": ("chat", after(stream, forever(b"data: {}\n\n" * 6554)), "bad_output"),
        "a flood of data lines": ("chat", after(stream, forever(b"data: and so on, and so on\n" * 2048)), "bad_output"),
        "an event of many small things": (
            "chat", (stream, b'data: {"choices":[' + b"{}," * 87_000 + b"{}]}\n\n", STOP, DONE), "bad_output",
        ),
        "an event nested without an end": ("chat", (stream, b'data: {"a":' + b"[" * 250_000 + b"\n\n"), "bad_output"),
        "an event over many lines": (
            "chat", (stream, b"data: [\n" + (b"data: " + b"{}," * 80_000 + b"\n") * 12), "bad_output",
        ),
        "no DONE, then the end": ("chat", (stream, ROLE, PONG, STOP), "truncated"),
        "no DONE, then silence": ("chat", (stream, ROLE, PONG, STOP, HANG), "stalled"),
        "a gzip bomb": ("chat", (head(Content_Encoding="gzip"), BOMB), "bad_output"),
        "a gzip bomb as an error": ("chat", (head(500, Content_Encoding="gzip"), BOMB), "http_5xx"),
        "a gzip bomb as JSON": ("embeddings", (head(kind=JSON, Content_Encoding="gzip"), BOMB), "bad_output"),
        "a header without an end": ("chat", after(b"HTTP/1.1 200 OK\r\nX: ", forever(b"x" * 65536)), "bad_output"),
        "headers without an end": ("chat", after(b"HTTP/1.1 200 OK\r\n", forever(b"X-A: 1\r\n" * 8192)), "bad_output"),
        "a status line without an end": ("chat", forever(b"HTTP/1.1 200 " + b"x" * 65536), "bad_output"),
        "1xx answers without an end": ("chat", forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 2048), "timeout_first"),
        "1xx answers, then a good one": (
            "chat", (b"HTTP/1.1 102 Processing\r\n\r\n" * 3, stream, PONG, STOP, DONE), "ok",
        ),
        "a chunk extension without an end": (
            "chat", after(head(**CHUNKED), itertools.chain([b"1;"], forever(b"x" * 65536))), "bad_output",
        ),
        "chunks of one byte with extensions": (
            "chat", after(head(**CHUNKED), forever(b"1;ext=1\r\nd\r\n" * 5461)), "timeout_first",
        ),
        "empty lines of one-byte chunks": (
            "chat", after(head(**CHUNKED), forever(b"1\r\n\n\r\n" * 10922)), "timeout_first",
        ),
        "a chunk size that is no number": ("chat", (head(**CHUNKED), b"zz\r\n"), "bad_output"),
        "an error body without an end": ("chat", after(head(500), forever(b"x" * 65536)), "http_5xx"),
        "HTML with 200": ("chat", (head(kind="text/html"), b"<html>sign in</html>"), "bad_output"),
        "a JSON error with 200 for a stream": ("chat", (whole({"error": {"message": "no"}}),), "bad_output"),
        "HTML with 200 for JSON": ("rerank", (head(kind="text/html"), b"<html>sign in</html>"), "bad_output"),
        "a JSON error with 200": ("embeddings", (whole({"error": {"message": "no"}}),), "bad_output"),
        "truncated JSON": ("embeddings", (plain, b'{"data":[{"embedding":[0.1,'), "bad_output"),
        "truncated JSON with its length": (
            "embeddings", (head(kind=JSON, Content_Length="999"), b'{"data":['), "truncated",
        ),
        "JSON without an end": ("speech", after(plain, forever(b" " * 65536)), "bad_output"),
        "a drip of JSON": ("models", after(plain, forever(b" ", 0.02)), "timeout_first"),
        "JSON of many numbers": (
            "embeddings", (plain, b'{"data":[{"embedding":[' + b"0.5," * 255_000 + b"1]}]}"), "ok",
        ),
        "JSON of many small things": (
            "models", (plain, b'{"data":[' + b'{"id":""},' * 100_000 + b"{}]}"), "bad_output",
        ),
        "JSON nested without an end": ("rerank", (plain, b'{"a":' + b"[" * 1_500_000), "bad_output"),
    }  # fmt: skip


async def _torture(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run these servers at once, and one process that probes them one after the other."""
    async with AsyncExitStack() as stack:
        pairs = []
        for kind, steps, _ in map(rows().__getitem__, names):
            fake = await stack.enter_async_context(fake_gateway(steps))
            pairs += [kind, fake.url]
        line = (sys.executable, "-m", "fakes.measured_probe", str(LIMIT), *pairs)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
        process = await asyncio.create_subprocess_exec(*line, stdout=asyncio.subprocess.PIPE, env=environment)
        output, _ = await process.communicate()
    return dict(zip(names, map(json.loads, output.splitlines()), strict=True))


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """Every server was asked once; again where it took too long: the machine may have been busy just then."""
    costs: dict[str, dict[str, Any]] = {}
    for _ in range(TRIES):
        late = [name for name in rows() if name not in costs or costs[name]["seconds"] > LIMIT + GRACE]
        costs |= asyncio.run(_torture(late)) if late else {}
    return costs


@pytest.mark.parametrize("name", rows())
def test_probe_survives(name: str, measured: dict[str, dict[str, Any]]) -> None:
    """The probe has its outcome, ends within the limit and half a second, and takes less than 20 MiB more."""
    cost = measured[name]
    assert rows()[name][2] == cost["outcome"], cost
    assert cost["seconds"] <= LIMIT + GRACE
    assert cost["bytes"] < MOST_MEMORY
