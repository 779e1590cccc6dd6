"""The node's /proc: what the processes that hold memory of a card are called, and which container each is in.

Reads `stat` and `cgroup`, which every user may read and which never wait for the process; refuses `cmdline`, which can
block on a process that hangs and may hold secrets. A pod sees the node's processes with `hostPID: true` only; without
it every process would look dead, so nothing is said at all.
"""

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from exporter.config_processes import Processes as Settings
from exporter.errors import SourceError
from exporter.facts.cgroup import parse_cgroup
from exporter.snapshot import PodName, Processes, ProcessInfo

_MOST_PIDS: Final = 256
_MOST_PODS: Final = 4096  # directories of pods on one node; a kubelet allows 110 by default
_LARGEST_FILE: Final = 64 << 10  # bytes
_KERNEL_THREAD: Final = "kthreadd"  # process 2 wherever all processes of a node are in sight, and only there
_ENDED: Final = "ZXx"  # states of a process that ended and is still listed
_ADVICE: Final = "set hostPID: true for the pod, or processes.read: never"


class ProcessTable:
    """Looks up the processes that `pids` names; remembers them, so that a dead one keeps its name and its pod."""

    def __init__(self, settings: Settings, pod_logs: str, pids: Callable[[], Iterable[int]] = tuple) -> None:
        self._proc = Path(settings.proc)
        self._pod_logs = Path(pod_logs)
        self._pids = pids
        self._known: dict[int, ProcessInfo] = {}

    def follow(self, pids: Callable[[], Iterable[int]]) -> None:
        """Look up these from now on."""
        self._pids = pids

    async def read(self) -> Processes:
        """Return every process that is asked for, at most 256."""
        refuse_partial_sight(self._proc)
        wanted = islice(sorted(set(self._pids())), _MOST_PIDS)
        self._known = {pid: self._look_up(pid) for pid in wanted}
        uids = {process.pod_uid for process in self._known.values()} - {""}
        return Processes(by_pid=self._known, pods=read_pod_names(self._pod_logs) if uids else {})

    def _look_up(self, pid: int) -> ProcessInfo:
        before, found = self._known.get(pid), _read_process(self._proc, pid)
        if found is not None and (before is None or _is_same(before, found)):
            return found
        # The driver has named this number all along: the memory is the first one's, whoever has the number now.
        return dataclasses.replace(before or ProcessInfo(pid=pid), is_dead=True, is_zombie=False)


def refuse_partial_sight(proc: Path) -> None:
    """Raise `SourceError` where not all processes of the node are in sight."""
    if not (proc / "self").exists() and not (proc / "stat").exists():
        raise SourceError("absent", f"{proc}: expected the node's /proc, found none; set processes.proc")
    process = _read_process(proc, 2)
    if process is None or process.name != _KERNEL_THREAD:
        raise SourceError("forbidden", f"{proc}: expected all processes of the node, found only some; {_ADVICE}")


def is_in_sight(proc: str) -> bool:
    """Whether all processes of the node can be seen."""
    try:
        refuse_partial_sight(Path(proc))
    except SourceError:
        return False
    return True


def read_pod_names(directory: Path) -> Mapping[str, PodName]:
    """Return the pods by UID out of the kubelet's directories `<namespace>_<pod>_<uid>`; none where there are none."""
    try:
        with os.scandir(directory) as entries:
            parts = [entry.name.split("_") for entry in islice(entries, _MOST_PODS)]
    except OSError:
        return {}
    return {part[2]: PodName(namespace=part[0], pod=part[1]) for part in parts if len(part) == 3}


def _is_same(before: ProcessInfo, found: ProcessInfo) -> bool:
    return not before.is_dead and before.started_ticks == found.started_ticks


def _read_process(proc: Path, pid: int) -> ProcessInfo | None:
    """Return the process, None if it is gone; both files are read below one open directory, so of one process."""
    try:
        directory = os.open(proc / str(pid), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError("forbidden", f"{proc}/{pid}: expected to be let in, found: {error.strerror}") from error
    try:
        return _parse(pid, _read_below(directory, "stat"), _read_below(directory, "cgroup"))
    except (FileNotFoundError, ProcessLookupError):  # it ended since
        return None
    except (OSError, ValueError) as error:
        raise SourceError("bad_answer", f"{proc}/{pid}: expected stat and cgroup, found: {error}") from error
    finally:
        os.close(directory)


def _read_below(directory: int, name: str) -> str:
    file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        return os.read(file, _LARGEST_FILE).decode("utf-8", "replace")
    finally:
        os.close(file)


def _parse(pid: int, stat: str, cgroup: str) -> ProcessInfo:
    """Read `4711 (name, which may hold spaces and brackets) S 1 ...`; its 22nd field is the start in ticks."""
    head, bracket, tail = stat.rpartition(")")
    fields = tail.split()
    if not bracket or len(fields) < 20:
        raise ValueError(f"stat {stat[:80]!r}")
    container = parse_cgroup(cgroup)
    return ProcessInfo(
        pid=pid,
        name=head.partition("(")[2],
        container_id=container.container_id if container else "",
        pod_uid=(container.pod_uid or "") if container else "",
        started_ticks=int(fields[19]),
        is_zombie=fields[0] in _ENDED,
    )
