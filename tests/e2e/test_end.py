"""SIGTERM ends the exporter within 5 s with 0, whatever it does at that moment, and nothing of it stays."""

import random
import resource
import signal
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from benchmarks.cost import family
from e2e.node import LANEWATCH
from e2e.processes import LOOPBACK, Command, Program, free_port, running
from fakes.nvml.build import build
from fakes.nvml.scenario import Scenario, machine, rtx_pro_4000

pytestmark = pytest.mark.real

_MOST_SECONDS: Final = 5.0
_STATES: Final = 16
_PASSWORD: Final = "bob: $2y$18$4VeFDzXIoPHKnKTU3O3GH.N.vZu06CVqczYZ8WvfzrddFU6tGqjR."  # noqa: S105  # takes seconds to check
_DRIVERS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"gpu.1.sleep.*": "forever"},
    {"sleep.*": "forever"},
    {"delay_us.*": 200_000},
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@contextmanager
def _silent() -> Iterator[int]:
    """Give the port of a server that lets anybody connect and says nothing."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield int(server.getsockname()[1])


def _config(directory: Path, library: Path, silent: int, choose: random.Random) -> dict[str, Any]:
    """Return a configuration of which every outside system hangs, is not there, or is switched off."""
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": f"http://{LOOPBACK}:{silent}"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    gateway = {"url": f"http://{LOOPBACK}:{choose.choice([silent, 9])}"}
    alias = {"interval_seconds": 30, "timeout_seconds": 30, "lane": "lane"}
    return {
        "nvml": {"interval_seconds": 1, "deadline_seconds": choose.choice([1, 60]), "library": str(library)},
        "kubelet": {"socket": str(directory / "none.sock")},
        "kubernetes": {"enabled": choose.random() < 0.8, "kubeconfig": str(kubeconfig)},
        "agents": {"urls": {"n": f"http://{LOOPBACK}:{silent}/metrics"}},
        "gateway": gateway,
        "lanes": [{"name": "lane", "url": f"http://{LOOPBACK}:{silent}"}],
        "aliases": [{"name": name, **alias} for name in ("fast", "chat", "agent")],
    }


def _visit(port: int, choose: random.Random, stack: ExitStack) -> None:
    """Be some clients that hold a connection each: half a request, a password, a page that is not read, a probe."""
    secret = b64encode(b"bob:wrong").decode()
    visits = (
        b"GET /metrics HTTP/1.1\r\nHost:",
        f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {secret}\r\n\r\n".encode(),
        b"GET /probe?alias=fast HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"",
    )
    for said in choose.sample(visits, choose.randint(0, len(visits))):
        client = stack.enter_context(closing(socket.create_connection((LOOPBACK, port), timeout=5)))
        client.sendall(said)


def _is_listening(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex((LOOPBACK, port)) == 0


def _line(directory: Path, port: int, choose: random.Random) -> list[str | Path]:
    web = directory / "web.yaml"
    web.write_text(f"basic_auth_users: {{{_PASSWORD}}}\n" if choose.random() < 0.5 else "")
    role = choose.choice(["node", "cluster", "all", "all"])
    address = f"{LOOPBACK}:{port}"
    files: list[str | Path] = ["--config", directory / "lanewatch.yaml", "--web.config.file", web]
    return [LANEWATCH, "serve", *files, "--role", role, "--web.listen-address", address]


def _reach_a_state(program: Program, port: int, choose: random.Random, stack: ExitStack) -> None:
    """Let it run for a while that may end before it listens; then be its clients, and change its configuration."""
    if choose.random() < 0.3:
        time.sleep(choose.uniform(0.3, 1.5))
        return
    program.wait_until(lambda: _is_listening(port), within=20)
    time.sleep(choose.uniform(0, 2.5))
    _visit(port, choose, stack)
    if choose.random() < 0.4:
        path = program.command.directory / "lanewatch.yaml"
        path.write_text(path.read_text().replace("name: chat", "name: other"))
        program.process.send_signal(signal.SIGHUP)
    time.sleep(choose.uniform(0, 0.5))


@pytest.mark.parametrize("seed", range(_STATES))
def test_it_ends_in_time_in_any_state(seed: int, library: Path, tmp_path: Path) -> None:
    choose = random.Random(seed)  # noqa: S311  # no secret
    driver = Scenario(tmp_path, {**machine(rtx_pro_4000(0), rtx_pro_4000(1)), **choose.choice(_DRIVERS)})
    port = free_port()
    with ExitStack() as stack:
        silent = stack.enter_context(_silent())
        (tmp_path / "lanewatch.yaml").write_text(yaml.safe_dump(_config(tmp_path, library, silent, choose)))
        line = _line(tmp_path, port, choose)
        command = Command(name="lanewatch", line=line, directory=tmp_path, environment=driver.environment)
        program = stack.enter_context(running(command))
        _reach_a_state(program, port, choose, stack)
        processes = family(program.process.pid)
        program.process.send_signal(choose.choice([signal.SIGTERM, signal.SIGINT]))
        with program.explaining():
            try:
                code = program.process.wait(_MOST_SECONDS)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"expected an end within {_MOST_SECONDS:g} s, found none") from None
            assert code == 0
        assert "Traceback" not in program.tail()
    assert [pid for pid in processes if Path(f"/proc/{pid}").exists()] == []
    assert not _is_listening(port)


def test_a_port_in_use_ends_the_start_with_1_within_2_seconds(tmp_path: Path) -> None:
    """Seconds of CPU, for neighbours may have the rest; one line says which address, and what is wrong with it."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        address = f"{LOOPBACK}:{taken.getsockname()[1]}"
        before = _seconds_of_children()
        line = [str(LANEWATCH), "serve", "--role", "node", "--web.listen-address", address]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=10, check=False, cwd=tmp_path)
        seconds = _seconds_of_children() - before
    assert ended.returncode == 1
    said = f"lanewatch: expected to listen on {address}, found: Address already in use"
    assert ended.stderr.strip().splitlines()[-1] == said
    assert seconds < 2


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
