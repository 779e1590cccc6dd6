"""Keeps what was built: one folder a tool and key, and one published view of symbolic links into them.

An entry counts once its `.complete` file is there, so whatever an interrupted build leaves behind is never used.
Entries are built in place, not moved, because a virtual environment holds its own path.
"""

import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pins import Pin, combined_key
from steps import Steps

Builder = Callable[[Pin, Path, Steps], None]


@dataclass(frozen=True, slots=True)
class Store:
    """The cache folder outside the tree."""

    root: Path

    def entry(self, pin: Pin) -> Path:
        """Where this pin's files are, or will be."""
        return self.root / "store" / f"{pin.name}-{pin.key}"

    def has(self, pin: Pin) -> bool:
        """Whether the entry was finished and nobody took a command out of it since."""
        entry = self.entry(pin)
        return (entry / ".complete").is_file() and all((entry / "bin" / name).is_file() for name in pin.commands)

    def provide(self, pin: Pin, build: Builder) -> Path:
        """The finished entry, built now if it is not there."""
        entry = self.entry(pin)
        if self.has(pin):
            return entry
        (entry / ".complete").unlink(missing_ok=True)
        (entry / "bin").mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        say(f"{pin.name} {pin.version}: building ...")
        build(pin, entry, Steps(self._log(pin)))
        (entry / ".complete").touch()
        say(f"{pin.name} {pin.version}: built in {time.monotonic() - started:.0f} s")
        return entry

    def view(self, pins: Sequence[Pin]) -> Path:
        """The path that stays the same for a set of pins while its tools are built one after another."""
        return self.root / combined_key(pins)

    def is_published(self, pins: Sequence[Pin]) -> bool:
        """Whether the view holds every tool that is built."""
        return self._current(pins) == self._target(pins) and self._target(pins).is_dir()

    def publish(self, pins: Sequence[Pin]) -> None:
        """Point the view at all that is built, in one step, so that nobody ever sees half of it."""
        if self.is_published(pins):
            return
        replaced, target = self._current(pins), self._target(pins)
        shutil.rmtree(target, ignore_errors=True)
        for pin in pins:
            if self.has(pin):
                _link(pin, self.entry(pin), target)
        _point(self.view(pins), target)
        if replaced not in (None, target):
            shutil.rmtree(replaced, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out, and also a run that follows one that was killed while its compilers still work."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            os.set_inheritable(lock.fileno(), True)  # the children hold the lock too: see Steps.run
            _wait_for(lock.fileno())
            yield

    def _current(self, pins: Sequence[Pin]) -> Path | None:
        view = self.view(pins)
        return view.readlink() if view.is_symlink() else None

    def _target(self, pins: Sequence[Pin]) -> Path:
        built = [pin for pin in pins if self.has(pin)]
        return self.root / "views" / f"{combined_key(pins)}-{combined_key(built)}"

    def _log(self, pin: Pin) -> Path:
        logs = self.root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        return logs / f"{pin.name}-{pin.key}.log"


def say(line: str) -> None:
    """Progress goes to the standard error, so that the standard output is the path alone."""
    print(line, file=sys.stderr, flush=True)


def _link(pin: Pin, entry: Path, view: Path) -> None:
    (view / "bin").mkdir(parents=True, exist_ok=True)
    for name in pin.commands:
        (view / "bin" / name).symlink_to(entry / "bin" / name)
    if pin.folder:
        (view / pin.folder).symlink_to(entry)


def _point(link: Path, target: Path) -> None:
    fresh = link.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _wait_for(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another build is at work: waiting for it ...")
        fcntl.flock(lock, fcntl.LOCK_EX)
