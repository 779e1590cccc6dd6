"""A real Prometheus that a simulated fleet was written into, before it is given our rules."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from alerts.render import render
from e2e.processes import LOOPBACK, Command, Program, answers, free_port, running
from e2e.tools import tool
from fakes.expositions import valued
from fakes.fleet import Fleet
from fakes.fleet_series import Clock
from fakes.remote_write import send

# A server takes what is up to ten minutes ahead: so long it evaluates rules, and has nothing else to do.
AHEAD_SECONDS: Final = 9 * 60
_READY_SECONDS: Final = 60.0
_INTERVAL: Final = re.compile(r"\binterval: (\d+[smh])$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Server:
    """The server, and its folder; rules that are put there are loaded at the next `evaluate`."""

    url: str
    program: Program
    client: httpx.Client

    def fill(self, fleet: Fleet, clock: Clock) -> None:
        """Write all of a fleet."""
        for request in fleet.requests(clock):
            send(self.client, self.url, request)

    def evaluate(self, every: str = r"\1") -> None:
        """Give it our rules as they are rendered, or each group in this interval; it evaluates them by itself."""
        for path, text in render().items():
            (self.program.command.directory / Path(path).name).write_text(_INTERVAL.sub(f"interval: {every}", text))
        self.client.post(f"{self.url}/-/reload").raise_for_status()

    def own(self, name: str) -> float:
        """Return what it says of itself, added up."""
        text = self.client.get(f"{self.url}/metrics").text
        return sum(value for found, _, value in valued(text) if found == name)

    def ask(self, what: str, **parameters: str) -> Any:  # noqa: ANN401  # JSON
        """Return the data of an answer of its API."""
        body = self.client.get(f"{self.url}/api/v1/{what}", params=parameters).json()
        if body["status"] != "success":
            raise AssertionError(f"{what} {parameters}: expected an answer, found {body['error']}")
        return body["data"]


@contextmanager
def serving(directory: Path) -> Iterator[Server]:
    """Run a server that takes what is written to it, and scrapes nobody, while the context is open."""
    directory.mkdir(parents=True, exist_ok=True)
    config, port = directory / "prometheus.yml", free_port()
    config.write_text(yaml.safe_dump({"rule_files": [str(directory / "lanewatch-*.yaml")]}))
    line = (
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-remote-write-receiver",
        "--web.enable-lifecycle",
    )
    url = f"http://{LOOPBACK}:{port}"
    command = Command(name="prometheus", line=line, directory=directory)
    with running(command) as program, httpx.Client(timeout=120.0, trust_env=False) as client:
        program.wait_until(lambda: answers(f"{url}/-/ready"), within=_READY_SECONDS)
        yield Server(url, program, client)
