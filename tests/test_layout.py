"""The shape of the code: a foreign library lives in one file, and each role loads only what it runs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("exporter", "probes", "alerts", "dashboards")
_ONE_FILE = {
    "pynvml": {"exporter/sources/nvml.py"},
    "grpc": {"exporter/sources/podresources.py"},
    "kubernetes": {"exporter/sources/apiserver.py"},
    "grafanalib": {"dashboards/panels.py"},
    "h11": {"probes/wire.py"},
    "matplotlib": {"dashboards/snapshot/sheet.py"},
    "httpx": {"alerts/live_prometheus.py", "probes/explain.py"},
    # two ways, two files: what we say to others, and what others say to us
    "prometheus_client": {"exporter/exposition.py", "exporter/sources/exposition_text.py"},
    "lanewatch": set(),
}


def _sources() -> list[Path]:
    return [path for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")]


def _imports(path: Path) -> set[str]:
    """Return the top-level names that a file imports, at any depth of its functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize(("library", "files"), _ONE_FILE.items(), ids=_ONE_FILE)
def test_a_foreign_library_has_one_importer(library: str, files: set[str]) -> None:
    importers = {str(path.relative_to(_ROOT)) for path in _sources() if library in _imports(path)}
    assert importers == files


def _loaded(code: str) -> set[str]:
    listing = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{listing}"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


_NODE = """
import asyncio, contextlib
from exporter import wiring
from exporter.config import Config
async def go():
    async with contextlib.AsyncExitStack() as stack:
        await wiring.wire_sources(Config(), "node", stack)
asyncio.run(go())
"""


def test_the_node_role_loads_no_client_of_the_api_server() -> None:
    """A node agent has no token and must not pay for a client: 35 MiB on every GPU node."""
    loaded = _loaded(_NODE)
    assert "exporter" in loaded
    assert not loaded & {"kubernetes", "urllib3", "httpx", "grafanalib", "pynvml"}


def test_nothing_happens_on_import() -> None:
    """No thread and no child process because a module was looked at."""
    modules = [".".join(path.relative_to(_ROOT).with_suffix("").parts) for path in _sources()]
    runnable = [name for name in modules if not name.endswith(("__init__", "__main__"))]
    code = "\n".join(f"import {name}" for name in runnable)
    code += "\nimport threading, pathlib, os"
    code += "\nassert threading.active_count() == 1, threading.enumerate()"
    code += "\nassert not pathlib.Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text()"
    assert _loaded(code)
