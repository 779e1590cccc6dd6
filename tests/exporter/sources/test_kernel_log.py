"""The kernel log through real files and FIFOs: what was there, what comes, and what may not be read."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.snapshot import KernelLog
from exporter.sources.kernel_log import KernelLogSource
from fakes.unprivileged import unprivileged

_XID = "NVRM: Xid (PCI:0000:01:00): {code}, pid=4711, name=python3, and more"
_FELL = "NVRM: GPU 0000:01:00.0: GPU has fallen off the bus."


def _record(sequence: int, text: str, *, priority: int = 4, seconds: float | None = None) -> str:
    """Return one line as /dev/kmsg gives it; the time is the kernel's, in microseconds since boot."""
    at = time.monotonic() if seconds is None else seconds
    return f"{priority},{sequence},{int(at * 1e6)},-;{text}\n"


def _codes(log: KernelLog) -> list[tuple[int, int]]:
    return [(xid.code, xid.count) for xid in log.xids]


def _read(source: KernelLogSource) -> KernelLog:
    return asyncio.run(source.read())


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_what_is_there_since_boot_is_read_and_then_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text(_record(1, "Linux version 6.12") + _record(2, _XID.format(code=31), seconds=1), encoding="utf-8")
    source = KernelLogSource(str(path))
    old = _read(source).xids[0]
    assert (old.code, old.pci_bus_id, old.sequence, old.pid) == (31, "0000:01:00.0", 2, 4711)
    assert old.at == pytest.approx(time.time() - time.monotonic() + 1, abs=1)
    _append(path, _record(3, _XID.format(code=79)))
    new = _read(source).xids[1]
    assert (new.code, new.number > old.number) == (79, True)
    assert new.at == pytest.approx(time.time(), abs=2)
    source.close()


