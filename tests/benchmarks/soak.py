"""Measures whether the cluster watcher grows: 100,000 scrapes, 10,000 probes and 100,000 pod events in ten minutes.

Run by hand: `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.soak`. The watcher is the true program; the API
server and the gateway beside it are in this process. Exit 1 where a bar does not hold.
"""

import argparse
import asyncio
import itertools
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.doors import State, state_of
from benchmarks.scrape import free_port
from exporter import catalogue as c
from fakes.apiserver import FakeApiServer, Reply, Request, event, lane, pod, serving
from probes.simulated_gateway import SimulatedPlan, simulated_path
from probes.simulated_lane import SimulatedLane

_MIB = 1 << 20
_ALIASES = 20  # each asked once a second
_NAMES = tuple(f"alias-{number}" for number in range(_ALIASES))
_PODS = 50
_EVENTS = 5000  # of one watch, before the API server ends it; the watcher comes again after its own pause
_SCRAPERS = 12
_SAMPLES = 60
_LABELS = {"gpu-llm": "true"}
_REQUEST = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;version=0.0.4\r\nAccept-Encoding: gzip\r\n\r\n"
MOST_SLOPE_MIB = 1.0  # for 10,000 scrapes


@dataclass
class Counted:
    """What was done to the watcher, and what it held meanwhile: scrapes so far, and its state."""

    scrapes: int = 0
    failed: int = 0
    events: int = 0
    probes: int = 0
    states: list[tuple[int, State]] = field(default_factory=list)


def _cluster(counted: Counted) -> FakeApiServer:
    """Return an API server whose pods change without a pause: their readiness, their version, nothing else."""
    names = [f"lane-{number}" for number in range(_PODS)]
    fake = FakeApiServer(*(pod(name, 1, **_LABELS) for name in names))
    fake.lanes = [lane(name, 1, **_LABELS) for name in names[:5]]
    versions = itertools.count(1000)

    def watch(request: Request) -> Reply:
        if request.resource != "pods":
            return Reply(chunks=(), hold=True)
        changes = (pod(names[number % _PODS], next(versions), **_LABELS) for number in range(_EVENTS))
        counted.events += _EVENTS
        return Reply(chunks=tuple(event("MODIFIED", change) for change in changes))

    fake.watch = watch
    return fake


@asynccontextmanager
async def _gateway() -> AsyncIterator[tuple[str, str]]:
    """Run a gateway with a lane for each alias, for a lane is asked one thing at a time; gives its address and key."""
    plan = SimulatedPlan(
        lanes=tuple(SimulatedLane(name=name, model_id=name) for name in _NAMES),
        running=_NAMES,
        routes={name: name for name in _NAMES},
    )
    async with simulated_path(plan) as path:
        yield path.url, path.key


