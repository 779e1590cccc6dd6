"""What ten thousand pods cost the watcher's event loop: at rest, after one change, and in memory.

Run by hand: `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.workloads`. The server is in the same process and costs
nothing that is measured.
"""

import asyncio
import gc
import json
import queue
import statistics
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any, Final

from exporter.config import Config
from exporter.sources.following import Api
from exporter.sources.gate import Gate
from exporter.sources.kubernetes import KubernetesSource
from exporter.sources.pace import Pace

_PODS: Final = 10_000
_NODES: Final = 500
_ROUNDS: Final = 200
_LLM: Final = {"platform.example.com/gpu-llm": "true"}
_OWNERS: Final = ("ReplicaSet", "DaemonSet", "Job")


class _Answer:
    status = 200
    content_type = "application/json"
    retry_after_seconds = 0.0

    def __init__(self, body: bytes, events: "queue.Queue[bytes] | None" = None) -> None:
        self._body = body
        self._events = events

    def read(self) -> bytes:
        return self._body

    def lines(self) -> Iterator[bytes]:
        while self._events is not None and (line := self._events.get()):
            yield line

    def expect_within(self, seconds: float) -> None:
        del seconds

    def cut(self) -> None:
        if self._events is not None:
            self._events.put(b"")

    def close(self) -> None:
        pass


class _Server:
    def __init__(self) -> None:
        self.events: queue.Queue[bytes] = queue.Queue()

    def get(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> _Answer:
        del silence_seconds
        if "watch" in query:
            return _Answer(b"", self.events if path.endswith("/pods") else queue.Queue())
        start, size = int(query.get("continue", 0)), int(query["limit"])
        pods = range(start, min(start + size, _PODS)) if path.endswith("/pods") else range(0)
        rest = str(start + size) if pods and pods.stop < _PODS else ""
        metadata = {"resourceVersion": "1", "continue": rest}
        return _Answer(json.dumps({"metadata": metadata, "items": [_pod(number) for number in pods]}).encode())

    def close(self) -> None:
        pass


def _pod(number: int, phase: str = "Running") -> dict[str, Any]:
    """Return a pod of about 2 KiB; each hundredth is of the pool."""
    owner = {"kind": _OWNERS[number % 3], "name": f"owner-{number // 10}", "controller": True}
    container = {
        "name": "main",
        "image": f"registry.example.com/app-{number % 50}:1",
        "env": [{"name": f"VARIABLE_{one}", "value": "x" * 40} for one in range(15)],
        "resources": {"requests": {"cpu": f"{100 + number % 40}m", "memory": f"{64 + number % 64}Mi"}},
    }
    return {
        "metadata": {
            "namespace": f"team-{number % 40}",
            "name": f"pod-{number}",
            "uid": f"00000000-0000-4000-8000-{number:012d}",
            "labels": {"app": f"app-{number % 50}", **(_LLM if number % 100 == 0 else {})},
            "ownerReferences": [owner],
            "creationTimestamp": "2026-11-20T08:00:00Z",
        },
        "spec": {"nodeName": f"node-{number % _NODES}", "containers": [container]},
        "status": {"phase": phase, "podIP": "192.0.2.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


async def _time_read(source: KubernetesSource) -> tuple[float, object]:
    started = time.perf_counter()
    part = await source.read()
    return (time.perf_counter() - started) * 1000, part


async def _time_changes(source: KubernetesSource, server: _Server) -> list[float]:
    """Return the milliseconds of the reading that finds each of some changes."""
    taken = []
    for number in range(_ROUNDS):
        before = await source.read()
        part: object = before
        changed = _pod(number * 7 % _PODS, "Succeeded")
        server.events.put(json.dumps({"type": "MODIFIED", "object": changed}).encode())
        milliseconds = 0.0
        while part is before:
            await asyncio.sleep(0.001)
            milliseconds, part = await _time_read(source)
        taken.append(milliseconds)
    return taken


async def _measure() -> None:
    server, pace = _Server(), Pace()
    tracemalloc.start()
    source = KubernetesSource(Config(), Api(connect=lambda: server, pace=pace, gate=Gate(pace)))
    started = time.perf_counter()
    while True:
        try:
            workloads = await source.read()
            break
        except Exception:  # noqa: BLE001  # the list is on its way
            await asyncio.sleep(0.1)
    print(f"list of {_PODS} pods: {time.perf_counter() - started:.1f} s, traced")
    gc.collect()
    print(f"kept: {tracemalloc.get_traced_memory()[0] / 2**20:.1f} MiB, {len(workloads.pods)} whole records")
    tracemalloc.stop()
    rest = [(await _time_read(source))[0] for _ in range(_ROUNDS)]
    print(f"read at rest: median {statistics.median(rest):.3f} ms, worst {max(rest):.3f} ms")
    changes = await _time_changes(source, server)
    print(f"read after one change: median {statistics.median(changes):.1f} ms, worst {max(changes):.1f} ms")
    source.stop()


if __name__ == "__main__":
    asyncio.run(_measure())
