"""The true exporter with its true schedule of probes, in this process: parts of the snapshot can be handed in."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from anyio.from_thread import BlockingPortal

from e2e.processes import LOOPBACK
from e2e.watcher import holding, samples
from exporter import catalogue as c
from exporter.cluster import Nodes, Workloads
from exporter.collectors import sources
from exporter.config import read_config
from exporter.errors import SourceError
from exporter.exposition import Exposition, Page
from exporter.metric import Metric
from exporter.poll import Part, Poller, Schedule
from exporter.server import Listen
from exporter.service import PageKeeper, Service
from exporter.snapshot import Allocations, Gpus, Snapshot
from exporter.status import Identity
from exporter.wired import Wiring
from probes.wiring import wire_probes

NODE: Final = "gpu-worker-1"
_OFTEN: Final = 0.3
_SLOTS: Final[Mapping[str, tuple[str, type[Part]]]] = {
    "nvml": ("gpus", Gpus),
    "podresources": ("allocations", Allocations),
    "kubernetes": ("workloads", Workloads),
    "nodes": ("nodes", Nodes),
}


@dataclass
class Handed:
    """What sources say, by their names; an error is what they fail with."""

    parts: dict[str, Part | SourceError] = field(default_factory=dict)

    @contextmanager
    def saying(self, **parts: Part | SourceError) -> Iterator[None]:
        """Say something else while the context is open."""
        before, self.parts = self.parts, self.parts | parts
        try:
            yield
        finally:
            self.parts = before

    def schedules(self) -> Iterator[Schedule]:
        """Yield how each of them is read."""
        for name in self.parts:
            slot, part = _SLOTS[name]
            yield Schedule(
                name=name, source=_Source(self, name), slot=slot, part=part, interval_seconds=_OFTEN, deadline_seconds=1
            )


@dataclass(frozen=True, slots=True)
class _Source:
    handed: Handed
    name: str

    async def read(self) -> Part:
        part = self.handed.parts[self.name]
        if isinstance(part, SourceError):
            raise part
        return part


class Watch:
    """One running exporter."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.url = ""

    @property
    def page(self) -> Page:
        """The page as it is now."""
        return self._service.keeper.page

    def cause(self, alias: str) -> set[str]:
        """Return the root cause that the page names."""
        return holding(self.page, c.ALIAS_ROOT_CAUSE, "cause", alias=alias)

    def shows(self, metric: Metric, label: str, subject: str) -> set[str]:
        """Return which values of `label` hold of an alias or a lane: the family's first label tells which."""
        return holding(self.page, metric, label, **{metric.labels[0]: subject})

    def outcomes(self, alias: str) -> Counter[str]:
        """Return how many probes came to what."""
        found = samples(self.page, c.PROBE_ATTEMPTS, alias=alias)
        return Counter({labels["outcome"]: int(sample.value) for labels, sample in found})

    def explain(self, alias: str) -> str:
        """Return the layers of the alias and its last outcome, in a line."""
        layers = {
            layer: state
            for state in ("ok", "bad", "unknown")
            for layer in holding(self.page, c.ALIAS_LAYER, "layer", alias=alias, state=state)
        }
        return f"cause {self.cause(alias)}, layers {layers}, outcomes {+self.outcomes(alias)}"

    def shown(self, alias: str) -> str:
        """Return everything that it shows to whoever asks."""
        paths = ("/metrics", "/", f"/explain?alias={alias}")
        answers = (httpx.get(f"{self.url}{path}", timeout=10.0, trust_env=False) for path in paths)
        return "\n".join(f"{answer.headers}\n{answer.text}" for answer in answers)


@contextmanager
def watching(portal: BlockingPortal, path: Path, config: Mapping[str, Any], handed: Handed) -> Iterator[Watch]:
    """Run an exporter by this configuration, which is written to `path`, while the context is open."""
    path.write_text(yaml.safe_dump(dict(config)))
    stop, ready = asyncio.Event(), asyncio.Event()
    watch = portal.call(_make, path, handed)

    def announce(url: str) -> None:
        watch.url = url
        ready.set()

    done = portal.start_task_soon(watch._service.run, stop, announce)  # noqa: SLF001  # it is ours
    try:
        portal.call(ready.wait)
        yield watch
    finally:
        portal.call(stop.set)
        done.result(timeout=30)


async def _make(path: Path, handed: Handed) -> Watch:
    wiring = wire_probes(read_config(str(path)))
    wiring |= Wiring(schedules=tuple(handed.schedules()), collectors={"sources": sources.collect})
    poller = Poller(Snapshot(node=NODE), wiring.schedules)
    for follow in wiring.followers:
        follow(lambda: poller.snapshot)
    keeper = PageKeeper(poller, Exposition(wiring.collectors, wiring.select))
    return Watch(
        Service(
            keeper=keeper,
            poller=poller,
            identity=Identity(version="0", role="all"),
            listen=Listen(host=LOOPBACK, port=0),
            background=wiring.background,
            routes=dict(wiring.routes),
        )
    )
