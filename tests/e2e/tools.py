"""Where the pinned real tools are; a tool that is missing fails the tests, it never skips them."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@cache
def _view() -> Path:
    """Return the published folder of all tools, whose pins are those of this tree."""
    build: list[str | Path] = [sys.executable, ROOT / "tests/tools/build.py", "--check"]
    found = subprocess.run(build, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise FileNotFoundError(f"expected the pinned tools, found: {found.stderr.strip()}; run `make tools`")
    return Path(found.stdout.strip()).parent


def tool(name: str) -> Path:
    """Return the path of a tool's command."""
    return _view() / "bin" / name


def model(name: str) -> Path:
    """Return the path of a tiny model."""
    return _view() / "models" / f"{name}.gguf"


def folder(name: str) -> Path:
    """Return where all files of a tool are."""
    return _view() / name


def packages(name: str) -> Path:
    """Return the folder in which a tool of npm has its packages."""
    return folder(name) / "node_modules"
