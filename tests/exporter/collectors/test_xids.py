"""The families of Xids: both sources, twice in a row, a restart in between, and who held the card."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter import catalogue as c
from exporter.collectors.xids import XidCollector
from exporter.config_xid import XidOverride
from exporter.facts.xid import XIDS_THAT_ALERT, table
from exporter.metric import Metric
from exporter.snapshot import Allocation, Allocations, Device, Gpus, KernelLog, KernelXid, Snapshot, XidCount
from exporter.sources.kernel_log import KernelLogSource
from exporter.xid_store import XidStore
from fakes.nvml.rig import reading
from fakes.nvml.scenario import reference_node

_AT = 1_790_000_000.0
_CARD = Device(uuid="GPU-a", index=0, pci_bus_id="00000000:01:00.0", xids=())
_OWNED = Allocations(
    containers=(
        Allocation(namespace="vllm", pod="p", container="server", resource="nvidia.com/gpu", device_ids=("GPU-a",)),
    )
)


def _told(*counts: tuple[int, int, float], log: KernelLog | None = None) -> Snapshot:
    """Return a node whose driver told of (code, how often, when last)."""
    xids = tuple(XidCount(code=code, count=count, last_at=at) for code, count, at in counts)
    gpus = Gpus(source="nvml", devices=(replace(_CARD, xids=xids),))
    return Snapshot(node="n", gpus=gpus, allocations=_OWNED, kernel_log=log)


def _line(number: int, code: int, at: float, pci: str = "0000:01:00.0") -> KernelXid:
    return KernelXid(number=number, pci_bus_id=pci, code=code, at=at, sequence=number + 100)


def _log(*xids: KernelXid) -> KernelLog:
    return KernelLog(xids=xids)


def _series(
    collector: XidCollector, snapshot: Snapshot, metric: Metric, now: float = _AT
) -> dict[tuple[str, ...], float]:
    families = {family.metric: family for family in collector.collect(snapshot, now)}
    return {sample.labels: sample.value for sample in families[metric].samples} if metric in families else {}


def _counts(collector: XidCollector, snapshot: Snapshot) -> dict[int, float]:
    """Return the counts above 0 by code."""
    series = _series(collector, snapshot, c.GPU_XID_ERRORS)
    return {int(labels[2]): value for labels, value in series.items() if value}


def test_the_codes_that_alert_are_born_at_zero() -> None:
    series = _series(XidCollector(), _told(), c.GPU_XID_ERRORS)
    assert set(series.values()) == {0}
    assert {int(labels[2]) for labels in series} == XIDS_THAT_ALERT
    assert ("n", "GPU-a", "79", "hardware", "reboot_node") in series


def test_nobody_watches_nothing_is_born() -> None:
    """0 would say that there was no Xid, and nobody knows."""
    snapshot = Snapshot(node="n", gpus=Gpus(source="nvml", devices=(replace(_CARD, xids=None),)))
    assert _series(XidCollector(), snapshot, c.GPU_XID_ERRORS) == {}
    watched = replace(snapshot, kernel_log=KernelLog())
    assert _series(XidCollector(), watched, c.GPU_XID_ERRORS)


def test_the_same_twice_between_two_looks_counts_twice() -> None:
    collector = XidCollector()
    assert _counts(collector, _told((31, 1, _AT))) == {31: 1}
    assert _counts(collector, _told((31, 3, _AT + 1))) == {31: 3}
    assert _counts(collector, _told((31, 3, _AT + 1))) == {31: 3}


_ORDERS = [
    pytest.param([_told((79, 1, _AT)), _told((79, 1, _AT), log=_log(_line(1, 79, _AT + 0.2)))], id="the driver first"),
    pytest.param([_told(log=_log(_line(1, 79, _AT))), _told((79, 1, _AT + 0.2))], id="the kernel log first"),
    pytest.param([_told((79, 1, _AT), log=_log(_line(1, 79, _AT)))], id="at once"),
]


@pytest.mark.parametrize("snapshots", _ORDERS)
def test_one_event_from_both_sources_counts_once(snapshots: list[Snapshot]) -> None:
    collector = XidCollector()
    assert [_counts(collector, snapshot) for snapshot in snapshots][-1] == {79: 1}


def test_what_only_one_source_saw_counts_too() -> None:
    """Peers never see 79, 119 and 120, because NVML does not always tell of them."""
    snapshot = _told((31, 1, _AT), log=_log(_line(1, 119, _AT), _line(2, 31, _AT + 600)))
    assert _counts(XidCollector(), snapshot) == {31: 2, 119: 1}


def test_the_kernel_log_waits_until_the_card_is_known() -> None:
    """It is read before the driver answers; its lines have only the address."""
    collector = XidCollector()
    early = Snapshot(node="n", kernel_log=_log(_line(1, 79, _AT)))
    assert _counts(collector, early) == {}
    assert _series(collector, early, c.GPU_UNLISTED_XID_ERRORS) == {}
    assert _counts(collector, _told(log=_log(_line(1, 79, _AT)))) == {79: 1}


def test_a_card_that_the_driver_never_listed_has_its_own_series() -> None:
    snapshot = _told(log=_log(_line(1, 79, _AT, "0000:02:00.0")))
    expected = {("n", "0000:02:00.0", "79", "hardware", "reboot_node"): 1.0}
    assert _series(XidCollector(), snapshot, c.GPU_UNLISTED_XID_ERRORS) == expected


def test_a_switch_has_a_family_of_its_own() -> None:
    line = replace(_line(1, 20034, _AT, "0000:85:00.0"), is_switch=True, count=2)
    assert _series(XidCollector(), _told(log=_log(line)), c.NVSWITCH_SXID_ERRORS) == {
        ("n", "0000:85:00.0", "20034"): 2.0
    }


def test_an_unknown_code_is_counted_as_unknown() -> None:
    series = _series(XidCollector(), _told((901, 1, _AT)), c.GPU_XID_ERRORS)
    assert series["n", "GPU-a", "901", "unknown", "look_up"] == 1


def test_an_operator_s_table_is_used() -> None:
    mine = table([XidOverride(code=13, xid_class="hardware", action="reset_gpu")])
    series = _series(XidCollector(mine), _told(), c.GPU_XID_ERRORS)
    assert ("n", "GPU-a", "13", "hardware", "reset_gpu") in series


def test_when_last_is_the_latest_of_both_sources() -> None:
    snapshot = _told((79, 1, _AT), log=_log(_line(1, 79, _AT + 2)))
    assert _series(XidCollector(), snapshot, c.GPU_XID_LAST) == {("n", "GPU-a", "79"): _AT + 2}


def test_a_time_that_nobody_knows_is_absent() -> None:
    """DCGM counts, and does not always say when."""
    collector = XidCollector()
    assert _series(collector, _told((79, 1, float("nan"))), c.GPU_XID_LAST) == {}
    assert _counts(collector, _told((79, 1, float("nan")))) == {79: 1}


def test_who_held_the_card_at_that_moment_stays() -> None:
    """When people look, the pod is gone."""
    collector = XidCollector()
    expected = {("n", "GPU-a", "79", "vllm", "p", "server"): 1.0}
    assert _series(collector, _told((79, 1, _AT)), c.GPU_XID_OWNER_INFO) == expected
    later = replace(_told((79, 1, _AT)), allocations=Allocations())
    assert _series(collector, later, c.GPU_XID_OWNER_INFO, _AT + 600) == expected


def test_who_holds_the_card_now_is_not_blamed_for_an_old_event() -> None:
    snapshot = _told(log=_log(_line(1, 79, _AT - 3600)))
    assert _series(XidCollector(), snapshot, c.GPU_XID_OWNER_INFO) == {}


def test_owners_are_bounded_and_the_newest_codes_stay() -> None:
    collector = XidCollector()
    for code in range(1, 41):
        snapshot = _told(*((one, 1, _AT) for one in range(1, code + 1)))
        series = _series(collector, snapshot, c.GPU_XID_OWNER_INFO)
    assert {int(labels[2]) for labels in series} == set(range(9, 41))


def test_an_event_is_one_log_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    collector = XidCollector()
    line = replace(_line(1, 79, _AT), pid=4711)
    for _ in range(3):
        list(collector.collect(_told((79, 1, _AT), log=_log(line)), _AT))
    said = (
        "xid 79 of GPU-a at 2026-09-21T14:13:20+00:00, 1 new, from the kernel: the card fell off the bus; "
        "class hardware, first reboot_node; held by vllm/p/server, process 4711"
    )
    assert [record.getMessage() for record in caplog.records] == [said]


def test_another_source_that_speaks_for_the_card_does_not_count_anew() -> None:
    """NVML stops to answer and DCGM takes over: it counted the same events."""
    collector = XidCollector()
    nvml = _told((31, 2, _AT))
    dcgm = replace(nvml, gpus=replace(nvml.gpus or Gpus(source=""), source="dcgm"))
    assert [_counts(collector, one) for one in (nvml, dcgm, nvml)] == [{31: 2}] * 3


def _after_restart(path: Path, collector: XidCollector) -> XidCollector:
    assert XidStore(path, "boot").save(collector.ledger, _AT)
    return XidCollector(ledger=XidStore(path, "boot").load(_AT).ledger)


def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    first = XidCollector()
    assert _counts(first, _told((31, 2, _AT))) == {31: 2}
    second = _after_restart(tmp_path / "x", first)
    assert _counts(second, _told()) == {31: 2}
    assert _counts(second, _told((31, 1, _AT + 60))) == {31: 3}


def test_a_restart_between_the_two_tellings_doubles_nothing(tmp_path: Path) -> None:
    """The driver told, we were restarted, and then the kernel log tells of the same event."""
    first = XidCollector()
    assert _counts(first, _told((79, 1, _AT))) == {79: 1}
    second = _after_restart(tmp_path / "x", first)
    assert _counts(second, _told(log=_log(_line(1, 79, _AT + 0.3)))) == {79: 1}
    assert second.ledger.sequence == 101


def test_a_card_that_is_gone_after_a_restart_keeps_its_name(tmp_path: Path) -> None:
    first = XidCollector()
    assert _counts(first, _told()) == {}
    second = _after_restart(tmp_path / "x", first)
    gone = Snapshot(node="n", gpus=Gpus(source="nvml"), kernel_log=_log(_line(1, 79, _AT)))
    assert _counts(second, gone) == {79: 1}


@contextlib.contextmanager
def _listening(path: Path, store: Path) -> Iterator[tuple[KernelLogSource, XidCollector]]:
    """Give the kernel log and the collector as they are wired, and keep the counts at the end."""
    kept = XidStore(store, "boot").load(time.time())
    source = KernelLogSource(str(path), after=kept.ledger.sequence, since=kept.since)
    collector = XidCollector(ledger=kept.ledger)
    yield source, collector
    source.close()
    XidStore(store, "boot").save(collector.ledger, time.time())


def _append(path: Path, lines: list[tuple[int, int]]) -> None:
    """Write (number of the line, code) as the kernel does."""
    with path.open("a", encoding="utf-8") as file:
        for sequence, code in lines:
            at = int(time.monotonic() * 1e6)
            file.write(f"4,{sequence},{at},-;NVRM: Xid (PCI:0000:01:00): {code}, pid=1, name=x\n")


def test_the_log_between_two_lives_is_read_once(tmp_path: Path) -> None:
    """Two events while we run, one while we do not, and one after: four, over three lives."""
    path, store = tmp_path / "kmsg", tmp_path / "xids.json"
    path.write_text("", encoding="utf-8")
    counted = []
    for while_running, while_stopped in ([(1, 119), (2, 119)], []), ([(3, 119)], [(30, 79)]), ([], []):
        with _listening(path, store) as (source, collector):
            asyncio.run(source.read())
            _append(path, while_running)
            counted.append(_counts(collector, _told(log=asyncio.run(source.read()))))
        _append(path, while_stopped)
    assert counted == [{119: 2}, {119: 3}, {119: 3, 79: 1}]
    assert json.loads(store.read_text(encoding="utf-8"))["sequence"] == 30


def test_a_real_driver_s_event_and_its_line_count_once(tmp_path: Path) -> None:
    """The real binding in its real child, and a real FIFO."""
    path = tmp_path / "kmsg"
    path.write_text("", encoding="utf-8")
    source, collector = KernelLogSource(str(path)), XidCollector()

    async def main() -> dict[int, float]:
        (tmp_path / "nvml").mkdir()
        async with reading(tmp_path / "nvml", reference_node()) as rig:
            card = await rig.device(lambda device: device.xids == ())
            address = card.pci_bus_id.removeprefix("0000").removesuffix(".0")
            await source.read()
            rig.scenario.happen(0, 79)
            path.write_text(f"4,1,1,-;NVRM: Xid (PCI:{address}): 79, pid=1, name=x\n", encoding="utf-8")
            gpus = await rig.until(lambda gpus: bool(gpus.devices[0].xids))
            return _counts(collector, Snapshot(node="n", gpus=gpus, kernel_log=await source.read()))

    assert asyncio.run(main()) == {79: 1}
    source.close()