def test_the_same_twice_between_two_looks_counts_twice(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text("", encoding="utf-8")
    source = KernelLogSource(str(path))
    _read(source)
    _append(path, _record(1, _XID.format(code=13)) + _record(2, _XID.format(code=13)))
    assert sum(xid.count for xid in _read(source).xids) == 2
    source.close()


def test_what_was_taken_before_a_restart_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text("".join(_record(n, _XID.format(code=60 + n)) for n in range(1, 5)), encoding="utf-8")
    source = KernelLogSource(str(path), after=3)
    assert _codes(_read(source)) == [(64, 1)]
    source.close()


def test_what_the_driver_s_events_told_already_is_passed_over(tmp_path: Path) -> None:
    """The log may be read for the first time while counts of this boot exist: they hold its older lines."""
    path = tmp_path / "kmsg"
    path.write_text(_record(1, _XID.format(code=31), seconds=1) + _record(2, _XID.format(code=79)), encoding="utf-8")
    source = KernelLogSource(str(path), since=time.time() - 60)
    assert _codes(_read(source)) == [(79, 1)]
    source.close()


def test_user_space_may_quote_an_xid(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text(_record(1, _XID.format(code=79), priority=30), encoding="utf-8")
    source = KernelLogSource(str(path))
    assert _read(source).xids == ()
    source.close()


_FALLS = [
    pytest.param([_XID.format(code=79), _FELL], 1, id="as drivers print it"),
    pytest.param([_FELL, _XID.format(code=79)], 1, id="the other way round"),
    pytest.param([_FELL], 1, id="without an Xid"),
    pytest.param([_XID.format(code=79), _FELL, _XID.format(code=79), _FELL], 2, id="twice"),
    pytest.param([_XID.format(code=79), _XID.format(code=79)], 2, id="two Xids"),
]


@pytest.mark.parametrize(("texts", "expected"), _FALLS)
def test_a_card_falls_off_the_bus_once_although_it_is_told_twice(
    tmp_path: Path, texts: list[str], expected: int
) -> None:
    path = tmp_path / "kmsg"
    path.write_text("".join(_record(n, text) for n, text in enumerate(texts)), encoding="utf-8")
    source = KernelLogSource(str(path))
    log = _read(source)
    assert (sum(xid.count for xid in log.xids), {xid.code for xid in log.xids}) == (expected, {79})
    source.close()


def test_a_fifo_is_followed_and_never_waited_for(tmp_path: Path) -> None:
    """As the device: it is silent for hours, and a line may come in two parts."""
    path = tmp_path / "log"
    os.mkfifo(path)
    source = KernelLogSource(str(path))
    started = time.monotonic()
    assert _read(source).xids == ()
    assert time.monotonic() - started < 0.5
    line = f"Nov 21 02:00:00 gpu-worker-1 kernel: [  12.3] {_XID.format(code=119)}\n".encode()
    with path.open("wb", buffering=0) as writer:
        writer.write(line[:70])
        assert _read(source).xids == ()
        writer.write(line[70:])
        assert _codes(_read(source)) == [(119, 1)]
    assert _codes(_read(source)) == [(119, 1)]
    source.close()


def test_old_lines_of_a_syslog_do_not_count(tmp_path: Path) -> None:
    """They carry no number: nobody can tell whether they were counted before a restart."""
    path = tmp_path / "kern.log"
    path.write_text(_XID.format(code=31) + "\n", encoding="utf-8")
    source = KernelLogSource(str(path))
    assert _read(source).xids == ()
    _append(path, _XID.format(code=79) + "\n")
    assert _codes(_read(source)) == [(79, 1)]
    source.close()


def test_a_rotated_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    path.write_text("begin\n", encoding="utf-8")
    source = KernelLogSource(str(path))
    _read(source)
    path.rename(tmp_path / "kern.log.1")
    path.write_text(_XID.format(code=48) + "\n", encoding="utf-8")
    assert _codes(_read(source)) == [(48, 1)]
    source.close()


def test_a_switch_and_a_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    uuid = "GPU-6f1c2a34-0000-4000-8000-00000000a001"
    lines = ["nvidia-nvswitch3: SXid (PCI:0000:85:00.0): 20034, Fatal, Link 30", f"NVRM: GPU at PCI:0000:01:00: {uuid}"]
    path.write_text("".join(_record(n, text) for n, text in enumerate(lines)), encoding="utf-8")
    source = KernelLogSource(str(path))
    log = _read(source)
    assert [(xid.is_switch, xid.code) for xid in log.xids] == [(True, 20034)]
    assert log.addresses == {"0000:01:00.0": uuid}
    source.close()


def test_a_flood_costs_little_and_a_storm_is_counted_whole(tmp_path: Path) -> None:
    """100,000 lines of others, 5,000 Xids of one code, and one line without an end."""
    path = tmp_path / "kmsg"
    others = "".join(_record(n, "usb 1-1: new high-speed USB device") for n in range(100_000))
    storm = "".join(_record(100_000 + n, _XID.format(code=31)) for n in range(5_000))
    path.write_text(others + storm + _record(200_000, "x" * 1_000_000) + _record(200_001, _FELL), encoding="utf-8")
    source = KernelLogSource(str(path))
    started = time.process_time()
    logs = [_read(source) for _ in range(20)]
    assert time.process_time() - started < 3
    log = logs[-1]
    counts = {code: sum(xid.count for xid in log.xids if xid.code == code) for code in (31, 79)}
    assert (counts, len(log.xids) < 50) == ({31: 5_000, 79: 1}, True)
    source.close()


def test_different_errors_are_bounded_and_the_rest_is_told(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text("".join(_record(n, _XID.format(code=n), seconds=5) for n in range(1, 301)), encoding="utf-8")
    source = KernelLogSource(str(path))
    log = _read(source)
    assert (len(log.xids), log.lost) == (200, 100)
    source.close()


@pytest.mark.parametrize("junk", [b"\x00\xff\xfe\n", b"1,2,3,-;\n", b",,,;;;\n", b"9" * 9000 + b"\n", b"\n\n\n"])
def test_junk_is_no_xid(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "kmsg"
    path.write_bytes(junk + _record(7, _XID.format(code=79)).encode())
    source = KernelLogSource(str(path))
    assert _codes(_read(source)) == [(79, 1)]
    source.close()


def test_a_log_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    """And what was written while it could not be read is left to the driver's events, which were watched."""
    path = tmp_path / "kmsg"
    source = KernelLogSource(str(path))
    with pytest.raises(SourceError, match=r"kernel_log\.read: never") as refused:
        _read(source)
    assert refused.value.kind == "absent"
    path.write_text(_record(1, _XID.format(code=31), seconds=1), encoding="utf-8")
    assert _read(source).xids == ()
    _append(path, _record(2, _XID.format(code=79)))
    assert _codes(_read(source)) == [(79, 1)]
    source.close()


def test_a_log_that_may_not_be_read_says_what_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_text("", encoding="utf-8")
    path.chmod(0)
    with unprivileged(), pytest.raises(SourceError, match="the capability SYSLOG") as refused:
        _read(KernelLogSource(str(path)))
    assert refused.value.kind == "forbidden"


def test_a_log_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        _read(KernelLogSource(str(tmp_path)))
    assert refused.value.kind == "failed"
