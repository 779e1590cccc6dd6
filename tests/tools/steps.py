"""Runs the commands of one build, with all that they say in one log."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAST_LINES = 15

Command = Sequence[str | Path]


class BuildError(Exception):
    """A tool cannot be built here: the message says what was expected, what was found and where to look."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The log of one tool and the way to add to it."""

    log: Path

    def run(self, command: Command, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Run one command to its end or raise."""
        words = [str(word) for word in command]
        with self.log.open("a") as log:
            log.write(f"\n$ {shlex.join(words)}\n")
            log.flush()
            # close_fds=False hands the store's lock down, so that it is held until the last child is gone.
            done = subprocess.run(
                words,
                cwd=cwd,
                env=_environment(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                close_fds=False,
                check=False,
            )
        if done.returncode:
            found = f"found {done.returncode} - from `{shlex.join(words[:3])} ...`, log {self.log}"
            raise BuildError(f"Expected exit status 0, {found}\n{self._tail()}")

    def _tail(self) -> str:
        return "\n".join("    " + line for line in self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])


def cpu_count() -> str:
    """How many jobs one build may run at a time, as an argument."""
    return str(os.cpu_count() or 1)


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    # PYTHONPATH and the like would reach into the environments that are built.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**inherited, **changes}
