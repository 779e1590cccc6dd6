"""`lanewatch rules check` against a real Prometheus that scrapes golden pages and evaluates the generated rules."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.monitoring import Prometheus, prometheus
from e2e.tools import ROOT
from fakes.expositions import GOLDEN

pytestmark = pytest.mark.real

_UNSEEN: Final = ["LanewatchExporterGone", "LanewatchModelLoadSlow", "LanewatchWarmUpSlow", "LanewatchXidStoreFails"]
_RULES: Final = sorted((ROOT / "chart/files/rules").glob("*.yaml"))
_SOON: Final = 120.0  # every group twice, each at its own time within 30 s


@contextmanager
def _serving(text: bytes) -> Iterator[str]:
    """Serve one page of metrics; gives host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _page() -> bytes:
    """Return the golden pages of an ailing node and of the probed path as one exporter's."""
    chosen = [path for path in GOLDEN if path.stem in {"ailing-node", "probed-path"}]
    return b"".join(path.read_bytes() for path in chosen)


def _check(server: Prometheus) -> tuple[int, dict[str, Any]]:
    line = [sys.executable, "-m", "lanewatch", "rules", "check", "--prometheus", server.url, "--output", "json"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_rules_are_checked_where_they_run(tmp_path: Path) -> None:
    """The alerts about what is there see it; who is not scraped is named; no question is an error to the server."""
    with (
        _serving(_page()) as target,
        prometheus(target, _RULES, "http://127.0.0.1:1", tmp_path) as server,
    ):
        server.eventually("count(count_over_time(lanewatch:users_budget:ratio[5m]) >= 2) > bool 0", [1.0], within=_SOON)
        code, told = _check(server)
    states = {one["name"]: one["state"] for one in told["rules"]}
    words = {missing["words"] for one in told["rules"] for missing in one["missing"]}
    seeing = ("LanewatchAliasDown", "LanewatchGpuUnavailable", "LanewatchPoolManyLanes", "LanewatchVramUnowned")
    assert {name: states[name] for name in seeing} == dict.fromkeys(seeing, "ok")
    assert {"vLLM is not scraped here", "dcgm-exporter is not scraped here", "LiteLLM is not scraped here"} <= words
    assert states["lanewatch:gateway_requests:increase5m"] in {"ok", "nothing_to_see"}
    # these pages are of one instant: no process of its own speaks, no Xid comes, and no start is in these phases
    blind = sorted(one["name"] for one in told["rules"] if one["kind"] == "alert" and one["state"] == "blind")
    assert (blind, told["verdict"], code) == (_UNSEEN, "block", 20)
