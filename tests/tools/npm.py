"""Installs pinned packages of the npm registry; their own install scripts never run."""

import re
import shutil
import subprocess
from pathlib import Path

from pins import HERE, Pin
from steps import BuildError, Steps


def build(pin: Pin, entry: Path, steps: Steps) -> None:
    """Install exactly what the lock holds, each package against its hash."""
    npm = _npm(pin.minimum)
    for name in pin.inputs:
        shutil.copy(HERE / name, entry)
    steps.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=entry)
    for name, command in pin.commands.items():
        link = entry / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(entry / "node_modules" / ".bin" / command)


def _npm(minimum: str) -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise BuildError(
            f"Expected node of at least {minimum} and npm, found {node or 'no node'} and {npm or 'no npm'} - on PATH"
        )
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if _numbers(said) < _numbers(minimum):
        raise BuildError(f"Expected node of at least {minimum}, found {said} - on PATH")
    return npm


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))
