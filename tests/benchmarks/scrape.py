"""Measures a scrape of the node role against nvitop-exporter and a floor server, interleaved in one run.

All of them read, or were filled from, the same fake driver with eight cards. Ratios within one run are what counts:
milliseconds depend on the neighbours. Exit 1 where a bar does not hold.
"""

import argparse
import gzip
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from benchmarks import cost
from fakes.kubelet import Answer, kubelet, pod
from fakes.nvml import build, scenario

_ROOT = Path(__file__).parents[2]
_CARDS = 8
_BLOCK = 20  # scrapes of one program before it is the next one's turn
_HEADERS = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"}
_MIB = 1 << 20


@dataclass
class Subject:
    """One program under measurement."""

    name: str
    process: subprocess.Popen[str]
    port: int
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0
    body: bytes = b""

    def scrape(self, count: int) -> None:
        """Scrape `count` times over one connection, as Prometheus does."""
        pids = cost.family(self.process.pid)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.connect()
        before = cost.cpu_seconds(pids)
        for _ in range(count):
            started = time.perf_counter()
            connection.request("GET", "/metrics", headers=_HEADERS)
            answer = connection.getresponse()
            self.body = answer.read()
            self.seconds.append(time.perf_counter() - started)
        self.cpu_seconds += cost.cpu_seconds(pids) - before
        connection.close()

    def text(self) -> bytes:
        """Return the page of the last scrape."""
        return gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body

    def quantile(self, share: float) -> float:
        """Return a quantile of the scrapes, milliseconds."""
        return statistics.quantiles(self.seconds, n=1000, method="inclusive")[round(share * 1000) - 1] * 1e3

    @property
    def cpu_milliseconds(self) -> float:
        """CPU of one scrape, milliseconds; what the program does beside is in it."""
        return self.cpu_seconds / len(self.seconds) * 1e3


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(subject: Subject, needle: bytes) -> None:
    """Wait until a scrape shows `needle`, one minute at most; what it cost is forgotten."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(OSError):
            subject.scrape(1)
        if needle in subject.text():
            subject.seconds.clear()
            subject.cpu_seconds = 0.0
            return
        time.sleep(0.05)
    raise SystemExit(f"{subject.name}: expected {needle!r} on /metrics within 60 s")


class Stage:
    """Starts the programs, each on a fake driver of its own with the same eight cards."""

    def __init__(
        self,
        stack: ExitStack,
        directory: Path,
        *,
        delay_us: int,
        entering: tuple[list[str], dict[str, str]] = ([], {}),  # read only
    ) -> None:
        self._stack = stack
        self._directory = directory
        self._delay_us = delay_us
        self._entering = entering  # what goes before each command line, and its variables
        self._library = build.build(directory / "nvml")
        self.drivers: dict[str, scenario.Scenario] = {}

    def lanewatch(self) -> Subject:
        """Start our node role beside a kubelet that gave each card to a pod."""
        port = free_port()
        socket_path = self._directory / "kubelet.sock"
        pods = [pod(f"lane-{index}", str(scenario.h100(index)["uuid"])) for index in range(_CARDS)]
        portal = self._stack.enter_context(start_blocking_portal())
        self._stack.enter_context(portal.wrap_async_context_manager(kubelet(socket_path, Answer(pod_resources=pods))))
        config = self._directory / "lanewatch.yaml"
        config.write_text(f"kubelet: {{socket: {socket_path}}}\n")
        address = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "lanewatch", "serve", "--role", "node", "--log.level", "error"]
        command += ["--web.listen-address", address, "--config", str(config)]
        return self._start("lanewatch", command, port, needle=b'state="owned"} 1.0')

    def nvitop(self) -> Subject:
        """Start nvitop-exporter, with its own defaults."""
        port = free_port()
        binary = subprocess.run(
            [sys.executable, "tests/tools/build.py", "--print-bin"],
            cwd=_ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        command = [f"{binary}/nvitop-exporter", "--bind-address", "127.0.0.1", "--port", str(port)]
        return self._start("nvitop-exporter", command, port, needle=b"gpu_temperature")

    def floor(self, body: bytes) -> Subject:
        """Start the floor with the very bytes that we serve."""
        prepared = self._directory / "page"
        prepared.write_bytes(body)
        command = [sys.executable, str(Path(__file__).with_name("floor.py")), str(prepared)]
        process = self._stack.enter_context(_running(command, {}))
        assert process.stdout is not None
        return Subject("floor", process, int(process.stdout.readline()))

    def _start(self, name: str, command: list[str], port: int, *, needle: bytes) -> Subject:
        home = self._directory / name
        home.mkdir()
        driver = scenario.Scenario(home, {**scenario.h100_node(_CARDS), "delay_us.*": self._delay_us})
        self.drivers[name] = driver
        environment = {**driver.environment, **scenario.preload_environment(self._library)}
        before, variables = self._entering
        running = _running([*before, *command], environment | variables)
        subject = Subject(name, self._stack.enter_context(running), port)
        _wait_for(subject, needle)
        return subject

    def hang_a_card(self, ours: Subject) -> None:
        """Let a call on the first card sleep for ever, for everyone, and wait until we say so."""
        for driver in self.drivers.values():
            driver.set({"gpu.0.sleep.*": "forever"})
        _wait_for(ours, b'reason="hung"} 1.0')

    def calls(self, name: str) -> int:
        """Return how many calls a program made into its driver so far."""
        return sum(self.drivers[name].calls().values())


def _calls_a_minute(stage: Stage, subject: Subject, seconds: float, *, scrapes_a_second: float) -> float:
    """Return the driver calls a minute of a program that is scraped so often."""
    before, started = stage.calls(subject.name), time.monotonic()
    while time.monotonic() - started < seconds:
        if scrapes_a_second:
            Subject(subject.name, subject.process, subject.port).scrape(1)
        time.sleep(1 / scrapes_a_second if scrapes_a_second else 0.5)
    return (stage.calls(subject.name) - before) / (time.monotonic() - started) * 60


def _report(subjects: list[Subject]) -> None:
    print(f"{'':18}{'samples':>8}{'bytes':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms':>9}{'RSS MiB':>9}{'PSS MiB':>9}")
    for one in subjects:
        pids = cost.family(one.process.pid)
        body = one.text()
        samples = sum(not line.startswith(b"#") for line in body.splitlines())
        print(
            f"{one.name:18}{samples:8d}{len(body):9d}{one.quantile(0.5):9.3f}{one.quantile(0.99):9.3f}"
            f"{one.cpu_milliseconds:9.4f}{cost.memory_bytes(pids, 'Rss') / _MIB:9.1f}"
            f"{cost.memory_bytes(pids, 'Pss') / _MIB:9.1f}"
        )


def _bars(ours: Subject, peer: Subject, floor: Subject, idle: float, busy: float) -> list[tuple[str, bool]]:
    pss = cost.memory_bytes(cost.family(ours.process.pid), "Pss") / _MIB
    to_floor = ours.quantile(0.5) / floor.quantile(0.5)
    to_peer = peer.quantile(0.5) / ours.quantile(0.5)
    cpu_to_peer = peer.cpu_milliseconds / ours.cpu_milliseconds
    families = ours.text().count(b"# TYPE")
    return [
        (f"{families} families of {_CARDS} cards, at least 60", families >= 60),
        (f"p50 is {to_floor:.2f} times the floor's, at most 5", to_floor <= 5),
        (f"p50 is {to_peer:.1f} times faster than nvitop-exporter's, at least 10", to_peer >= 10),
        (f"CPU a scrape is {cpu_to_peer:.1f} times less than nvitop-exporter's, at least 10", cpu_to_peer >= 10),
        (
            f"driver calls a minute: {idle:.0f} without and {busy:.0f} with 20 scrapes a second, no growth",
            busy <= idle * 1.15,
        ),
        (f"driver calls a minute: {idle:.0f}, at most 1000", idle <= 1000),
        (f"PSS of all our processes: {pss:.1f} MiB, at most 64", pss <= 64),
    ]


def main() -> int:
    """Run it all and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scrapes", type=int, default=600, help="scrapes of each program")
    parser.add_argument("--delay-us", type=int, default=0, help="time of each driver call, microseconds")
    parser.add_argument("--hung-card", action="store_true", help="a call on one of the cards never returns")
    parser.add_argument("--calls-seconds", type=float, default=60, help="how long the driver calls are counted")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        stage = Stage(stack, Path(directory), delay_us=arguments.delay_us)
        ours, peer = stage.lanewatch(), stage.nvitop()
        floor = stage.floor(ours.body)
        if arguments.hung_card:
            stage.hang_a_card(ours)
        subjects = [ours, peer, floor]
        for subject in subjects:
            subject.scrape(_BLOCK)  # warm
            subject.seconds.clear()
            subject.cpu_seconds = 0.0
        for _ in range(arguments.scrapes // _BLOCK):
            for subject in subjects:
                subject.scrape(_BLOCK)
        idle = _calls_a_minute(stage, ours, arguments.calls_seconds, scrapes_a_second=0)
        busy = _calls_a_minute(stage, ours, arguments.calls_seconds, scrapes_a_second=20)
        _report(subjects)
        print(f"nvitop-exporter: {_calls_a_minute(stage, peer, 10, scrapes_a_second=0):.0f} driver calls a minute")
        bars = _bars(ours, peer, floor, idle, busy)
    for said, holds in bars:
        print(f"{'holds ' if holds else 'FAILS '} {said}")
    return 0 if all(holds for _, holds in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
