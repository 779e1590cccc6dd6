"""Families of presence: how many cards each view counts, and which one the driver does not list."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter import catalogue as c
from exporter.facts import presence
from exporter.metric import Family
from exporter.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class PresenceCollector:
    """Compares what is there with what the configuration expects."""

    expected: int | None = None

    def collect(self, snapshot: Snapshot, _now: float) -> Iterator[Family]:
        """Yield the count of each view, and the cards that are missing."""
        node = snapshot.node
        counts = presence.views(snapshot, self.expected)
        yield c.GPUS.of(c.GPUS.sample(count, node=node, view=view) for view, count in counts.items())
        yield c.GPU_MISSING_INFO.of(
            c.GPU_MISSING_INFO.sample(1, node=node, pci_bus_id=bus_id) for bus_id in presence.missing(snapshot)
        )
