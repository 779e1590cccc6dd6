"""Builds Go programs from committed go.mod and go.sum files, one module a tool so that none changes another's pins."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from pins import HERE, Pin
from steps import BuildError, Command, Steps, cpu_count

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


def take(pin: Pin, entry: Path, steps: Steps, *, go: Path) -> None:
    """Copy the folders of a module that the flags name: files that go.sum covers, and nothing is compiled."""
    module = (HERE / pin.inputs[0]).parent
    steps.run([go, "mod", "download"], cwd=module, env=ENVIRONMENT)
    said = subprocess.run(
        [go, "mod", "download", "-json"],
        cwd=module,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise BuildError(f"Expected the folder of {pin.name}, found: {said.stdout or said.stderr}")
    source = Path(json.loads(said.stdout)["Dir"])
    for folder in pin.flags:
        shutil.copytree(source / folder, entry / folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
        (entry / folder).chmod(0o755)  # a module's own folders are read-only


def go_on_path(minimum: str) -> Path | None:
    """The go on PATH, if there is one that is new enough."""
    found = shutil.which("go")
    if found is None:
        return None
    answer = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    return Path(found) if _numbers(answer) >= _numbers(minimum) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
