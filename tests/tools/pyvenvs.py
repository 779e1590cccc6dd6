"""Installs a tool that is a Python distribution into a virtual environment of its own."""

import sys
from pathlib import Path

from pins import HERE, Pin
from steps import Steps


def build(pin: Pin, entry: Path, steps: Steps) -> None:
    """Make the entry itself the environment, so that the commands lie in its bin."""
    make(entry, pin.inputs[0], steps)


def make(folder: Path, requirements: str, steps: Steps) -> None:
    """Create the environment anew with exactly the hashed requirements."""
    steps.run([sys.executable, "-m", "venv", "--clear", folder])
    # Wheels only: building an sdist would fetch build requirements that no hash covers. No resolver: for an extra of
    # something pinned, `name[extra]`, it asks for the newest version there is, which no hash covers either.
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip"]
    steps.run([*pip, "install", *options, "--requirement", HERE / requirements])
    steps.run([*pip, "check", "--disable-pip-version-check"])
