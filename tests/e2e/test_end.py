"""SIGTERM ends the exporter within 5 s with 0, whatever it does at that moment, and nothing of it stays."""

import random
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from benchmarks.cost import family
from e2e.node import LANEWATCH
from e2e.processes import LOOPBACK, Command, Program, free_port, running
from e2e.states import STATES, Place, State, config_of, kubeconfig
from fakes.nvml.build import build
from fakes.nvml.scenario import Scenario, machine, rtx_pro_4000

pytestmark = pytest.mark.real

_MOST_SECONDS: Final = 5.0
_START_SECONDS: Final = 30.0
_SIDE_BY_SIDE: Final = 6


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, "Future[None]"]]:
    """Bring an exporter into each state and ask it to end, several side by side; give what came of each."""
    library = build(tmp_path_factory.mktemp("driver"))
    with _silent() as silent, ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        yield {
            state.name: pool.submit(_end_in, state, tmp_path_factory.mktemp("state"), library, silent)
            for state in STATES
        }


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_it_ends_in_time_in_any_state(ends: "Mapping[str, Future[None]]", state: State) -> None:
    ends[state.name].result()


def test_the_states_are_many_and_none_is_there_twice() -> None:
    assert len({state.name for state in STATES}) == len(STATES) >= 50


def _end_in(state: State, directory: Path, library: Path, silent: int) -> None:
    """Raise an `AssertionError` where an exporter in this state does not end as it should."""
    driver = Scenario(directory, {**machine(rtx_pro_4000(0), rtx_pro_4000(1)), **state.driver})
    (directory / "kubeconfig").write_text(kubeconfig(silent))
    (directory / "lanewatch.yaml").write_text(config_of(state, library=library, here=directory, silent=silent))
    port = free_port()
    with ExitStack() as stack:
        stack.enter_context(_silent_socket(directory / "silent.sock"))
        line = _line(state, directory, port)
        command = Command(name="lanewatch", line=line, directory=directory, environment=driver.environment)
        program = stack.enter_context(running(command))
        place = Place(program, port, driver, stack, random.Random(state.name))  # noqa: S311  # no secret
        program.wait_until(lambda: _is_at(state, place), within=_START_SECONDS)
        with program.explaining():
            state.act(place)
            processes = _family(program)
            state.ask(place)
            _judge_the_end(program, processes, port)


def _line(state: State, directory: Path, port: int) -> list[str | Path]:
    web = directory / "web.yaml"
    web.write_text(state.web)
    files: list[str | Path] = ["--config", directory / "lanewatch.yaml", "--web.config.file", web]
    return [LANEWATCH, "serve", *files, "--role", state.role, "--web.listen-address", f"{LOOPBACK}:{port}"]


def _is_at(state: State, place: Place) -> bool:
    return _hears(place.program) if state.moment == "hearing" else _is_listening(place.port)


def _hears(program: Program) -> bool:
    """Whether it heeds SIGTERM by now: before that, the kernel ends it."""
    text = Path(f"/proc/{program.process.pid}/status").read_text()
    caught = next(line for line in text.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def _family(program: Program) -> list[int]:
    """Return the process and its children, of which one may come or go in the midst of it."""
    for _ in range(20):
        with suppress(OSError):
            return family(program.process.pid)
    raise AssertionError("expected the children of the exporter to be listed, found them changing")


def _judge_the_end(program: Program, processes: list[int], port: int) -> None:
    began = time.monotonic()
    try:
        code = program.process.wait(_MOST_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"expected an end within {_MOST_SECONDS:g} s, found none") from None
    assert code == 0, f"expected exit code 0, found {code} after {time.monotonic() - began:.1f} s"
    assert "Traceback" not in program.log.read_text(errors="replace")
    assert [pid for pid in processes if Path(f"/proc/{pid}").exists()] == []
    assert not _is_listening(port)


@contextmanager
def _silent() -> Iterator[int]:
    """Give the port of a server that lets anybody connect and says nothing."""
    with socket.create_server((LOOPBACK, 0), backlog=1024) as server:
        yield int(server.getsockname()[1])


@contextmanager
def _silent_socket(path: Path) -> Iterator[None]:
    """Be a kubelet that lets anybody connect and says nothing."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield


def _is_listening(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex((LOOPBACK, port)) == 0


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
