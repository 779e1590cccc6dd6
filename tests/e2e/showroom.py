"""A Prometheus that has seen everything: each scenario of the demo, other people's exporters, and recorded cards.

Each is a cluster of its own, so that one page shows them all. Only the pace of the rules is changed: they are evaluated
each few seconds, for nobody waits ten minutes for a recorded sum here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from anyio.from_thread import BlockingPortal, start_blocking_portal

from e2e.monitoring import Prometheus, prometheus_of
from e2e.node import LANEWATCH, serve_command
from e2e.processes import LOOPBACK, Command, Program, start
from e2e.tools import ROOT
from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.sources.simulated_stage import FAST
from fakes.metrics_server import answering, head
from fakes.nvml.build import build
from fakes.nvml.scenario import Scenario, reference_node

_GOLDEN: Final = ROOT / "tests/exporter/golden"
_FIXTURES: Final = ROOT / "tests/fixtures"
_RULES: Final = ROOT / "chart/files/rules"
# The demo's own, but that the lane is asked past the gateway each time, not only where something failed.
_ASKED_DIRECTLY: Final = {
    "gateway": {"url": f"http://{LOOPBACK}:1"},  # the demo has its own
    "aliases": [
        {"name": name, "lane": FAST, "interval_seconds": 5, "timeout_seconds": 4, "direct": "always"}
        for name in ("fast", "chat")
    ],
    "lanes": [{"name": FAST, "url": f"http://{LOOPBACK}:1"}],
}
_SAID: Final = re.compile(r"(?:serving |  metrics   )(http://[\d.]+:\d+)")  # of `serve`, and of `demo`
_PAGES: Final = {"dcgm": "dcgm/4.9-h100.prom", "xpum": "xpum/1.x-arc770x2.raw.txt"}
_PACE: Final = "5s"
_START_SECONDS: Final = 60.0  # eleven programs at once on two cores that may have other work


@contextmanager
def showroom(directory: Path, *more: Path) -> Iterator[Prometheus]:
    """Run all of it, and `more` pages, while the context is open; the server first: it sees how each one begins."""
    with start_blocking_portal() as portal, ExitStack() as stack:
        urls = {
            path.stem: stack.enter_context(_saying(portal, path)) for path in (*sorted(_GOLDEN.glob("*.prom")), *more)
        }
        pages = {name: stack.enter_context(_saying(portal, _FIXTURES / page)) for name, page in _PAGES.items()}
        targets = directory / "targets.json"
        _tell(urls, targets)
        rules = _quick_rules(directory / "rules")
        server = stack.enter_context(prometheus_of(targets, rules, directory / "prometheus"))
        programs = stack.enter_context(_all_of([*_demos(directory), *_others(pages, directory)]))
        for name, program in programs.items():
            program.wait_until(partial(_has_announced, program.log), within=_START_SECONDS)
            urls[name] = _announced(program.log)
            _tell(urls, targets)
        yield server


def _tell(urls: Mapping[str, str], targets: Path) -> None:
    """Write the file anew in one step: nobody reads half of it."""
    groups = [{"targets": [urlsplit(url).netloc], "labels": {"cluster": name}} for name, url in urls.items()]
    fresh = targets.with_suffix(".new")
    fresh.write_text(json.dumps(groups))
    fresh.replace(targets)


def _announced(log: Path) -> str:
    """Return the address that a program says it has, empty before it does."""
    found = _SAID.search(log.read_text(errors="replace"))
    return found.group(1) if found else ""


def _has_announced(log: Path) -> bool:
    return bool(_announced(log))


@contextmanager
def _all_of(commands: Sequence[Command]) -> Iterator[Mapping[str, Program]]:
    """Start all programs at once: one after the other would take their starts together."""
    programs: dict[str, Program] = {}
    try:
        for command in commands:
            programs[command.name] = start(command)
        yield programs
    finally:
        for program in programs.values():
            program.process.terminate()
        for program in programs.values():
            program.stop()


def _demos(directory: Path) -> Iterator[Command]:
    for scenario in SCENARIOS:
        config = directory / f"{scenario}.yaml"
        config.write_text(yaml.safe_dump(_ASKED_DIRECTLY if scenario == "healthy" else {}))
        line = (LANEWATCH, "demo", "--scenario", scenario, "--web.listen-address", f"{LOOPBACK}:0", "--config", config)
        yield Command(name=scenario, line=line, directory=directory / scenario)


def _others(pages: Mapping[str, str], directory: Path) -> Iterator[Command]:
    """Yield a true exporter above each recorded page, and one above a driver that the other source contradicts."""
    driver = directory / "driver"
    driver.mkdir()
    fake = Scenario(driver, reference_node())
    off: dict[str, Any] = {"enabled": False}
    configs: dict[str, dict[str, Any]] = {
        "dcgm": {"gpu_source": "dcgm", "dcgm": {"url": pages["dcgm"]}, "nvml": off},
        "xpum": {"gpu_source": "xpum", "xpum": {"url": pages["xpum"]}, "nvml": off},
        "driver": {
            "nvml": {"interval_seconds": 1, "library": str(build(driver / "library"))},
            "dcgm": {"url": pages["dcgm"]},  # of other cards: each source sees what the other does not
            "xpum": {"url": f"http://{LOOPBACK}:1"},  # nobody listens there
        },
    }
    local: dict[str, Any] = {"kubelet": off, "kernel_log": {"read": "never"}, "processes": {"read": "never"}}
    for name, config in configs.items():
        folder = directory / f"{name}-exporter"
        line = serve_command({"node": f"{name}-0", **local, **config}, folder, "--role", "node")
        yield Command(name=name, line=line, directory=folder, environment=fake.environment)


@contextmanager
def _saying(portal: BlockingPortal, page: Path) -> Iterator[str]:
    with portal.wrap_async_context_manager(answering([head(), page.read_bytes()])) as url:
        yield url


def _quick_rules(directory: Path) -> list[Path]:
    directory.mkdir()
    written = []
    for path in sorted(_RULES.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        groups = [{**group, "interval": _PACE} for group in document["groups"]]
        (directory / path.name).write_text(yaml.safe_dump({"groups": groups}))
        written.append(directory / path.name)
    return written
