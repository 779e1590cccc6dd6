"""Makes faults on real parts and looks what the verdict says: how soon it names the cause, and that it clears."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from anyio.from_thread import start_blocking_portal

from e2e.faults.plans import PLANS
from e2e.faults.scene import INTERVAL, KEY, LANE_KEY, TIMEOUT, Gateways, Scene
from e2e.path import Lane, LiteLLM, chat_deployment, kept_port, litellm, warm_up
from e2e.processes import LOOPBACK, Program
from probes.fault_matrix import FAULTS, Fault

ROUNDS: Final = 3
# two intervals with their jitter, and a turn that waits in vain: probe, look, direct question, and a page; beside the
# usual interval of a minute that is little
NAMED_WITHIN: Final = 2 * INTERVAL * 1.1 + TIMEOUT + 1.8 + TIMEOUT + 1.2
_CLEARED_WITHIN: Final = 2 * NAMED_WITHIN
_CLEARED_LATE: Final = 45.0  # who is told to ask less often keeps away for half a minute
_START: Final = 20.0
_AT_ONCE: Final = 6
_LOOK: Final = 0.05
_SPARE: Final = "spare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What one round of one fault showed."""

    causes: tuple[str, ...]  # named while the fault was there, in their order
    named_after: float | None  # seconds; None: never
    cleared_after: float | None
    later: tuple[str, ...] = ()  # causes that were named after the fault was gone
    outcomes: tuple[str, ...] = ()
    trouble: str = ""
    leaks: tuple[str, ...] = ()


def play_all(names: Sequence[str], directory: Path, rounds: int = ROUNDS) -> dict[str, list[Played]]:
    """Make each of these faults so many times, a few at once, and return what was seen."""
    with ExitStack() as stack:
        log = stack.enter_context(_all_logged())
        portal = stack.enter_context(start_blocking_portal())
        scenes = [Scene(name, PLANS[name], directory, portal) for name in names]
        _raise_curtain(scenes, directory, stack)
        faults = {fault.name: fault for fault in FAULTS}
        shared = sorted((one for one in scenes if not one.plan.is_alone), key=lambda one: not one.plan.is_slow)
        alone = [scene for scene in scenes if scene.plan.is_alone]

        def play(scene: Scene) -> list[Played]:
            return list(_rounds(scene, faults[scene.name], rounds))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            results = dict(zip((scene.name for scene in shared), pool.map(play, shared), strict=True))
        results |= {scene.name: play(scene) for scene in alone}
        leaks = tuple(leaks_in("\n".join(log))) if log else ("nothing was logged",)
    if leaks:
        results = {name: [replace(one, leaks=(*one.leaks, *leaks)) for one in each] for name, each in results.items()}
    return results


def _raise_curtain(scenes: Sequence[Scene], directory: Path, stack: ExitStack) -> None:
    """Start lanes and gateways."""
    for scene in scenes:
        stack.enter_context(scene.set_up())
    spare = stack.enter_context(Lane(_SPARE, "tiny-stop", directory / _SPARE).serving())
    gateways = _Gateways(scenes, spare, directory)
    true = stack.enter_context(gateways.running())
    for scene in scenes:
        scene.gateways = true


class _Gateways:
    """The gateway that is well and the one that goes astray."""

    def __init__(self, scenes: Sequence[Scene], spare: Lane, directory: Path) -> None:
        right = [scene.right() for scene in scenes]
        wrong = [one for scene in scenes if scene.plan.astray and (one := scene.plan.astray(scene))]
        fallbacks = [{scene.alias: [_SPARE]} for scene in scenes if scene.plan.has_fallback]
        always = chat_deployment(_SPARE, spare)
        self._right = LiteLLM([*right, always], directory / "right", key=KEY, router={"fallbacks": fallbacks})
        self._wrong = LiteLLM([*wrong, always], directory / "wrong", key=KEY)
        self._stack = ExitStack()
        self._port = kept_port()
        self._program: Program | None = None

    @contextmanager
    def running(self) -> Iterator[Gateways]:
        """Run both while the context is open."""
        with ExitStack() as stack:
            wrong, _ = stack.enter_context(litellm(self._wrong))
            warm_up(wrong, _SPARE, KEY)
            stack.callback(self._stack.close)
            self._start()
            url = f"http://{LOOPBACK}:{self._port}"
            yield Gateways(url=url, astray=wrong, stop=self._stopped, kill=self._killed)

    def _start(self) -> None:
        url, self._program = self._stack.enter_context(litellm(replace(self._right, port=self._port)))
        warm_up(url, _SPARE, KEY)

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        pid = self._pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @contextmanager
    def _killed(self) -> Iterator[None]:
        os.kill(self._pid, signal.SIGKILL)
        try:
            yield
        finally:
            self._stack.close()
            self._start()

    @property
    def _pid(self) -> int:
        if self._program is None:
            raise AssertionError("expected a gateway that runs, found none")
        return self._program.process.pid


