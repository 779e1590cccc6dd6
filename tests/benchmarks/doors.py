"""Measures the node role under a crowd: 400 half-open connections, silent TLS clients, slow readers, 50 scrapers.

Run by hand: `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.doors`. Exit 1 where a bar does not hold. The crowd
lives in this process and takes its share of the same machine.
"""

import argparse
import asyncio
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cost
from benchmarks.client_crowd import Crowd
from benchmarks.scrape import free_port

_TLS = Path(__file__).parents[1] / "fixtures" / "tls"
_MIB = 1 << 20
BURDENS = {"half": 400, "silent": 4, "slow": 20}
SCRAPERS = 50
MOST_THREADS = 20
MOST_GROWTH_MIB = 64


@dataclass(frozen=True, slots=True)
class State:
    """What the process holds."""

    threads: int
    descriptors: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the crowd met, and what it cost: before, the most meanwhile, and a while after."""

    seconds: list[float]
    lost: int
    cut: int
    before: State
    most: State
    after: State
    cpu_seconds: float  # of the server


def state_of(pid: int) -> State:
    """Return what a process holds now."""
    return State(
        threads=len(os.listdir(f"/proc/{pid}/task")),  # noqa: PTH208  # it is counted often
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208  # as above
        rss_bytes=cost.memory_bytes([pid], "Rss"),
    )


@contextmanager
def server(directory: Path) -> Iterator[tuple[int, int]]:
    """Run the node role over TLS; gives its pid and port once it answers."""
    port = free_port()
    line = [sys.executable, "-m", "lanewatch", "serve", "--role", "node", "--log.level", "error"]
    line += ["--web.listen-address", f"127.0.0.1:{port}", "--web.config.file", str(_TLS / "web.yaml")]
    process = subprocess.Popen(line, cwd=Path(__file__).parents[2], env={**os.environ, "HOME": str(directory)})
    try:
        asyncio.run(_answered(port))
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(10)


async def _answered(port: int) -> None:
    crowd = Crowd(port, trusting())
    async with asyncio.timeout(60):
        while not crowd.seconds:
            await crowd.come({}, 1, until=time.monotonic() + 3)


def trusting() -> ssl.SSLContext:
    """Return the context of a client that trusts the server."""
    return ssl.create_default_context(cafile=str(_TLS / "localhost.crt"))


async def burden(pid: int, crowd: Crowd, burdens: dict[str, int], *, seconds: float, scrapers: int) -> Outcome:
    """Let the crowd come for a while, and look at the process meanwhile and five seconds after."""
    before, cpu = state_of(pid), cost.cpu_seconds([pid])
    most = before
    coming = asyncio.create_task(crowd.come(burdens, scrapers, until=time.monotonic() + seconds))
    while not coming.done():
        now = state_of(pid)
        most = State(*(max(pair) for pair in zip(_values(most), _values(now), strict=True)))
        await asyncio.sleep(0.2)
    await coming
    cpu = cost.cpu_seconds([pid]) - cpu
    await asyncio.sleep(6)  # what is still half open is cut within five
    return Outcome(crowd.seconds, crowd.lost, crowd.cut, before, most, state_of(pid), cpu)


def _values(state: State) -> tuple[int, int, int]:
    return state.threads, state.descriptors, state.rss_bytes


def main() -> None:
    """Print what the crowd met, and exit 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as directory, server(Path(directory)) as (pid, port):
        found = asyncio.run(burden(pid, Crowd(port, trusting()), BURDENS, seconds=seconds, scrapers=SCRAPERS))
    slices = statistics.quantiles(found.seconds, n=100, method="inclusive")
    print(f"scrapes {len(found.seconds)}, lost {found.lost}, burdens cut {found.cut}")
    print(f"seconds: p50 {slices[49]:.3f}, p99 {slices[98]:.3f}, max {max(found.seconds):.3f}")
    print(
        f"CPU of the server: {found.cpu_seconds:.1f} of {seconds:.0f} s; load of the machine: {os.getloadavg()[0]:.1f}"
    )
    for name, state in (("before", found.before), ("most", found.most), ("after", found.after)):
        print(f"{name}: threads {state.threads}, descriptors {state.descriptors}, RSS {state.rss_bytes / _MIB:.1f} MiB")
    grown = (found.most.rss_bytes - found.before.rss_bytes) / _MIB
    bars = {
        "no scrape lost": found.lost == 0,
        "99 of 100 scrapes within 1 s": slices[98] < 1,
        f"threads < {MOST_THREADS}": found.most.threads < MOST_THREADS,
        f"memory grown by less than {MOST_GROWTH_MIB} MiB": grown < MOST_GROWTH_MIB,
    }
    for bar, holds in bars.items():
        print(f"{'ok  ' if holds else 'FAIL'} {bar}")
    raise SystemExit(0 if all(bars.values()) else 1)


if __name__ == "__main__":
    main()
