"""The cluster watcher as it is wired, but read and judged only when a test looks, at a time that the test moves on."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import msgspec

from exporter.config import Config
from exporter.exposition import Exposition, Page
from exporter.metric import Metric, Sample
from exporter.poll import Poller
from exporter.snapshot import Snapshot, SourceState
from exporter.wired import Wiring
from exporter.wiring import wire_sources


class Watcher:
    """Reads every source of the role, renders the page, and answers questions about it."""

    def __init__(self, wiring: Wiring, runner: asyncio.Runner) -> None:
        self._schedules = wiring.schedules
        self._poller = Poller(Snapshot(node="watcher"), wiring.schedules)
        self._exposition = Exposition(wiring.collectors, wiring.select)
        self._runner = runner
        self._ahead_seconds = 0.0
        for follow in wiring.followers:
            follow(lambda: self._poller.snapshot)

    def skip(self, seconds: float) -> None:
        """Let so much time go by for whoever judges."""
        self._ahead_seconds += seconds

    def look(self) -> Page:
        """Read all sources once and return the page."""
        for schedule in self._schedules:
            self._runner.run(self._poller.read_once(schedule))
        # the server stamps its objects by the true clock, so the judge's time starts from it
        return self._exposition.prepare(self._poller.snapshot, time.time() + self._ahead_seconds)

    def failures(self) -> dict[str, str]:
        """Read all sources once and return, of each that does not work, what kind of error it gave."""
        before = {name: state.errors for name, state in self._states().items()}
        self.look()
        return {
            name: kind
            for name, state in self._states().items()
            for kind, count in state.errors.items()
            if not state.is_up and count > before[name].get(kind, 0)
        }

    def _states(self) -> Mapping[str, SourceState]:
        return self._poller.snapshot.sources


@contextmanager
def watching(config: Mapping[str, Any]) -> Iterator[Watcher]:
    """Run the cluster role by this configuration, without agents, while the context is open."""
    settings = msgspec.convert({"agents": {"enabled": False}, **config}, Config)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            yield Watcher(runner.run(wire_sources(settings, "cluster", stack)), runner)
        finally:
            runner.run(stack.aclose())


def samples(page: Page, metric: Metric, **labels: str) -> list[tuple[dict[str, str], Sample]]:
    """Return the series of `metric` on the page that carry these labels."""
    family = page.families.get(metric.name)
    found = [(dict(zip(metric.labels, one.labels, strict=True)), one) for one in family.samples] if family else []
    return [(named, one) for named, one in found if labels.items() <= named.items()]


def values(page: Page, metric: Metric, **labels: str) -> list[float]:
    """Return the values of those series."""
    return [one.value for _, one in samples(page, metric, **labels)]


def holding(page: Page, metric: Metric, label: str, **labels: str) -> set[str]:
    """Return the values of `label` among those series that are 1: which of a set of states or reasons holds."""
    return {named[label] for named, one in samples(page, metric, **labels) if one.value == 1}
