"""What a role runs, as data: sources and their schedules, what makes families of them, and what goes on beside."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from exporter.exposition import Collector, Select, as_it_is
from exporter.poll import Part, Schedule, Source
from exporter.route import Handler
from exporter.snapshot import Snapshot

_SLOTS: Final = {  # source -> field of the snapshot
    "nvml": "gpus",
    "dcgm": "dcgm",
    "xpum": "xpum",
    "podresources": "allocations",
    "processes": "processes",
    "kernel_log": "kernel_log",
    "pci": "pci",
    "kubernetes": "workloads",
    "nodes": "nodes",
    "claims": "dra",
    "events": "events",
    "agents": "agents",
    "answers": "answers",
    "backends": "backends",
}
_INSTANT: Final = 1.0  # seconds between two looks at a source that only reads its own memory
_DEADLINE: Final = 5.0


class Memory(Protocol):
    """What holds counters, and can go on where one before it, of an older configuration, stood."""

    def adopt(self, before: Any) -> None:  # noqa: ANN401  # one of its own kind
        """Take over what `before` counted, of what the configuration still has."""
        ...


Follower = Callable[[Callable[[], Snapshot]], None]
"""What must know what other sources said: it is told, before anything runs, where the present snapshot stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What runs: sources, what makes families of them, what goes on in the background, and pages beside `/metrics`."""

    schedules: tuple[Schedule, ...] = ()
    collectors: Mapping[str, Collector] = field(default_factory=dict)
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    followers: tuple[Follower, ...] = ()
    select: Select = as_it_is
    routes: Mapping[str, Handler] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)

    def __or__(self, other: "Wiring") -> "Wiring":
        """Return both."""
        return Wiring(
            schedules=self.schedules + other.schedules,
            collectors={**self.collectors, **other.collectors},
            background={**self.background, **other.background},
            followers=self.followers + other.followers,
            select=self.select if other.select is as_it_is else other.select,
            routes={**self.routes, **other.routes},
            memories={**self.memories, **other.memories},
        )


def schedule(name: str, source: Source, part: type[Part], *, every: float = _INSTANT) -> Schedule:
    """Return how the source `name` is read; its field of the snapshot goes by its name."""
    slot = _SLOTS[name]
    return Schedule(name=name, source=source, slot=slot, part=part, interval_seconds=every, deadline_seconds=_DEADLINE)
