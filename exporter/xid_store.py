"""The file that keeps the Xid counts over a restart: small, written whole or not at all.

A file that cannot be read or written is an error that is counted; the counts go on in memory. Nothing else stands in it
than UUIDs, PCI addresses, codes, counts and times.
"""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from exporter.facts.xid_ledger import Family, Key, Ledger
from exporter.facts.xid_merge import Tally

LARGEST_FILE: Final = 1 << 16  # bytes
_FORGOTTEN_AFTER: Final = 90 * 86400.0  # seconds; cards that left must not stay for ever
_LOOK: Final = 1.0
_AFTER_FAILURE: Final = 30.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_log = logging.getLogger(__name__)

_Count = Annotated[int, Meta(ge=0, le=1 << 53)]
_Marks = tuple[tuple[float, _Count], ...]
_Card = Annotated[str, Meta(min_length=1, max_length=96)]


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    family: Family
    card: _Card
    code: _Count
    settled: _Count
    last_at: float
    driver: _Marks
    kernel: _Marks


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    version: Literal[1] = 1
    boot_id: str
    saved_at: float
    sequence: int
    addresses: dict[_Card, _Card]
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file says; of the kernel log, lines from before the Unix time `since` are counted already."""

    ledger: Ledger = field(default_factory=Ledger)
    since: float = 0.0


class XidStore:
    """Reads and writes one file, and counts how often it cannot."""

    def __init__(self, path: Path, boot_id: str) -> None:
        self.errors = 0
        self._path = path
        self._boot_id = boot_id
        self._writing = threading.Lock()  # the last writing, at the end, may meet one that is under way

    def load(self, now: float) -> Kept:
        """Return what was kept; nothing where there is no file or it makes no sense."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(LARGEST_FILE + 1)
            return _kept(msgspec.json.decode(raw, type=_File), self._boot_id, now)
        except FileNotFoundError:
            return Kept()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._fail("read", error)
            return Kept()

    def save(self, ledger: Ledger, now: float) -> bool:
        """Write the ledger; whether that worked."""
        try:
            with self._writing:
                _write_whole(self._path, _encode(ledger, self._boot_id, now))
        except OSError as error:
            self._fail("written", error)
            return False
        return True

    async def follow(self, ledger: Callable[[], Ledger]) -> None:
        """Write the ledger whenever it changed, for ever."""
        saved: Ledger | None = None
        while True:
            present = ledger()
            is_good = present is saved or await asyncio.to_thread(self.save, present, time.time())
            saved = present if is_good else saved
            await asyncio.sleep(_LOOK if is_good else _AFTER_FAILURE)

    def _fail(self, verb: str, error: Exception) -> None:
        self.errors += 1
        _log.warning("the Xid counts in %s cannot be %s, and go on in memory: %s", self._path, verb, error)


def store_path(configured: str) -> Path | None:
    """Return where the counts are kept: as configured, in systemd's state directory, or nowhere."""
    if configured:
        return Path(configured)
    directory = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(directory, "xids.json") if directory else None


def read_boot_id() -> str:
    """Return the kernel's name of this boot; empty where it has none."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return ""


def _kept(file: _File, boot_id: str, now: float) -> Kept:
    tallies = {
        Key(row.family, row.card, row.code): Tally(
            settled=row.settled, last_at=row.last_at, driver=row.driver, kernel=row.kernel
        )
        for row in file.rows
        if now - row.last_at < _FORGOTTEN_AFTER
    }
    # a new boot numbers its lines from 0 again, and none of them can be counted yet
    is_same_boot = file.boot_id == boot_id
    ledger = Ledger(tallies=tallies, addresses=file.addresses, sequence=file.sequence if is_same_boot else -1)
    never_read = is_same_boot and file.sequence < 0
    return Kept(ledger, since=file.saved_at if never_read else 0.0)


def _encode(ledger: Ledger, boot_id: str, now: float) -> bytes:
    """Return the file's bytes; where they would be too many, without the rows that are oldest."""
    items = sorted(ledger.tallies.items(), key=lambda item: item[1].last_at, reverse=True)
    rows = [
        _Row(key.family, key.card, key.code, tally.settled, tally.last_at, tally.driver, tally.kernel)
        for key, tally in items
    ]
    while True:
        raw = msgspec.json.encode(
            _File(
                boot_id=boot_id,
                saved_at=now,
                sequence=ledger.sequence,
                addresses=dict(ledger.addresses),
                rows=tuple(rows),
            )
        )
        if len(raw) <= LARGEST_FILE or not rows:
            return raw
        rows = rows[: len(rows) // 2]


def _write_whole(path: Path, raw: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
