"""How each fault is made and unmade: by the names of the table."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Final

import httpx

from e2e.faults.front import server_tls
from e2e.faults.scene import Scene
from e2e.faults.stub import Play
from exporter.errors import SourceError
from exporter.poll import Part

Make = Callable[[Scene], AbstractContextManager[None]]
_ATTACH: Final = 16
_DETACH: Final = 17
_WALL: Final = 0x40000000


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    """End the lane's server at once; it is started again in the end."""
    scene.lane.kill()
    try:
        yield
    finally:
        scene.lane.start()


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    """Stop the lane's process."""
    os.kill(scene.lane.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(scene.lane.pid, signal.SIGCONT)


@contextmanager
def wedged(scene: Scene) -> Iterator[None]:
    """Stop the main thread alone; who attaches must be the one who detaches, so this stays on one thread."""
    pid = scene.lane.pid
    _ptrace(_ATTACH, pid)
    try:
        yield
    finally:
        _ptrace(_DETACH, pid)


def begun_as(model_name: str, *options: str) -> Make:
    """Return who starts another server in the lane's place."""

    @contextmanager
    def make(scene: Scene) -> Iterator[None]:
        scene.lane.start_as(model_name, *options)
        try:
            yield
        finally:
            scene.lane.start()

    return make


@contextmanager
def busy(scene: Scene) -> Iterator[None]:
    """Keep the only slot working for users who ask one after the other."""
    done = threading.Event()
    user = threading.Thread(target=_ask_for_ever, args=(scene.lane.url, done), daemon=True)
    user.start()
    try:
        yield
    finally:
        done.set()
        user.join()


def _ask_for_ever(url: str, done: threading.Event) -> None:
    while not done.is_set():
        with suppress(httpx.TransportError):
            _ask(url, done)


def _ask(url: str, done: threading.Event) -> None:
    body = {"messages": [{"role": "user", "content": "tell"}], "max_tokens": 4000, "stream": True}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60.0, trust_env=False) as answer:
        for _ in answer.iter_lines():
            if done.is_set():
                return


def played(play: Play) -> Make:
    """Return who lets the lane's stub play this."""
    return lambda scene: scene.playing(play)


def instead(play: Play) -> Make:
    """Return who lets a stub answer in the gateway's place."""
    return lambda scene: scene.replaced(play)


def keyed(text: str) -> Make:
    """Return who writes another key."""
    return lambda scene: scene.holding_key(text)


def told(**parts: Callable[[str], Part] | SourceError) -> Make:
    """Return who lets sources say something else of the lane."""

    def make(scene: Scene) -> AbstractContextManager[None]:
        said = {name: part if isinstance(part, SourceError) else part(scene.alias) for name, part in parts.items()}
        return scene.handed.saying(**said)

    return make


def both(*makes: Make) -> Make:
    """Return who makes one fault and, while it is, the other."""

    @contextmanager
    def make(scene: Scene) -> Iterator[None]:
        with ExitStack() as stack:
            for one in makes:
                stack.enter_context(one(scene))
            yield

    return make


def expired(scene: Scene) -> AbstractContextManager[None]:
    """Show a certificate of yesterday."""
    return scene.front.showing(*(server_tls(pem) for pem in (scene.old, scene.good)))


@contextmanager
def unnamed(scene: Scene) -> Iterator[None]:
    """Watch a gateway whose name nobody knows; then correct it."""
    scene.watch_again(url="http://gateway.invalid:4000")
    try:
        yield
    finally:
        scene.watch_again()


def astray(scene: Scene) -> AbstractContextManager[None]:
    """Lead to the gateway that is configured wrongly."""
    return scene.front.leading_to(scene.true.astray)


def _ptrace(request: int, pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(request, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    if request == _ATTACH:
        os.waitpid(pid, _WALL)  # until it stands
