"""Builds Go programs from committed go.mod and go.sum files, one module a tool so that none changes another's pins."""

import re
import shutil
import subprocess
from pathlib import Path

from pins import HERE, Pin
from steps import Command, Steps, cpu_count

ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOFLAGS": "-trimpath -buildvcs=false -mod=readonly",
    "GOTOOLCHAIN": "local",  # never fetch another toolchain than the one that was chosen
    "GOWORK": "off",
}


def build(pin: Pin, entry: Path, steps: Steps, *, go: Path) -> None:
    """Build each command by its own name, because Go would call etcd `server`."""
    module = (HERE / pin.inputs[0]).parent
    for name, package in pin.commands.items():
        command: Command = [go, "build", "-p", cpu_count(), *pin.flags, "-o", entry / "bin" / name, package]
        steps.run(command, cwd=module, env=ENVIRONMENT)


def go_on_path(minimum: str) -> Path | None:
    """The go on PATH, if there is one that is new enough."""
    found = shutil.which("go")
    if found is None:
        return None
    answer = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    return Path(found) if _numbers(answer) >= _numbers(minimum) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
