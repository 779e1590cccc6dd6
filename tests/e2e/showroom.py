"""A Prometheus that has seen everything: each scenario of the demo, other people's exporters, and recorded cards.

Each is a cluster of its own, so that one page shows them all. Only the pace of the rules is changed: they are evaluated
each few seconds, for nobody waits ten minutes for a recorded sum here.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from anyio.from_thread import BlockingPortal, start_blocking_portal

from e2e.monitoring import Prometheus, prometheus_of
from e2e.node import LANEWATCH, exporter, serve_command
from e2e.processes import LOOPBACK, Command, answers, free_port, start
from e2e.tools import ROOT
from exporter.sources.simulated_scenarios import SCENARIOS
from fakes.metrics_server import answering, head

_GOLDEN: Final = ROOT / "tests/exporter/golden"
_FIXTURES: Final = ROOT / "tests/fixtures"
_RULES: Final = ROOT / "chart/files/rules"
_OTHERS: Final = {"dcgm": "dcgm/4.9-h100.prom", "xpum": "xpum/1.x-arc770x2.raw.txt"}
_PACE: Final = "5s"
_START_SECONDS: Final = 40.0  # eight programs at once on two cores


@contextmanager
def showroom(directory: Path) -> Iterator[Prometheus]:
    """Run all of it while the context is open."""
    with start_blocking_portal() as portal, ExitStack() as stack:
        targets = {
            **stack.enter_context(_demos(directory)),
            **stack.enter_context(_goldens(portal)),
            **stack.enter_context(_others(portal, directory)),
        }
        yield stack.enter_context(prometheus_of(targets, _quick_rules(directory / "rules"), directory / "prometheus"))


@contextmanager
def _demos(directory: Path) -> Iterator[Mapping[str, str]]:
    """Start all of them, then wait for all: one after the other would take their starts together."""
    targets = {scenario: f"{LOOPBACK}:{free_port()}" for scenario in SCENARIOS}
    programs = {}
    try:
        for scenario, target in targets.items():
            line = (LANEWATCH, "demo", "--scenario", scenario, "--web.listen-address", target)
            programs[scenario] = start(Command(name="demo", line=line, directory=directory / scenario))
        for scenario, program in programs.items():
            ready = f"http://{targets[scenario]}/readyz"
            program.wait_until(lambda url=ready: answers(url), within=_START_SECONDS)  # type: ignore[misc]  # a default
        yield targets
    finally:
        for program in programs.values():
            program.process.terminate()
        for program in programs.values():
            program.stop()


@contextmanager
def _goldens(portal: BlockingPortal) -> Iterator[Mapping[str, str]]:
    with ExitStack() as stack:
        yield {path.stem: _told(stack.enter_context(_saying(portal, path))) for path in sorted(_GOLDEN.glob("*.prom"))}


@contextmanager
def _others(portal: BlockingPortal, directory: Path) -> Iterator[Mapping[str, str]]:
    """Run a true exporter above the recorded pages of each of the others."""
    with ExitStack() as stack:
        targets = {}
        for source, page in _OTHERS.items():
            url = stack.enter_context(_saying(portal, _FIXTURES / page))
            off: dict[str, Any] = {"enabled": False}
            config = {"node": f"{source}-0", "gpu_source": source, source: {"url": url}, "nvml": off, "kubelet": off}
            local = directory / f"{source}-exporter"
            line = serve_command(config, local, "--role", "node")
            targets[source] = stack.enter_context(exporter(line, local, {})).target
        yield targets


@contextmanager
def _saying(portal: BlockingPortal, page: Path) -> Iterator[str]:
    with portal.wrap_async_context_manager(answering([head(), page.read_bytes()])) as url:
        yield url


def _told(url: str) -> str:
    return url.removeprefix("http://").removesuffix("/metrics")


def _quick_rules(directory: Path) -> list[Path]:
    directory.mkdir()
    written = []
    for path in sorted(_RULES.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        groups = [{**group, "interval": _PACE} for group in document["groups"]]
        (directory / path.name).write_text(yaml.safe_dump({"groups": groups}))
        written.append(directory / path.name)
    return written
