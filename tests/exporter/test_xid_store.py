"""The file of Xid counts: a restart neither loses nor doubles, and no state of the disk stops the exporter."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from exporter.facts.xid_ledger import Key, Ledger
from exporter.facts.xid_merge import Tally
from exporter.xid_store import LARGEST_FILE, XidStore, read_boot_id, store_path
from fakes.nvml.rig import wait_until
from fakes.unprivileged import unprivileged

_AT = 1_790_000_000.0
_KEY = Key("xid", "GPU-a", 79)
_LEDGER = Ledger(
    tallies={_KEY: Tally(settled=2).add("driver", _AT).add("kernel", _AT + 1)},
    addresses={"0000:01:00.0": "GPU-a"},
    sequence=4711,
)
_BROKEN = [
    pytest.param(b"", id="empty"),
    pytest.param(b'{"version":1,"boot_id"', id="half"),
    pytest.param(b"\xff\xfe\x00", id="no text"),
    pytest.param(b"[]", id="another shape"),
    pytest.param(b'{"version":2,"boot_id":"","saved_at":0,"sequence":0,"addresses":{},"rows":[]}', id="a newer one"),
    pytest.param(
        b'{"version":1,"boot_id":"","saved_at":0,"sequence":0,"addresses":{},"rows":[{"family":"xid","card":"a",'
        b'"code":1,"settled":-5,"last_at":0,"driver":[],"kernel":[]}]}',
        id="a count below zero",
    ),
    pytest.param(b" " * (LARGEST_FILE + 1), id="far too large"),
]


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "xids.json"
    assert XidStore(path, "boot-1").save(_LEDGER, _AT)
    assert XidStore(path, "boot-1").load(_AT).ledger == _LEDGER
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_new_boot_numbers_its_lines_anew(tmp_path: Path) -> None:
    """The counts stay; the log of the new boot is read from its beginning."""
    XidStore(tmp_path / "xids.json", "boot-1").save(_LEDGER, _AT)
    kept = XidStore(tmp_path / "xids.json", "boot-2").load(_AT)
    assert (kept.ledger.tallies, kept.ledger.sequence, kept.since) == (_LEDGER.tallies, -1, 0.0)


def test_counts_without_a_kernel_log_hold_its_older_lines(tmp_path: Path) -> None:
    """Whoever allows the kernel log later must not see each Xid of this boot twice."""
    XidStore(tmp_path / "xids.json", "boot-1").save(Ledger(tallies=_LEDGER.tallies), _AT)
    assert XidStore(tmp_path / "xids.json", "boot-1").load(_AT + 60).since == _AT


def test_no_file_is_no_error(tmp_path: Path) -> None:
    store = XidStore(tmp_path / "xids.json", "boot-1")
    assert (store.load(_AT).ledger, store.errors) == (Ledger(), 0)


@pytest.mark.parametrize("raw", _BROKEN)
def test_a_broken_file_is_one_counted_error_and_is_mended(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "xids.json"
    path.write_bytes(raw)
    store = XidStore(path, "boot-1")
    assert (store.load(_AT).ledger, store.errors) == (Ledger(), 1)
    assert store.save(_LEDGER, _AT)
    assert store.load(_AT).ledger == _LEDGER


def test_a_directory_that_is_not_there_is_counted_and_nothing_more(tmp_path: Path) -> None:
    store = XidStore(tmp_path / "none" / "xids.json", "boot-1")
    assert (store.save(_LEDGER, _AT), store.errors) == (False, 1)


def test_a_directory_that_may_not_be_written_is_counted_and_the_counts_stay(tmp_path: Path) -> None:
    store = XidStore(tmp_path / "xids.json", "boot-1")
    store.save(_LEDGER, _AT)
    tmp_path.chmod(0o555)
    with unprivileged():
        assert (store.save(Ledger(), _AT), store.errors) == (False, 1)
    assert store.load(_AT).ledger == _LEDGER


def test_a_full_disk_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """/dev/full is a disk without room: what is written beside fails, what was there stays."""
    path = tmp_path / "xids.json"
    store = XidStore(path, "boot-1")
    store.save(_LEDGER, _AT)
    (tmp_path / ".xids.json.new").symlink_to("/dev/full")
    assert (store.save(Ledger(), _AT), store.errors) == (False, 1)
    assert store.load(_AT).ledger == _LEDGER


def test_the_file_stays_small_and_keeps_what_is_newest(tmp_path: Path) -> None:
    path = tmp_path / "xids.json"
    tallies = {Key("xid", f"GPU-{n:036}", n % 900): Tally(settled=1, last_at=_AT + n) for n in range(2000)}
    store = XidStore(path, "boot-1")
    store.save(Ledger(tallies=tallies), _AT)
    kept = store.load(_AT).ledger.tallies
    assert path.stat().st_size <= LARGEST_FILE
    assert Key("xid", f"GPU-{1999:036}", 1999 % 900) in kept


def test_cards_that_left_are_forgotten(tmp_path: Path) -> None:
    store = XidStore(tmp_path / "xids.json", "boot-1")
    store.save(_LEDGER, _AT)
    assert store.load(_AT + 91 * 86400).ledger.tallies == {}


def test_a_change_is_written_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "xids.json"
    store = XidStore(path, "boot-1")

    async def main() -> None:
        task = asyncio.create_task(store.follow(lambda: _LEDGER))
        await wait_until(path.exists)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert store.load(_AT).ledger == _LEDGER


def test_where_the_counts_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As configured, else where systemd says, else nowhere."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert store_path("") is None
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/lanewatch:/var/lib/other")
    assert store_path("") == Path("/var/lib/lanewatch/xids.json")
    assert store_path("/data/x.json") == Path("/data/x.json")


def test_the_boot_has_a_name() -> None:
    assert len(read_boot_id()) == 36
