"""Which sources and collectors run for a role; each source's module is imported only where it runs.

The node role loads neither `kubernetes` nor anything that talks to an API server.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from exporter import catalogue as c
from exporter.collectors import devices, sources
from exporter.collectors.lanes import LaneCollector
from exporter.config import Config, Role
from exporter.exposition import Collector, Exposition
from exporter.landing import Identity
from exporter.metric import Family
from exporter.poll import Part, Poller, Schedule, Source
from exporter.server import Listen
from exporter.service import PageKeeper, Service
from exporter.snapshot import Allocations, Gpus, Snapshot, Workloads

if TYPE_CHECKING:
    from exporter.sources.nvml_reader import NvmlReader
    from exporter.sources.simulated import Stagehand

_SLOTS: Final = {  # source -> field of the snapshot
    "nvml": "gpus",
    "dcgm": "dcgm",
    "xpum": "xpum",
    "podresources": "allocations",
    "kubernetes": "workloads",
}
_INSTANT: Final = 1.0  # seconds between two looks at a source that only reads its own memory
_DEADLINE: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What runs: sources, what makes families of them, and what goes on in the background."""

    schedules: tuple[Schedule, ...] = ()
    collectors: Mapping[str, Collector] = field(default_factory=dict)
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    def __or__(self, other: "Wiring") -> "Wiring":
        """Return both."""
        return Wiring(
            schedules=self.schedules + other.schedules,
            collectors={**self.collectors, **other.collectors},
            background={**self.background, **other.background},
        )


async def wire_sources(config: Config, role: Role, stack: contextlib.AsyncExitStack) -> Wiring:
    """Return the real sources of a role, started; `stack` stops them."""
    wiring = Wiring(collectors={"sources": sources.collect})
    if role != "cluster":
        wiring |= await _wire_node(config, stack)
    if role != "node":
        wiring |= await _wire_cluster(config, stack)
    return wiring


def wire_simulated(config: Config, role: Role, hand: "Stagehand") -> Wiring:
    """Return the simulated sources of a role."""
    from exporter.sources.simulated import SimulatedCluster, SimulatedGpus, SimulatedKubelet  # noqa: PLC0415

    wiring = Wiring(collectors={"sources": sources.collect})
    if role != "cluster":
        wiring |= Wiring(
            schedules=(
                _schedule("nvml", SimulatedGpus(hand), Gpus),
                _schedule("podresources", SimulatedKubelet(hand), Allocations),
            ),
            collectors={"devices": devices.collect},
        )
    if role != "node":
        wiring |= Wiring(
            schedules=(_schedule("kubernetes", SimulatedCluster(hand), Workloads),),
            collectors={"lanes": LaneCollector(config.pools).collect},
        )
    return wiring


async def run(
    wiring: Wiring, first: Snapshot, identity: Identity, listen: Listen, announce: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT; `announce` gets the URL."""
    poller = Poller(first, wiring.schedules)
    itself = {"build": _build_info(identity, is_simulated=first.is_simulated)}
    keeper = PageKeeper(poller, Exposition({**itself, **wiring.collectors}))
    service = Service(keeper=keeper, poller=poller, identity=identity, listen=listen, background=wiring.background)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await service.run(stop, announce)


async def _wire_node(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    wiring = Wiring()
    if config.nvml.enabled:
        wiring |= await _wire_nvml(config, stack)
    if config.kubelet.enabled:
        from exporter.sources.podresources import PodResources  # noqa: PLC0415

        kubelet = PodResources(config.kubelet.socket)
        stack.push_async_callback(kubelet.close)
        wiring |= Wiring(
            schedules=(_schedule("podresources", kubelet, Allocations, every=config.kubelet.interval_seconds),)
        )
    return wiring


async def _wire_nvml(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    from exporter.sources.nvml_reader import NvmlReader  # noqa: PLC0415

    reader = NvmlReader(
        interval_seconds=config.nvml.interval_seconds,
        deadline_seconds=config.nvml.deadline_seconds,
        library=config.nvml.library,
    )
    await reader.start()
    stack.push_async_callback(reader.stop)
    return Wiring(
        schedules=(_schedule("nvml", reader, Gpus),),
        collectors={"devices": devices.collect, "reader": _reader(reader)},
    )


async def _wire_cluster(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    collectors: dict[str, Collector] = {"lanes": LaneCollector(config.pools).collect}
    if not config.kubernetes.enabled:
        return Wiring(collectors=collectors)
    from exporter.sources.kubernetes import KubernetesSource  # noqa: PLC0415

    source = KubernetesSource(config.kubernetes, config.pools)
    stack.callback(source.stop)
    return Wiring(schedules=(_schedule("kubernetes", source, Workloads),), collectors=collectors)


def _schedule(name: str, source: Source, part: type[Part], *, every: float = _INSTANT) -> Schedule:
    slot = _SLOTS[name]
    return Schedule(name=name, source=source, slot=slot, part=part, interval_seconds=every, deadline_seconds=_DEADLINE)


def _build_info(identity: Identity, *, is_simulated: bool) -> Collector:
    sample = c.BUILD_INFO.sample(
        1, version=identity.version, role=identity.role, simulated="yes" if is_simulated else "no"
    )
    return lambda _snapshot, _now: [c.BUILD_INFO.of([sample])]


def _reader(reader: "NvmlReader") -> Collector:
    def collect(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield c.READER_STUCK.of([c.READER_STUCK.sample(reader.stuck)])

    return collect
