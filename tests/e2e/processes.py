"""Real programs as a test needs them: on loopback, with a log, waited for, and ended by their own pid whatever happens.

A program gets a small environment of its own: no proxy, no credential and no HOME of whoever runs the tests.
"""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from e2e.waiting import eventually

LOOPBACK: Final = "127.0.0.1"
_STOP_SECONDS: Final = 10.0
_TAIL: Final = 4000  # characters of a log that a failure shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start and where: the log and the HOME of the program are in `directory`."""

    name: str
    line: Sequence[str | Path]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Program:
    """One program that was started."""

    command: Command
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, is_ready: Callable[[], bool], *, within: float) -> None:
        """Wait for `is_ready`; a program that dies meanwhile, or takes longer, fails with the end of its log."""
        with self.explaining():
            eventually(lambda: self._is_dead() or is_ready(), expected=True, within=within, what=self.command.name)
            if self._is_dead():
                raise AssertionError(f"{self.command.name} exited with {self.process.returncode}")

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Add the end of the log to what fails inside."""
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f"{error}; the log of {self.command.name} ends:\n{self.tail()}") from error

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-_TAIL:]

    def stop(self, *, within: float = _STOP_SECONDS) -> None:
        """Ask it to end, and force it after a while."""
        self.process.terminate()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it without asking, as the kernel does when memory is short."""
        self.process.kill()
        self.process.wait()

    def _is_dead(self) -> bool:
        return self.process.poll() is not None


def start(command: Command) -> Program:
    """Start a program; whoever calls this ends it."""
    command.directory.mkdir(parents=True, exist_ok=True)
    log = command.directory / f"{command.name}.log"
    base = {"PATH": os.environ["PATH"], "HOME": str(command.directory), "LC_ALL": "C.UTF-8"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.line,
            cwd=command.directory,
            env={**base, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Program(command, process, log)


@contextmanager
def running(command: Command) -> Iterator[Program]:
    """Run a program while the context is open."""
    program = start(command)
    try:
        yield program
    finally:
        program.stop()


def free_port() -> int:
    """Return a port that nobody listens on, as the kernel gives it out."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a GET of `url` is answered with 200, now."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