def _config(directory: Path, cluster: str, gateway: str) -> Path:
    kubeconfig = directory / "kubeconfig"
    named = {"name": "c", "cluster": {"server": cluster}}
    user = {"name": "u", "user": {"token": "t"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    whole = {"current-context": "c", "contexts": [context], "clusters": [named], "users": [user]}
    kubeconfig.write_text(yaml.safe_dump(whole))
    alias = {"interval_seconds": 1, "timeout_seconds": 1, "tokens_per_day": 0, "direct": "never", "look_first": False}
    alias["objectives"] = {"first_token_seconds": 1}
    aliases = [{"name": name, "lane": name, **alias} for name in _NAMES]
    config = {
        "kubernetes": {"kubeconfig": str(kubeconfig), "claims": False},
        "agents": {"enabled": False},
        "pools": [{"name": "llm", "labels": _LABELS}],
        "gateway": {"url": gateway, "key_variable": "SOAK_KEY"},
        "aliases": aliases,
        "lanes": [{"name": name, "model_id": name} for name in _NAMES],
    }
    path = directory / "lanewatch.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@contextmanager
def _watcher(config: Path, key: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    line = [sys.executable, "-m", "lanewatch", "serve", "--role", "cluster", "--log.level", "error"]
    line += ["--config", str(config), "--web.listen-address", f"127.0.0.1:{port}"]
    process = subprocess.Popen(line, cwd=Path(__file__).parents[2], env={**os.environ, "SOAK_KEY": key})
    try:
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)


async def _scrape_for_ever(port: int, counted: Counted, pause: float) -> None:
    while True:
        try:
            async with _connected(port) as (reader, writer):
                while True:
                    writer.write(_REQUEST)
                    head = await reader.readuntil(b"\r\n\r\n")
                    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
                    counted.scrapes += head.startswith(b"HTTP/1.1 200")
                    counted.failed += not head.startswith(b"HTTP/1.1 200")
                    await asyncio.sleep(pause)
        except (OSError, asyncio.IncompleteReadError):
            counted.failed += 1
            await asyncio.sleep(0.2)


@asynccontextmanager
async def _connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to the watcher; the connection is closed also where the task is cancelled in its midst."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def soak(*, seconds: float, rate: float) -> Counted:
    """Let everything happen for so long, `rate` scrapes a second at most."""
    counted = Counted()
    with tempfile.TemporaryDirectory() as directory, serving(_cluster(counted)) as cluster:
        async with _gateway() as (gateway, key):
            with _watcher(_config(Path(directory), cluster.url, gateway), key) as (pid, port):
                await _wait_for(port)
                tasks = [
                    asyncio.create_task(_scrape_for_ever(port, counted, _SCRAPERS / rate)) for _ in range(_SCRAPERS)
                ]
                for _ in range(_SAMPLES):
                    await asyncio.sleep(seconds / _SAMPLES)
                    counted.states.append((counted.scrapes, state_of(pid)))
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                counted.probes = await _probes(port)
                cluster.released.set()
    return counted


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(60):
        while await _probes(port) == 0:  # noqa: ASYNC110  # another process, which sets no event
            await asyncio.sleep(0.2)


async def _probes(port: int) -> int:
    """Return how many probes were answered well."""
    with suppress(OSError, asyncio.IncompleteReadError):
        async with _connected(port) as (reader, writer):
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            page = (await reader.read()).decode()
        wanted = [
            line for line in page.splitlines() if line.startswith(str(c.PROBE_ATTEMPTS)) and 'outcome="ok"' in line
        ]
        return int(sum(float(line.rpartition(" ")[2]) for line in wanted))
    return 0


def slope_mib(states: list[tuple[int, State]]) -> tuple[float, float]:
    """Return by how many MiB it grows for 10,000 scrapes, and the half width of the interval that holds 95 of 100."""
    xs = [scrapes / 10_000 for scrapes, _ in states]
    ys = [state.rss_bytes / _MIB for _, state in states]
    slope, intercept = statistics.linear_regression(xs, ys)
    rest = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    spread = sum((x - statistics.fmean(xs)) ** 2 for x in xs)
    return slope, 1.96 * (rest / (len(xs) - 2) / spread) ** 0.5


def main() -> None:
    """Print what was done and what was held, and exit 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=240, help="scrapes a second")
    asked = parser.parse_args()
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # the gateway here, when a probe gives up
    counted = asyncio.run(soak(seconds=asked.seconds, rate=asked.rate))
    warm = counted.states[_SAMPLES // 4 :]  # what fills at first has filled
    slope, width = slope_mib(warm)
    threads, descriptors = ({getattr(state, name) for _, state in warm} for name in ("threads", "descriptors"))
    print(
        json.dumps(
            {"scrapes": counted.scrapes, "failed": counted.failed, "events": counted.events, "probes": counted.probes}
        )
    )
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    print(f"RSS {warm[0][1].rss_bytes / _MIB:.1f} -> {warm[-1][1].rss_bytes / _MIB:.1f} MiB")
    print(f"slope {slope:.2f} ± {width:.2f} MiB for 10,000 scrapes")
    print(f"threads {min(threads)}..{max(threads)}, descriptors {min(descriptors)}..{max(descriptors)}")
    bars = {
        "no scrape failed": counted.failed == 0,
        f"slope < {MOST_SLOPE_MIB} MiB for 10,000 scrapes": slope + width < MOST_SLOPE_MIB,
        "threads flat": max(threads) - min(threads) <= 4,
        "descriptors flat": max(descriptors) - min(descriptors) <= 2 * _ALIASES,
    }
    for bar, holds in bars.items():
        print(f"{'ok  ' if holds else 'FAIL'} {bar}")
    raise SystemExit(0 if all(bars.values()) else 1)


if __name__ == "__main__":
    main()
