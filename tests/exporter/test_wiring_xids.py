"""Xids as they are wired: kernel log, collector and store, over a restart of the whole node agent."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from exporter import catalogue as c
from exporter.config import Config, Kubelet, Nvml
from exporter.config_xid import KernelLog, Presence, Xid
from exporter.exposition import Exposition
from exporter.poll import Poller
from exporter.snapshot import Snapshot
from exporter.wiring import wire_sources

_UUID = "GPU-6f1c2a34-0000-4000-8000-00000000a001"
_NAME = f"4,1,1,-;NVRM: GPU at PCI:0000:01:00: {_UUID}\n"
_XID = "4,{},2,-;NVRM: Xid (PCI:0000:01:00): 79, pid=1, name=x\n"


def _node(directory: Path) -> Config:
    return Config(
        nvml=Nvml(enabled=False),
        kubelet=Kubelet(enabled=False),
        kernel_log=KernelLog(read="always", path=str(directory / "kmsg")),
        xid=Xid(store=str(directory / "xids.json")),
        presence=Presence(expected_gpus=1, pci_devices=str(directory)),
    )


async def _live(config: Config) -> dict[str, float]:
    """Run one life of the agent; what it says of this card's Xid 79, and of the cards it expects."""
    async with contextlib.AsyncExitStack() as stack:
        wiring = await wire_sources(config, "node", stack)
        poller = Poller(Snapshot(node="n"), wiring.schedules)
        for schedule in wiring.schedules:
            await poller.read_once(schedule)
        families = Exposition(wiring.collectors).prepare(poller.snapshot, 1e9).families
        found = {family.metric: family.samples for family in families.values()}
        counts = {sample.labels[2]: sample.value for sample in found.get(c.GPU_XID_ERRORS, ())}
        return counts | {sample.labels[1]: sample.value for sample in found[c.GPUS]}


def test_counts_go_on_after_a_restart_and_no_line_counts_twice(tmp_path: Path) -> None:
    config = _node(tmp_path)
    log = tmp_path / "kmsg"
    log.write_text(_NAME + _XID.format(2), encoding="utf-8")
    assert asyncio.run(_live(config)) == {"79": 1, "expected": 1, "pci": 0}
    log.write_text(_NAME + _XID.format(2) + _XID.format(3), encoding="utf-8")
    assert asyncio.run(_live(config))["79"] == 2
    assert asyncio.run(_live(config))["79"] == 2


def test_a_node_without_a_kernel_log_says_so_and_goes_on(tmp_path: Path) -> None:
    assert asyncio.run(_live(_node(tmp_path))) == {"expected": 1, "pci": 0}


def test_a_log_that_may_not_be_read_is_no_fault_where_nobody_asked_for_it(tmp_path: Path) -> None:
    """Reading it is a privilege that most node agents do not have: a source that is down would alert on all of them."""
    quiet = msgspec.structs.replace(_node(tmp_path), kernel_log=KernelLog(path=str(tmp_path / "kmsg")))
    assert "kernel_log" not in asyncio.run(_wired(quiet))
    assert "kernel_log" in asyncio.run(_wired(_node(tmp_path)))


async def _wired(config: Config) -> set[str]:
    async with contextlib.AsyncExitStack() as stack:
        return {schedule.name for schedule in (await wire_sources(config, "node", stack)).schedules}
