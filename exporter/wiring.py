"""Which sources and collectors run for a role; each source's module is imported only where it runs.

The node role loads neither `kubernetes` nor anything that talks to an API server.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from exporter import catalogue as c
from exporter.cluster import Events, Nodes, Workloads
from exporter.collectors import devices, sources
from exporter.collectors.disagreement import DisagreementCollector
from exporter.collectors.nodes import NodeCollector
from exporter.collectors.ownership import OwnershipCollector
from exporter.collectors.presence import PresenceCollector
from exporter.collectors.processes import ProcessCollector
from exporter.collectors.xids import XidCollector
from exporter.config import Config, Role
from exporter.exposition import Collector, Exposition
from exporter.facts import attribution, xid
from exporter.facts.chosen import choose
from exporter.live import Live
from exporter.metric import Family
from exporter.poll import Poller
from exporter.reload import ask_all, collector_of
from exporter.service import Front, PageKeeper, Service
from exporter.snapshot import Allocations, Gpus, KernelLog, PciBus, Processes, Snapshot
from exporter.status import Identity
from exporter.wired import Wiring, schedule
from exporter.wiring_cluster import wire_cluster, wire_fleet, wire_lanes

if TYPE_CHECKING:
    from exporter.sources.nvml_reader import NvmlReader
    from exporter.sources.simulated_moment import Stagehand
    from exporter.xid_store import Kept, XidStore

_BUS_INTERVAL: Final = 30.0
_KUBELET_RETRY: Final = 4.0  # ownership is back within 5 s after a kubelet that restarts


async def wire_sources(config: Config, role: Role, stack: contextlib.AsyncExitStack) -> Wiring:
    """Return the real sources of a role, started; `stack` stops them."""
    wiring = await wire_machine(config, role, stack)
    return wiring if role == "node" else wiring | wire_cluster(config, role, stack)


async def wire_machine(config: Config, role: Role, stack: contextlib.AsyncExitStack) -> Wiring:
    """Return those of them that are bound to this machine, and stay until a restart."""
    wiring = Wiring(collectors={"sources": sources.collect})
    return wiring if role == "cluster" else wiring | await _wire_node(config, stack)


def wire_simulated(config: Config, role: Role, hand: "Stagehand") -> Wiring:
    """Return the simulated sources of a role."""
    from exporter.sources.simulated import SimulatedGpus, SimulatedKubelet  # noqa: PLC0415
    from exporter.sources.simulated_processes import SimulatedProcesses  # noqa: PLC0415

    wiring = Wiring(collectors={"sources": sources.collect})
    if role != "cluster":
        wiring |= Wiring(
            schedules=(
                schedule("nvml", SimulatedGpus(hand), Gpus),
                schedule("podresources", SimulatedKubelet(hand), Allocations),
                schedule("processes", SimulatedProcesses(hand), Processes),
            ),
            collectors={
                "xids": XidCollector(xid.table(config.xid.overrides)).collect,
                "presence": PresenceCollector(config.presence.expected_gpus).collect,
                "processes": ProcessCollector(config.processes.top).collect,
                "devices": devices.collect,
                "ownership": OwnershipCollector().collect,
            },
        )
    if role != "node":
        wiring |= _wire_simulated_cluster(config, hand) | wire_lanes(config) | wire_fleet(config)
    return wiring


def _wire_simulated_cluster(config: Config, hand: "Stagehand") -> Wiring:
    from exporter.sources import simulated_cluster as cluster  # noqa: PLC0415
    from exporter.sources.simulated_stage import NODE  # noqa: PLC0415

    node = config.node or NODE
    return Wiring(
        schedules=(
            schedule("kubernetes", cluster.SimulatedCluster(hand, partial(cluster.workloads, node=node)), Workloads),
            schedule("nodes", cluster.SimulatedCluster(hand, partial(cluster.nodes, node=node)), Nodes),
            schedule("events", cluster.SimulatedCluster(hand, cluster.events), Events),
        )
    )


async def run(wiring: Wiring, first: Snapshot, front: Front, live: Live | None = None) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reads the files that are followed again."""
    wiring |= _wire_itself(front, is_simulated=first.is_simulated)
    wiring = live.start(wiring) if live else wiring
    poller = Poller(first, wiring.schedules)
    for follow in wiring.followers:
        follow(lambda: poller.snapshot)
    service = Service(
        keeper=PageKeeper(poller, Exposition(wiring.collectors, wiring.select)),
        poller=poller,
        identity=front.identity,
        listen=front.listen,
        background=wiring.background,
        routes=dict(wiring.routes),
    )
    if live:
        live.exchange_by(service.exchange)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, ask_all, front.reloaders)
    await service.run(stop, front.announce)


