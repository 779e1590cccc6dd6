"""A real headless browser that looks at one page and tells what it saw."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from e2e.tools import packages, tool

_SCRIPT: Final = Path(__file__).parent / "browser" / "look.mjs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How to look: `picture` is where a screenshot goes, empty: none."""

    url: str
    width: int = 1280
    scheme: str = "light"
    javascript: bool = True
    tabs: int = 0
    picture: str = ""


def look(wanted: Look) -> dict[str, Any]:
    """Return what the browser saw."""
    order = {**asdict(wanted), "chromium": str(tool("chromium")), "packages": str(packages("browser"))}
    line: list[str | Path] = [tool("node"), _SCRIPT, json.dumps(order)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
