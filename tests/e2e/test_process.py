"""The exporter as a real process on a machine whose driver misbehaves: a library in C, in NVML's place."""

import signal
import socket
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.node import LANEWATCH, Exporter, exporter, serve_command
from e2e.processes import LOOPBACK
from exporter import catalogue as c
from fakes.nvml.build import build
from fakes.nvml.scenario import Scenario, machine, rtx_pro_4000

TWO_CARDS = machine(rtx_pro_4000(0), rtx_pro_4000(1))
FIRST, SECOND = (str(rtx_pro_4000(index)["uuid"]) for index in (0, 1))
HANG_SECOND = {"gpu.1.sleep.*": "forever"}
VALUES = (c.GPU_MEMORY_USED, c.GPU_POWER, c.GPU_TEMPERATURE, c.GPU_UTILIZATION)
SCRAPES = 21
SLOWEST_SECONDS = 0.05  # of the middle one of the scrapes: a busy machine delays some
USAGE_ERROR = 2


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@contextmanager
def node(values: Mapping[str, Any], library: Path, directory: Path) -> Iterator[tuple[Scenario, Exporter]]:
    """Run the exporter of a node without a kubelet, above this driver; gives both."""
    driver = Scenario(directory, dict(values))
    nvml = {"interval_seconds": 1, "deadline_seconds": 1, "library": str(library)}
    line = serve_command({"nvml": nvml, "kubelet": {"enabled": False}}, directory, "--role", "node")
    with exporter(line, directory, driver.environment) as serving:
        serving.eventually(c.SOURCE_UP, float(library.exists()), source="nvml")
        yield driver, serving


def values_of(serving: Exporter, uuid: str) -> list[str]:
    """Return which of the values are there."""
    return [str(metric) for metric in VALUES if serving.series(metric, gpu_uuid=uuid)]


def users_of(driver: Scenario) -> list[str]:
    """Return the pids of all processes that were started to load this driver."""
    mark = driver.environment["LANEWATCH_FAKE_NVML"].encode()
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if mark in _environment(path)]


def _environment(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended while we looked, or belongs to somebody else
        return b""


def test_a_card_that_hangs_costs_only_its_own_values(library: Path, tmp_path: Path) -> None:
    """The hung card is down with its reason and without values; the other one stays as it was."""
    with node(TWO_CARDS, library, tmp_path) as (driver, serving):
        serving.eventually(c.GPU_UP, 1, gpu_uuid=SECOND)
        driver.set(HANG_SECOND)
        serving.eventually(c.GPU_UP, 0, gpu_uuid=SECOND)
        assert serving.series(c.GPU_UNAVAILABLE, gpu_uuid=SECOND, reason="hung") == [1]
        assert (values_of(serving, FIRST), values_of(serving, SECOND)) == ([str(metric) for metric in VALUES], [])


def test_a_scrape_does_not_wait_for_the_driver(library: Path, tmp_path: Path) -> None:
    """While a call into the driver sleeps for ever, before and after its deadline, a scrape takes milliseconds."""
    with node(TWO_CARDS, library, tmp_path) as (driver, serving), httpx.Client(trust_env=False) as client:
        driver.set(HANG_SECOND)
        before = [client.get(f"{serving.url}/metrics").elapsed.total_seconds() for _ in range(SCRAPES)]
        serving.eventually(c.GPU_UP, 0, gpu_uuid=SECOND)
        after = [client.get(f"{serving.url}/metrics").elapsed.total_seconds() for _ in range(SCRAPES)]
    slowest = max(statistics.median(before), statistics.median(after))
    print(f"median scrape: {slowest * 1000:.1f} ms")
    assert slowest < SLOWEST_SECONDS


def test_sigterm_ends_it_while_the_driver_hangs(library: Path, tmp_path: Path) -> None:
    """It exits with 0 within 5 s, and the process that sits in the driver does not outlive it."""
    with node(TWO_CARDS, library, tmp_path) as (driver, serving):
        driver.set(HANG_SECOND)
        serving.eventually(c.GPU_UP, 0, gpu_uuid=SECOND)
        assert len(users_of(driver)) == 2  # the exporter and its reader
        serving.program.process.send_signal(signal.SIGTERM)
        assert serving.program.process.wait(timeout=5) == 0
        assert users_of(driver) == []


def test_a_lost_card_comes_back_by_itself(library: Path, tmp_path: Path) -> None:
    """A card that fell off the bus keeps its name and its reason; when it answers again, so do its values."""
    with node(TWO_CARDS, library, tmp_path) as (driver, serving):
        driver.set({"gpu.0.lost": 1})
        serving.eventually(c.GPU_UP, 0, gpu_uuid=FIRST)
        assert serving.series(c.GPU_UNAVAILABLE, gpu_uuid=FIRST, reason="lost") == [1]
        driver.set({"gpu.0.lost": None})
        serving.eventually(c.GPU_UP, 1, gpu_uuid=FIRST)
        assert values_of(serving, FIRST) == [str(metric) for metric in VALUES]


def test_a_driver_that_comes_later_is_found(library: Path, tmp_path: Path) -> None:
    """Without the library it serves and says so; once the library is there, the cards appear without a restart."""
    later = tmp_path / "later.so"
    with node(TWO_CARDS, later, tmp_path) as (_, serving):
        assert serving.series(c.SOURCE_ERRORS, source="nvml", kind="absent")[0] > 0
        later.hardlink_to(library)
        serving.eventually(c.GPU_UP, 1, gpu_uuid=FIRST)


def test_a_wrong_configuration_stops_the_start(tmp_path: Path) -> None:
    """The exit status is 2, and one line says what was expected, what was found, and where."""
    line = serve_command({"nvml": {"interval_seconds": 0}}, tmp_path)
    ended = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False)
    expected = f"lanewatch: {tmp_path}/lanewatch.yaml: $.nvml.interval_seconds: expected `float` >= 1.0, found `0`"
    assert (ended.returncode, ended.stderr.strip()) == (USAGE_ERROR, expected)


def test_a_port_in_use_is_said_in_one_line() -> None:
    """It exits at once and names the address, without a traceback."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        line = [str(LANEWATCH), "serve", "--web.listen-address", address]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False)
    assert ended.returncode != 0
    assert address.split(":")[1] in ended.stderr
    assert "Traceback" not in ended.stderr
