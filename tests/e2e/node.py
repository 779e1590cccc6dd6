"""A GPU node: the true `lanewatch serve` as a process, a driver library in C below it, a kubelet's socket beside it."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from anyio.from_thread import start_blocking_portal
from prometheus_client.parser import text_string_to_metric_families

from e2e.processes import LOOPBACK, Command, Program, answers, running
from e2e.waiting import eventually
from fakes.kubelet import Answer, kubelet

LANEWATCH: Final = Path(sys.executable).parent / "lanewatch"
_SERVING: Final = "serving "
_START_SECONDS: Final = 20.0
_CHANGE_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Exporter:
    """A running `lanewatch serve`."""

    program: Program
    url: str

    @property
    def target(self) -> str:
        """Host and port, as Prometheus wants them."""
        return self.url.removeprefix("http://")

    def page(self) -> str:
        """Return what a scrape gets."""
        return httpx.get(f"{self.url}/metrics", timeout=5.0, trust_env=False).raise_for_status().text

    def series(self, metric: object, **labels: str) -> list[float]:
        """Return the values of the series of `metric` that carry these labels."""
        samples = [one for family in text_string_to_metric_families(self.page()) for one in family.samples]
        return [one.value for one in samples if one.name == str(metric) and labels.items() <= one.labels.items()]

    def eventually(self, metric: object, expected: float, **labels: str) -> None:
        """Look until the one series of `metric` with these labels is `expected`."""
        with self.program.explaining():
            what = f"{metric} of {labels}"
            eventually(lambda: self.series(metric, **labels), [expected], within=_CHANGE_SECONDS, what=what)


def serve_command(config: Mapping[str, Any], directory: Path, *options: str) -> list[str | Path]:
    """Return the command line of `lanewatch serve` with this configuration, on a port that the kernel chooses."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "lanewatch.yaml"
    path.write_text(yaml.safe_dump(dict(config)))
    return [LANEWATCH, "serve", "--config", path, "--web.listen-address", f"{LOOPBACK}:0", *options]


@contextmanager
def exporter(line: list[str | Path], directory: Path, environment: Mapping[str, str]) -> Iterator[Exporter]:
    """Run `lanewatch serve` while the context is open; gives it once every source was read or has failed."""
    with running(Command(name="lanewatch", line=line, directory=directory, environment=environment)) as program:
        program.wait_until(lambda: bool(_announced(program.log)), within=_START_SECONDS)
        url = _announced(program.log)
        program.wait_until(lambda: answers(f"{url}/readyz"), within=_START_SECONDS)
        yield Exporter(program, url)


@contextmanager
def kubelet_beside(socket: Path, answer: Answer) -> Iterator[None]:
    """Run the kubelet's server on a thread of its own while the context is open."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(kubelet(socket, answer)):
        yield


def _announced(log: Path) -> str:
    """Return the URL that the log names, empty before it does."""
    lines = (json.loads(line) for line in log.read_text().splitlines() if line.startswith("{") and line.endswith("}"))
    said = (str(line["message"]) for line in lines)
    return next((message.removeprefix(_SERVING) for message in said if message.startswith(_SERVING)), "")
