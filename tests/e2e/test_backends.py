"""A real llama-server through its life: what looks from outside make of it, and what they cost it."""

import asyncio
import ctypes
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from e2e.processes import LOOPBACK, Command, Program, answers, free_port, running
from e2e.tools import model, tool
from e2e.waiting import eventually
from exporter.backend import Backend
from exporter.config_path import Lane
from probes.backends.looker import Looker

pytestmark = pytest.mark.real

PATIENCE: Final = 2.0  # seconds
SOON: Final = 15.0
USUAL: Final = ("--metrics", "--slots", "-c", "32768")
LOADING: Final = ("--metrics", "-c", "3000000", "--no-warmup", "-fit", "off")  # seconds, instead of none
LONG_ANSWER: Final = {
    "messages": [{"role": "user", "content": "ping"}],
    "max_tokens": 30_000,
    "stream": True,
}
KEY: Final = "sk-lane-1234"
ATTACH, DETACH, WALL = 16, 17, 0x40000000


@contextmanager
def server(port: int, directory: Path, *options: str) -> Iterator[Program]:
    """Run a llama-server of one slot while the context is open; it may still load its model."""
    address = ("--host", LOOPBACK, "--port", str(port), "--no-ui", "--offline", "-t", "1", "-tb", "1")
    line: tuple[str | Path, ...] = (
        tool("llama-server"),
        "-m",
        model("tiny-chat"),
        "-np",
        "1",
        "--cache-ram",
        "0",
        *address,
        *options,
    )
    with running(Command(name="lane", line=line, directory=directory)) as program:
        yield program


@contextmanager
def well(port: int, directory: Path, *options: str) -> Iterator[Program]:
    """Run one that has loaded its model."""
    with server(port, directory, *options) as program:
        program.wait_until(lambda: answers(f"http://{LOOPBACK}:{port}/health"), within=30.0)
        yield program


@contextmanager
def user(port: int, key: str = "") -> Iterator[None]:
    """Keep a long answer coming while the context is open."""
    done, begun = threading.Event(), threading.Event()

    def ask() -> None:
        url = f"http://{LOOPBACK}:{port}/v1/chat/completions"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        while not done.is_set():
            with httpx.stream("POST", url, json=LONG_ANSWER, headers=headers, timeout=60.0, trust_env=False) as answer:
                for _ in answer.iter_raw():
                    begun.set()
                    if done.is_set():
                        return

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        assert begun.wait(SOON)
        yield
    finally:
        done.set()
        thread.join(SOON)


@contextmanager
def main_loop_stopped(pid: int) -> Iterator[None]:
    """Stop the main thread alone, as a call that never comes back from a card does; others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(ATTACH, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(pid, WALL)
    try:
        yield
    finally:
        libc.ptrace(DETACH, pid, None, None)


class Watch:
    """One lane that is looked at from outside."""

    def __init__(self, port: int, key_variable: str = "") -> None:
        lane = Lane(name="fast", url=f"http://{LOOPBACK}:{port}", key_variable=key_variable)
        self._looker = Looker((lane,), PATIENCE)

    def look(self) -> Backend:
        return asyncio.run(self._looker.look("fast"))

    def becomes(self, state: str) -> Backend:
        """Wait until the lane is in this state."""
        last: list[Backend] = []

        def state_now() -> str:
            last.append(self.look())
            return last[-1].state

        eventually(state_now, state, within=SOON, what="state")
        return last[-1]


def test_life(tmp_path: Path) -> None:
    """Down, loading, idle, busy, idle, and down at once when it is killed."""
    port = free_port()
    watch = Watch(port)
    assert watch.look().state == "down"
    with server(port, tmp_path, *LOADING) as program:
        watch.becomes("loading")
        idle = watch.becomes("idle")
        with user(port):
            assert watch.becomes("busy").slots == {"busy": 1, "free": 0}
        watch.becomes("idle")
        program.kill()
        assert watch.look().state == "down"
    assert (idle.scrape, idle.kind, idle.model) == ("ok", "llamacpp", "tiny-chat.gguf")


def test_stopped(tmp_path: Path) -> None:
    """A process that is stopped takes connections and answers nothing; it goes on as if nothing had been."""
    port = free_port()
    watch = Watch(port)
    with well(port, tmp_path, *USUAL) as program:
        watch.becomes("idle")
        program.process.send_signal(signal.SIGSTOP)
        try:
            assert watch.becomes("stopped").scrape == "silent"
        finally:
            program.process.send_signal(signal.SIGCONT)
        watch.becomes("idle")


def test_wedged(tmp_path: Path) -> None:
    """A main loop that hangs is wedged although `/health` is well, and is well again when it goes on."""
    port = free_port()
    watch = Watch(port)
    with well(port, tmp_path, *USUAL) as program:
        watch.becomes("idle")
        with main_loop_stopped(program.process.pid):
            assert watch.becomes("wedged").scrape == "silent"
            assert answers(f"http://{LOOPBACK}:{port}/health")
        watch.becomes("idle")


@pytest.mark.parametrize(
    ("options", "shown", "expected"),
    [
        pytest.param(("--metrics", "--no-slots"), "", ("ok", "busy"), id="without slots the metrics tell"),
        pytest.param(("--slots",), "", ("not_served", "busy"), id="without metrics the slots tell"),
        pytest.param(("--no-slots",), "", ("not_served", "idle"), id="without both it is healthy, no more"),
        pytest.param(("--metrics", "--api-key", KEY), "", ("forbidden", "idle"), id="without the key it is healthy"),
        pytest.param(("--metrics", "--api-key", KEY), KEY, ("ok", "busy"), id="with the key it tells all"),
    ],
)
def test_flags(
    options: tuple[str, ...], shown: str, expected: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lane serves a user whatever its pages tell: the scrape is a finding apart from the state."""
    port = free_port()
    monkeypatch.setenv("LANE_KEY", shown)
    with well(port, tmp_path, "-c", "32768", *options), user(port, KEY):
        backend = Watch(port, key_variable="LANE_KEY").look()
    assert expected == (backend.scrape, backend.state)


def test_a_sleeping_lane_is_let_sleep(tmp_path: Path) -> None:
    """Looks neither keep a lane awake nor wake it."""
    port = free_port()
    watch = Watch(port)
    with well(port, tmp_path, *USUAL, "--sleep-idle-seconds", "2"):
        watch.becomes("idle")
        watch.becomes("asleep")
        assert {watch.look().state for _ in range(20)} == {"asleep"}


def test_cost(tmp_path: Path) -> None:
    """A look at a lane that decodes takes less than 100 ms, and never waits in the lane's own queue."""
    port = free_port()
    watch = Watch(port)
    seconds, waiting = [], set()
    with well(port, tmp_path, *USUAL), user(port):
        watch.becomes("busy")
        for _ in range(40):
            begun = time.perf_counter()
            waiting.add(watch.look().engine.waiting)
            seconds.append(time.perf_counter() - begun)
    print(f"look while decoding: median {statistics.median(seconds):.4f} s, worst {max(seconds):.4f} s")
    assert waiting == {0.0}
    assert statistics.median(seconds) < 0.1
