"""`make sbom` and `make audit`: what the image carries of others, and whether a hole in it is noticed."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from documents import ROOT

pytestmark = pytest.mark.real
_LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
_PINS = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", _LOCK, re.MULTILINE))
_HOLE = {"package": "pyyaml", "id": "TEST-2026-1"}


def _make(target: str, *settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", target, *settings], cwd=ROOT, capture_output=True, text=True, check=False)


class _Holes(ThreadingHTTPServer):
    """A service of known holes in OSV's form: it knows of none but those of `ill`, and remembers what it was asked."""

    def __init__(self, ill: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.ill = ill
        self.asked: set[str] = set()

    @property
    def settings(self) -> str:
        return f"AUDIT=--vulnerability-service osv --osv-url http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:  # the library's name
        assert isinstance(self.server, _Holes)
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        self.server.asked.add(name)
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "versions": [_PINS.get(name, "")]}]
        found: dict[str, Any] = {"vulns": [{"id": _HOLE["id"], "summary": "planted", "affected": affected}]}
        body = json.dumps(found if name == self.server.ill else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        """Say nothing."""


@pytest.fixture
def holes(request: pytest.FixtureRequest) -> Iterator[_Holes]:
    with _Holes(request.param) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_sbom_lists_each_locked_package_with_its_hashes(tmp_path: Path) -> None:
    path = tmp_path / "made/lanewatch.cdx.json"
    done = _make("sbom", f"SBOM={path}")
    assert done.returncode == 0, done.stderr
    made = json.loads(path.read_text(encoding="utf-8"))
    assert (made["bomFormat"], made["metadata"]["component"]["name"]) == ("CycloneDX", "lanewatch")
    assert {one["name"]: one["version"] for one in made["components"]} == _PINS
    hashes = [
        one["content"] for part in made["components"] for ref in part["externalReferences"] for one in ref["hashes"]
    ]
    assert sorted(hashes) == sorted(re.findall(r"--hash=sha256:(\w+)", _LOCK))


@pytest.mark.parametrize("holes", [""], indirect=True)
def test_an_audit_asks_for_each_locked_package(holes: _Holes) -> None:
    done = _make("audit", holes.settings)
    assert done.returncode == 0, done.stderr
    assert holes.asked >= {re.sub(r"[-_.]+", "-", name.lower()) for name in _PINS} | {"hatchling"}


@pytest.mark.parametrize("holes", [_HOLE["package"]], indirect=True)
def test_a_planted_hole_fails_the_audit(holes: _Holes) -> None:
    done = _make("audit", holes.settings)
    assert done.returncode != 0
    assert _HOLE["id"] in done.stdout


def test_an_audit_that_cannot_ask_does_not_pass() -> None:
    done = _make("audit", "AUDIT=--vulnerability-service osv --osv-url http://127.0.0.1:9")
    assert done.returncode != 0