def _rounds(scene: Scene, fault: Fault, rounds: int) -> Iterator[Played]:
    try:
        with scene.watched():
            for number in range(rounds):
                yield _round(scene, fault, is_shown=number == 0)
    except Exception as error:  # noqa: BLE001  # one scene that breaks must not hide what the others show
        yield Played(causes=(), named_after=None, cleared_after=None, trouble=f"{type(error).__name__}: {error}")


def _round(scene: Scene, fault: Fault, *, is_shown: bool) -> Played:
    if _wait(scene, "none", _START, []) is None:
        return Played(
            causes=tuple(scene.watch.cause(scene.alias)),
            named_after=None,
            cleared_after=None,
            trouble=f"never well: {_evidence(scene)}",
        )
    causes: list[str] = []
    before = scene.watch.outcomes(scene.alias)
    with scene.plan.make(scene):
        named = _hold(scene, causes) if fault.cause == "none" else _wait(scene, fault.cause, NAMED_WITHIN, causes)
        trouble = _missing(scene) if named is not None else _evidence(scene)
        if is_shown and named is not None:
            _stay(scene, INTERVAL + TIMEOUT, causes)
        outcomes = tuple(sorted(+(scene.watch.outcomes(scene.alias) - before)))
        leaks = tuple(leaks_in(_shown(scene))) if is_shown else ()
    later: list[str] = []
    cleared = _wait(scene, "none", _CLEARED_LATE if scene.plan.is_slow else _CLEARED_WITHIN, later)
    return Played(
        causes=tuple(causes),
        named_after=named,
        cleared_after=cleared,
        later=tuple(later),
        outcomes=outcomes,
        trouble=trouble,
        leaks=leaks,
    )


def _wait(scene: Scene, expected: str, within: float, causes: list[str]) -> float | None:
    """Return after how many seconds the cause is the expected one; None: not in time."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < within:
        now = scene.watch.cause(scene.alias)
        causes += [cause for cause in now if not causes or causes[-1] != cause]
        if now == {expected}:
            return passed
        threading.Event().wait(_LOOK)
    return None


def _stay(scene: Scene, seconds: float, causes: list[str]) -> None:
    """Note for so long which causes are named."""
    _wait(scene, "", seconds, causes)


def _hold(scene: Scene, causes: list[str]) -> float | None:
    """Return 0 where no cause was named for as long as one might have taken."""
    _stay(scene, NAMED_WITHIN, causes)
    return 0.0 if set(causes) <= {"none"} else None


def _missing(scene: Scene) -> str:
    """Return what else should be shown and is not."""
    if scene.plan.shows is None:
        return ""
    metric, label, value = scene.plan.shows
    until = time.monotonic() + NAMED_WITHIN
    while (found := scene.watch.shows(metric, label, scene.alias)) != {value}:
        if time.monotonic() > until:
            return f"{metric}: expected {value}, found {found}"
        threading.Event().wait(_LOOK)
    return ""


def _evidence(scene: Scene) -> str:
    """Return what the watcher says of the alias, for whoever reads a failure."""
    return scene.watch.explain(scene.alias)


def _shown(scene: Scene) -> str:
    """Return everything that a person can get to see while the fault is there."""
    config = scene.directory / "lanewatch.yaml"
    asked = ("--config", str(config), "--alias", scene.alias, "--timeout", "1")
    bin_ = Path(sys.executable).parent
    lines = (
        (bin_ / "probe", *asked),
        (bin_ / "probe", *asked, "--direct", "--output", "json"),
        (bin_ / "lanewatch", "explain", "--alias", scene.alias, "--url", scene.watch.url),
    )
    outputs = [subprocess.run(line, capture_output=True, text=True, check=False, timeout=60) for line in lines]
    return "\n".join([scene.watch.shown(scene.alias), *(f"{one.stdout}{one.stderr}" for one in outputs)])


def leaks_in(text: str) -> Iterator[str]:
    """Yield the lines that hold a key, or what is left of one that was cut."""
    marks = (KEY[:12], LANE_KEY[:12])
    return (line[:300] for line in text.splitlines() if any(mark in line for mark in marks))


@contextmanager
def _all_logged() -> Iterator[list[str]]:
    """Keep every record at debug level, as the program itself would write it."""
    from exporter import logs  # noqa: PLC0415  # sets levels of other libraries

    kept: list[str] = []
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    level = root.level
    logs.configure("debug")
    handler = logging.Handler()
    handler.emit = lambda record: kept.append(logs.JsonFormatter().format(record))  # type: ignore[method-assign]  # it is all that it does
    root.handlers[:] = [*before, handler]
    try:
        yield kept
    finally:
        root.handlers[:] = before
        root.setLevel(level)
