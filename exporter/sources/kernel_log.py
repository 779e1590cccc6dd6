"""The kernel log as a source: Xid errors as the driver's kernel module writes them, since boot and as they come.

Every reading takes what is there and never waits, so a silent log costs nothing and a flood costs a bounded time. Lines
of /dev/kmsg carry the kernel's own number: after a restart, those that were taken before are passed over by it. Lines
without a number (a syslog) count only from the moment at which we listen: of older ones nobody can tell.
https://www.kernel.org/doc/Documentation/ABI/testing/dev-kmsg
"""

import asyncio
import dataclasses
import errno
import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exporter.errors import SourceError
from exporter.facts.xid_line import FELL_OFF, XidLine, parse_line
from exporter.facts.xid_merge import WINDOW_SECONDS
from exporter.snapshot import KernelLog, KernelXid

_RECORD: Final = re.compile(rb"(?P<priority>\d+),(?P<sequence>\d+),(?P<microseconds>\d+),[^;]*;(?P<text>.*)", re.DOTALL)
_WORDS: Final = (b"Xid (", b"fallen off the bus", b"NVRM: GPU at")
_CHUNK: Final = 8192  # the kernel refuses to give a record into less than its size; none is larger
_LONGEST_LINE: Final = 8192
_LONGEST_LOOK: Final = 0.25  # seconds; what is left waits for the next one
_READS_AT_ONCE: Final = 16  # about 10 ms of the fullest chunks; then others have a turn
_MOST_XIDS: Final = 200  # different ones a look
_KEPT: Final = 512
_MOST_NAMED: Final = 64
_USERS: Final = 8  # priorities from here on are of user space, which may quote anything
_HOW: Final = (
    "Xids that the driver's events miss go unseen; give the container the node's /dev/kmsg and the capability "
    "SYSLOG, or set kernel_log.read: never"
)


@dataclass(frozen=True, slots=True)
class _Record:
    text: bytes
    at: float
    sequence: int