async def _wire_node(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    wiring = _wire_xids(config, stack) | _wire_presence(config)
    if config.nvml.enabled:
        wiring |= await _wire_nvml(config, stack)
    wiring |= _wire_exporters(config)
    wiring |= _wire_processes(config)
    if config.kubelet.enabled:
        from exporter.sources.podresources import PodResources  # noqa: PLC0415

        every = config.kubelet.interval_seconds
        # whatever the kubelet last said is gone within two intervals, the reading that finds it out included
        kubelet = PodResources(config.kubelet.socket, keep_seconds=2 * every - min(every, _KUBELET_RETRY))
        stack.push_async_callback(kubelet.close)
        scheduled = schedule("podresources", kubelet, Allocations, every=every)
        wiring |= Wiring(schedules=(replace(scheduled, retry_seconds=_KUBELET_RETRY),))
    return wiring | Wiring(collectors={"ownership": OwnershipCollector().collect})


def _wire_processes(config: Config) -> Wiring:
    """Wire whose memory it is; without a sight of the node's processes that is a sum of its own."""
    from exporter.sources.processes import ProcessTable, is_in_sight  # noqa: PLC0415

    settings = config.processes
    wiring = Wiring(collectors={"processes": ProcessCollector(settings.top).collect})
    if settings.read == "never" or (settings.read == "auto" and not is_in_sight(settings.proc)):
        return wiring
    table = ProcessTable(settings, config.kubelet.pod_logs)
    return wiring | Wiring(
        schedules=(schedule("processes", table, Processes, every=settings.interval_seconds),),
        followers=(lambda look: table.follow(lambda: attribution.pids(look())),),
    )


def _wire_xids(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    """Wire what books Xids; the kernel log goes on where the kept counts end."""
    from exporter.xid_store import Kept, XidStore, read_boot_id, store_path  # noqa: PLC0415

    path = store_path(config.xid.store)
    store = XidStore(path, read_boot_id()) if path else None
    kept = store.load(time.time()) if store else Kept()
    collector = XidCollector(xid.table(config.xid.overrides), kept.ledger)
    wiring = Wiring(collectors={"xids": collector.collect})
    if store:
        stack.callback(lambda: store.save(collector.ledger, time.time()))
        wiring |= Wiring(
            collectors={"xid_store": _store_errors(store)},
            background={"xid store": lambda: store.follow(lambda: collector.ledger)},
        )
    return wiring | _wire_kernel_log(config, stack, kept)


def _wire_kernel_log(config: Config, stack: contextlib.AsyncExitStack, kept: "Kept") -> Wiring:
    from exporter.sources.kernel_log import KernelLogSource, is_readable  # noqa: PLC0415

    settings = config.kernel_log
    if settings.read == "never" or (settings.read == "auto" and not is_readable(settings.path)):
        return Wiring()
    source = KernelLogSource(settings.path, after=kept.ledger.sequence, since=kept.since)
    stack.callback(source.close)
    return Wiring(schedules=(schedule("kernel_log", source, KernelLog),))


def _wire_presence(config: Config) -> Wiring:
    from exporter.sources.pci import Pci  # noqa: PLC0415

    bus = Pci(config.presence.pci_devices)
    return Wiring(
        schedules=(schedule("pci", bus, PciBus, every=_BUS_INTERVAL),),
        collectors={"presence": PresenceCollector(config.presence.expected_gpus).collect},
    )


async def _wire_nvml(config: Config, stack: contextlib.AsyncExitStack) -> Wiring:
    from exporter.sources.nvml_reader import NvmlReader  # noqa: PLC0415

    reader = NvmlReader(config.nvml)
    await reader.start()
    stack.push_async_callback(reader.stop)
    return Wiring(
        schedules=(schedule("nvml", reader, Gpus),),
        collectors={"devices": devices.collect, "reader": _reader(reader)},
    )


def _wire_exporters(config: Config) -> Wiring:
    wiring = Wiring(select=partial(choose, source=config.gpu_source))
    if config.dcgm is not None:
        from exporter.sources.dcgm import Dcgm  # noqa: PLC0415

        dcgm = schedule("dcgm", Dcgm(config.dcgm.url), Gpus, every=config.dcgm.interval_seconds)
        both = {"devices": devices.collect, "disagreement": DisagreementCollector().collect}
        wiring |= Wiring(schedules=(dcgm,), collectors=both)
    if config.dcgm is not None or config.xpum is not None:  # two views of the cards, which may differ
        wiring |= Wiring(collectors={"nodes": NodeCollector(config.node_baseline).collect})
    if config.xpum is not None:
        from exporter.sources.xpum import Xpum  # noqa: PLC0415

        xpum = schedule("xpum", Xpum(config.xpum.url), Gpus, every=config.xpum.interval_seconds)
        wiring |= Wiring(schedules=(xpum,), collectors={"devices": devices.collect})
    return wiring


def _wire_itself(front: Front, *, is_simulated: bool) -> Wiring:
    return Wiring(
        collectors={
            "build": _build_info(front.identity, is_simulated=is_simulated),
            "reload": collector_of(front.reloaders),
        },
        background={f"reload {one.name}": one.follow for one in front.reloaders},
    )


def _build_info(identity: Identity, *, is_simulated: bool) -> Collector:
    sample = c.BUILD_INFO.sample(
        1, version=identity.version, role=identity.role, simulated="yes" if is_simulated else "no"
    )
    return lambda _snapshot, _now: [c.BUILD_INFO.of([sample])]


def _reader(reader: "NvmlReader") -> Collector:
    def collect(_snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield c.READER_STUCK.of([c.READER_STUCK.sample(reader.stuck)])

    return collect


def _store_errors(store: "XidStore") -> Collector:
    def collect(snapshot: Snapshot, _now: float) -> Iterator[Family]:
        yield c.XID_STORE_ERRORS.of([c.XID_STORE_ERRORS.sample(store.errors, node=snapshot.node)])

    return collect
