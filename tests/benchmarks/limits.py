"""Measures the node role under the kernel's limits: a tenth of a core and 128 MiB, eight cards, a scrape each 15 s.

Run by hand, as who may make control groups (version 1): `PYTHONPATH=tests:. .venv/bin/python -m benchmarks.limits`.
Exit 1 where a bar does not hold, 2 where no limit can be set: without one there is nothing to measure.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from benchmarks import cost
from benchmarks.scrape import Stage, Subject

_MOUNT = Path("/sys/fs/cgroup")
_MIB = 1 << 20
_PERIOD_US = 100_000  # Kubernetes's own
_ENTER = 'for group in $GROUPS_TO_ENTER; do echo $$ > "$group/cgroup.procs" || exit 1; done; exec "$@"'
MOST_SECONDS = 1.0


class NoLimitError(Exception):
    """No control group can be made here; the text says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """One control group of each controller, with limits that hold for whoever enters."""

    cpu: Path
    memory: Path

    def entering(self) -> tuple[list[str], dict[str, str]]:
        """Return what goes before a command line, and its variable, so that all of it runs under the limits."""
        return ["sh", "-c", _ENTER, "sh"], {"GROUPS_TO_ENTER": f"{self.cpu} {self.memory}"}

    def holds(self, pids: list[int]) -> bool:
        """Whether all of them are under both limits, as the kernel says."""
        inside = [set(map(int, (group / "cgroup.procs").read_text().split())) for group in (self.cpu, self.memory)]
        return bool(pids) and all(set(pids) <= members for members in inside)

    def throttling(self) -> dict[str, int]:
        """Return the kernel's account: periods, those in which it was throttled, and for how long."""
        return {name: int(value) for name, value in map(str.split, (self.cpu / "cpu.stat").read_text().splitlines())}

    def kills(self) -> int:
        """Return how often the kernel killed for want of memory."""
        found = re.search(r"^oom_kill (\d+)$", (self.memory / "memory.oom_control").read_text(), re.MULTILINE)
        return int(found[1]) if found else 0


@contextmanager
def limits(cores: float, mebibytes: int) -> Iterator[Limits]:
    """Make both groups below this process's own, and take them away again; `NoLimitError` where that cannot be."""
    made: list[Path] = []
    try:
        try:
            _make(made, cores, mebibytes)
        except OSError as error:
            raise NoLimitError(f"{error.filename}: {error.strerror}") from error
        yield Limits(*made)
    finally:
        _remove(made)


def _make(made: list[Path], cores: float, mebibytes: int) -> None:
    for controller in ("cpu", "memory"):
        group = _own_group(controller) / f"lanewatch-limits-{os.getpid()}"
        group.mkdir()
        made.append(group)
        if not (group / "cgroup.procs").exists():
            raise NoLimitError(f"{group.parent} is no control group")
    (made[0] / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
    (made[0] / "cpu.cfs_quota_us").write_text(str(round(cores * _PERIOD_US)))
    (made[1] / "memory.limit_in_bytes").write_text(str(mebibytes * _MIB))
    if int((made[1] / "memory.limit_in_bytes").read_text()) != mebibytes * _MIB:
        raise NoLimitError("the memory controller did not take the limit")


def _own_group(controller: str) -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _MOUNT / controller / path.lstrip("/")
    raise NoLimitError(f"no control group of version 1 with the controller {controller}")


def _remove(made: list[Path]) -> None:
    for group in made:
        for _ in range(50):  # a process that has just ended may still be counted
            with suppress(OSError):
                group.rmdir()
            if not group.exists():
                break
            time.sleep(0.1)


@dataclass
class Seen:
    """What was found while it ran."""

    lost: int = 0
    stale: int = 0  # scrapes that said that the cards are not read
    peak_bytes: int = 0

    def look(self, subject: Subject) -> None:
        """Scrape once, and note what all of it holds."""
        try:
            subject.scrape(1)
        except (OSError, HTTPException):
            self.lost += 1
            return
        self.stale += b'lanewatch_source_up{source="nvml"} 1.0' not in subject.text()
        self.peak_bytes = max(self.peak_bytes, peak_bytes(cost.family(subject.process.pid)))


def peak_bytes(pids: list[int]) -> int:
    """Return the sum of the most that each process ever held in memory, bytes: at least what all held at once."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(found[1]) * 1024 for text in texts if (found := re.search(r"VmHWM:\s+(\d+) kB", text)))


def main() -> int:
    """Run it, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--every", type=float, default=15, help="seconds between two scrapes")
    parser.add_argument("--cores", type=float, default=0.1)
    parser.add_argument("--mebibytes", type=int, default=128)
    asked = parser.parse_args()
    try:
        with limits(asked.cores, asked.mebibytes) as group:
            return _measure(group, asked)
    except NoLimitError as problem:
        print(f"cannot limit anything here, so nothing was measured: {problem}", file=sys.stderr)
        return 2


def _measure(group: Limits, asked: argparse.Namespace) -> int:
    seen = Seen()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        began = time.monotonic()
        ours = Stage(stack, Path(directory), delay_us=0, entering=group.entering()).lanewatch()
        started, at_start = time.monotonic() - began, group.throttling()
        if not group.holds(cost.family(ours.process.pid)):
            raise NoLimitError("the exporter is not under the limits")
        until = time.monotonic() + asked.seconds
        cpu = cost.cpu_seconds(cost.family(ours.process.pid))
        while time.monotonic() < until:
            time.sleep(asked.every)
            seen.look(ours)
        cpu = cost.cpu_seconds(cost.family(ours.process.pid)) - cpu
        throttled = {name: value - at_start[name] for name, value in group.throttling().items()}
        _say(ours, seen, started, cpu / asked.seconds)
        share = throttled["nr_throttled"] / max(throttled["nr_periods"], 1)
        print(f"throttled in {share:.1%} of {throttled['nr_periods']} periods; killed {group.kills()} times")
        bars = {
            "no scrape lost": seen.lost == 0,
            "the cards were read at each": seen.stale == 0,
            f"99 of 100 scrapes within {MOST_SECONDS:g} s": ours.quantile(0.99) < MOST_SECONDS * 1e3,
            "nothing was killed": group.kills() == 0 and ours.process.poll() is None,
        }
    for said, holds in bars.items():
        print(f"{'holds ' if holds else 'FAILS '} {said}")
    return 0 if all(bars.values()) else 1


def _say(ours: Subject, seen: Seen, started: float, cores: float) -> None:
    print(f"first whole page after {started:.1f} s; load of the machine {os.getloadavg()[0]:.1f}")
    print(
        f"scrapes {len(ours.seconds)}, lost {seen.lost}; "
        f"ms: p50 {ours.quantile(0.5):.1f}, p99 {ours.quantile(0.99):.1f}, max {max(ours.seconds) * 1e3:.1f}"
    )
    print(f"CPU {cores:.4f} cores; peak RSS of all its processes {seen.peak_bytes / _MIB:.1f} MiB")


if __name__ == "__main__":
    sys.exit(main())
