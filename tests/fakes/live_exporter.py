"""A whole cluster watcher in this process, without API server or gateway; its configuration is a file of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter import wiring
from exporter.live import LIVE_CLUSTER, LIVE_PROBES, Live, Part, Refuse
from exporter.server import Listen
from exporter.service import Front
from exporter.snapshot import Snapshot
from exporter.status import Identity
from exporter.wired import Wiring
from exporter.wiring_cluster import wire_cluster
from probes.wiring import wire_probes

BASE = {"kubernetes": {"enabled": False}, "agents": {"enabled": False}, "gateway": {"url": "http://127.0.0.1:9"}}


def config_text(**changes: object) -> str:
    """Return a configuration with one pool and one alias, changed as said."""
    whole = {
        "pools": [{"name": "one", "labels": {"a": "1"}, "switch_seconds": 100}],
        "aliases": [{"name": "fast", "interval_seconds": 2, "timeout_seconds": 2}],
    }
    return yaml.safe_dump({**BASE, **whole, **changes})


@dataclass(frozen=True, slots=True)
class Shown:
    """One scrape."""

    status: int
    series: dict[str, list[tuple[dict[str, str], float]]]

    def labels(self, metric: object, label: str) -> set[str]:
        """Return the values of a label among the series of `metric`."""
        return {labels[label] for labels, _ in self.series.get(str(metric), [])}

    def value(self, metric: object, **labels: str) -> float:
        """Return the sum of the series of `metric` with these labels."""
        return sum(value for found, value in self.series.get(str(metric), []) if labels.items() <= found.items())


@dataclass(frozen=True, slots=True)
class Watcher:
    """The running exporter."""

    path: Path
    live: Live
    url: str
    client: httpx.AsyncClient

    async def write(self, text: str | bytes) -> None:
        """Write the file anew and have it looked at."""
        self.path.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.live.reloader.ask()
        await self.live.reloader.look()

    async def scrape(self) -> Shown:
        """Return what a scrape shows."""
        answer = await self.client.get(f"{self.url}/metrics")
        series: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                series.setdefault(sample.name, []).append((sample.labels, sample.value))
        return Shown(answer.status_code, series)


@asynccontextmanager
async def watcher(path: Path, text: str, refuse: Refuse = lambda _config, _path: None) -> AsyncIterator[Watcher]:
    """Run it on loopback while the context is open."""
    path.write_text(text)  # noqa: ASYNC240  # a few bytes
    parts = {
        "cluster": Part(
            keys=(*LIVE_CLUSTER, "node_baseline"), make=lambda config, stack: wire_cluster(config, "cluster", stack)
        ),
        "probes": Part(keys=LIVE_PROBES, make=lambda config, _: wire_probes(config)),
    }
    live = Live(str(path), parts, refuse)
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    front = Front(
        identity=Identity(version="0", role="cluster"),
        listen=Listen(host="127.0.0.1", port=0),
        announce=url.set_result,
        reloaders=(live.reloader,),
    )
    running = asyncio.create_task(wiring.run(Wiring(), Snapshot(node="w"), front, live))
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            yield Watcher(path, live, await asyncio.wait_for(url, 10), client)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await live.close()
