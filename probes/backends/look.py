"""What two looks at a lane's server prove of it: the decision. Pure.

Silence is believed at the second look: a server under load may miss one limit. A server that says that it is healthy
and does not show its work counts as idle, because nothing speaks against asking it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.backend import Backend, BackendState, ScrapeState
from probes.backends.sight import Life, Sight

_WORKING: Final = frozenset({"busy", "stalled", "wedged"})
_AFRESH: Final = frozenset({"refused", "loading", "asleep"})  # what works after these has counted nothing yet
_LIVES: Final[Mapping[Life, tuple[BackendState, str]]] = {
    "refused": ("down", "the lane's server refuses connections: no process listens"),
    "unreachable": ("unknown", "the lane's server cannot be reached from here"),
    "ill": ("unknown", "the lane's server answers, and not that it is healthy"),
    "untold": ("unknown", "whether the lane's server is healthy could not be read"),
    "loading": ("loading", "the lane's server loads its model"),
    "asleep": ("asleep", "the lane's model is unloaded until somebody asks for it"),
}
_SILENCE: Final[Mapping[BackendState, str]] = {
    "stopped": "the lane's server takes connections and answers nothing: its process or its host is stopped",
    "unknown": "the lane's server did not answer this once",
}
_SCRAPES: Final[Mapping[ScrapeState, str]] = {
    "ok": "",
    "unknown": "",
    "refused": "nobody listens for its metrics",
    "silent": "its metrics page does not answer",
    "forbidden": "its metrics page wants another key",
    "not_served": "it serves no metrics page",
    "not_metrics": "something else than metrics answers at its metrics page",
}

IsLong = Callable[[float], bool]
"""Whether the time since an instant of the steady clock is more than may be waited for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant: Unix time to tell, and seconds of a clock that nobody sets, to measure with."""

    at: float
    steady: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What must be known of the looks before this one; times are of the steady clock but for `moved_at`."""

    kind: str = ""
    is_swap: bool = False
    has_metrics: bool = False  # its metrics page told of its work
    state: BackendState = "unknown"
    has_answered: bool = False  # at the look before
    pulse: Mapping[str, float] = field(default_factory=dict)
    still_since: float = 0.0  # nothing has moved since, while there was work
    silent_since: float | None = None  # its work does not answer since
    moved_at: float | None = None


def decide(sight: Sight, before: Memory, now: Moment, patience_seconds: float) -> Memory:
    """Return what is known after this look, the server's state above all."""
    memory = _note_silence(sight, _note_movement(sight, before, now), now)
    state = _state(sight, before, memory, lambda since: now.steady - since >= patience_seconds)
    return replace(memory, state=state)


def as_backend(lane: str, sight: Sight, memory: Memory, now: Moment) -> Backend:
    """Return what is told of the lane's server."""
    return Backend(
        lane=lane,
        state=memory.state,
        scrape=sight.scrape,
        kind=memory.kind,
        build=sight.build,
        model=sight.model,
        slots=sight.slots,
        context_tokens=sight.context_tokens,
        engine=sight.engine,
        moved_at=memory.moved_at,
        looked_at=now.at,
        evidence=tuple(sentence for sentence in _sentences(sight, memory, now) if sentence),
    )


def _note_movement(sight: Sight, before: Memory, now: Moment) -> Memory:
    """Keep since when work stands still; without work, or with nothing to compare, that begins now.

    Numbers that only fell are those of a new process, which has done nothing yet.
    """
    common = sight.pulse.keys() & before.pulse.keys()
    has_moved = any(sight.pulse[key] > before.pulse[key] for key in common)
    is_new = not common or any(sight.pulse[key] < before.pulse[key] for key in common)
    begins = has_moved or is_new or not sight.is_busy
    return replace(
        before,
        kind=sight.kind or before.kind,
        is_swap=sight.is_swap,
        has_metrics=sight.has_metrics,
        pulse={} if sight.life in _AFRESH else sight.pulse or before.pulse,
        still_since=now.steady if begins and sight.work == "told" else before.still_since,
        moved_at=now.at if has_moved else before.moved_at,
    )


def _note_silence(sight: Sight, memory: Memory, now: Moment) -> Memory:
    since = memory.silent_since if memory.silent_since is not None else now.steady
    return replace(
        memory,
        has_answered=sight.life != "silent",
        silent_since=since if sight.work == "silent" else None,
    )


def _state(sight: Sight, before: Memory, memory: Memory, is_long: IsLong) -> BackendState:
    if sight.life == "silent":
        return "unknown" if before.has_answered else "stopped"
    if sight.life != "well":
        return _LIVES[sight.life][0]
    if memory.silent_since is not None:
        return _silent_state(before, is_wedged=is_long(memory.silent_since))
    if sight.is_busy:
        return "stalled" if is_long(memory.still_since) else "busy"
    return "idle"


def _silent_state(before: Memory, *, is_wedged: bool) -> BackendState:
    """Return the state while the work is silent: one very long batch looks the same as a loop that hangs."""
    if is_wedged:
        return "wedged"
    return before.state if before.state in _WORKING else "unknown"


def _sentences(sight: Sight, memory: Memory, now: Moment) -> Iterator[str]:
    """Yield what a person should know; nothing of an address, a key or an answer's text is in it."""
    yield _LIVES[sight.life][1] if sight.life in _LIVES else ""
    yield _SILENCE.get(memory.state, "") if sight.life == "silent" else ""
    yield from _work_sentences(sight, memory, now) if sight.life == "well" else ()
    yield _SCRAPES[sight.scrape] if sight.life == "well" else ""
    yield from sight.notes


def _work_sentences(sight: Sight, memory: Memory, now: Moment) -> Iterator[str]:
    if memory.silent_since is not None:
        silent = now.steady - memory.silent_since
        yield f"the lane's server says that it is healthy, and its work has not answered for {silent:.0f} s"
    elif memory.state == "stalled":
        still = now.steady - memory.still_since
        yield f"the lane is busy, and nothing has moved for {still:.0f} s"
    elif sight.work == "untold":
        yield "the lane's server says that it is healthy; whether it works on something cannot be seen"