def is_readable(path: str) -> bool:
    """Whether the log may be read here: permission alone does not tell, the kernel wants CAP_SYSLOG too."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class KernelLogSource:
    """Follows the log at `path`; of the lines before it was opened, takes those numbered over `after`.

    Lines from before the Unix time `since` are passed over: the driver's events told of them already.
    """

    def __init__(self, path: str, *, after: int = -1, since: float = 0.0) -> None:
        self._path = path
        self._sequence = after
        self._since = since
        self._file: int | None = None
        self._identity = (0, 0)
        self._is_live = False  # everything that was there when we came has been read
        self._was_overwritten = False
        self._rest = b""
        self._fallen: dict[str, XidLine] = {}
        self._fallen_at: dict[str, float] = {}
        self._fresh: dict[tuple[str, str, int, int], KernelXid] = {}
        self._number = 0
        self._log = KernelLog()

    async def read(self) -> KernelLog:
        """Return what the log says now."""
        self._open()
        try:
            await self._drain()
        except OSError as error:
            self.close()
            self._is_live = False
            raise SourceError("failed", f"{self._path}: {error.strerror}") from error
        self._publish()
        return self._log

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def _open(self) -> None:
        if self._file is not None and not self._is_replaced():
            return
        self.close()
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._since = time.time()  # until it can be read, the driver's events count alone
            if isinstance(error, PermissionError):
                raise SourceError("forbidden", f"{self._path} may not be read: {_HOW}") from error
            raise SourceError("absent", f"{self._path}: {error.strerror}: {_HOW}") from error
        self._identity = _identity(os.fstat(self._file))
        self._rest = b""

    def _is_replaced(self) -> bool:
        """Whether a log file was rotated away or cut; a device never is."""
        if self._file is None or not stat.S_ISREG(os.fstat(self._file).st_mode):
            return False
        try:
            there = Path(self._path).stat()
        except OSError:
            return False
        return _identity(there) != self._identity or there.st_size < os.lseek(self._file, 0, os.SEEK_CUR)

    async def _drain(self) -> None:
        started = time.monotonic()
        number = 0
        while time.monotonic() - started < _LONGEST_LOOK:
            chunk = self._read_chunk()
            if chunk == b"":
                self._is_live = True
                return
            self._take(chunk or b"")
            number += 1
            if number % _READS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _read_chunk(self) -> bytes | None:
        """Return the next bytes, nothing at the end, None where the kernel had overwritten what was next."""
        if self._file is None:  # closed meanwhile, because we end
            return b""
        try:
            return os.read(self._file, _CHUNK)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EPIPE:
                self._was_overwritten = True
                return None
            raise

    def _take(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take_line(line)
        # of a line without an end only its beginning is kept: an Xid stands there, if anywhere
        self._rest = rest[:_LONGEST_LINE]

    def _take_line(self, line: bytes) -> None:
        record = self._record(line)
        if record is None or not any(word in record.text for word in _WORDS):
            return
        said = parse_line(record.text.decode("utf-8", "replace"))
        if said is None or not said.pci_bus_id:
            return
        if said.kind == "named":
            self._name(said)
        elif not self._is_told_twice(said, record.at):
            self._count(said, record)

    def _record(self, line: bytes) -> _Record | None:
        """Return the line if it is new, and the kernel's own."""
        match = _RECORD.fullmatch(line)
        if match is None:
            return _Record(line, time.time(), -1) if self._is_live else None
        sequence = int(match["sequence"])
        if sequence <= self._sequence:
            return None
        if self._was_overwritten:
            self._lose(sequence - self._sequence - 1)
            self._was_overwritten = False
        self._sequence = sequence
        at = time.time() if self._is_live else _boot_time() + int(match["microseconds"]) / 1e6
        is_ours = int(match["priority"]) < _USERS and at >= self._since
        return _Record(match["text"], at, sequence) if is_ours else None

    def _is_told_twice(self, said: XidLine, at: float) -> bool:
        """Whether this only repeats, in the other form, that a card fell off the bus; drivers print both."""
        if said.code != FELL_OFF:
            return False
        pci = said.pci_bus_id
        before = self._fallen.pop(pci, None)
        if before and before.kind != said.kind and at - self._fallen_at[pci] <= WINDOW_SECONDS:
            return True
        self._fallen[pci], self._fallen_at[pci] = said, at
        return False

    def _name(self, said: XidLine) -> None:
        if len(self._log.addresses) < _MOST_NAMED:
            addresses = {**self._log.addresses, said.pci_bus_id: said.uuid}
            self._log = dataclasses.replace(self._log, addresses=addresses)

    def _count(self, said: XidLine, record: _Record) -> None:
        key = ("sxid" if said.kind == "sxid" else "xid", said.pci_bus_id, said.code, int(record.at))
        before = self._fresh.get(key)
        if before is None and len(self._fresh) >= _MOST_XIDS:
            self._lose(1)
            return
        self._number += 1
        self._fresh[key] = KernelXid(
            number=before.number if before else self._number,
            pci_bus_id=said.pci_bus_id,
            code=said.code,
            at=before.at if before else record.at,
            count=before.count + 1 if before else 1,
            sequence=record.sequence,
            pid=said.pid or (before.pid if before else 0),
            is_switch=said.kind == "sxid",
        )

    def _lose(self, count: int) -> None:
        self._log = dataclasses.replace(self._log, lost=self._log.lost + count)

    def _publish(self) -> None:
        if self._fresh:
            xids = (*self._log.xids, *self._fresh.values())[-_KEPT:]
            self._log = dataclasses.replace(self._log, xids=xids)
            self._fresh = {}


def _boot_time() -> float:
    # the kernel's log clock is near the monotonic one; over months they part by seconds, so only old lines use it
    return time.time() - time.monotonic()


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
