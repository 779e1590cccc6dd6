"""Whether a probe may be sent now: a lane that works for a user is not disturbed, one that is ill is asked. Pure."""

from dataclasses import dataclass
from typing import Final

from exporter.backend import Backend
from exporter.config_path import Alias
from probes.accounts import Account
from probes.attempt import Attempt
from probes.budget import is_used_up
from probes.outcome import Outcome, is_set_aside

MOST_SKIPS: Final = 3  # in a row of a busy lane; after them a probe takes a slot that is free
_BATCHING: Final = frozenset({"vllm", "sglang"})  # no slots: a request joins the batch unless others wait
_FROM_LIMITS: Final = 429
_OVERLOADED: Final = 503
_SHORTEST_PAUSE: Final = 30.0  # seconds after a 429 that does not say how long: LiteLLM's does not
_LONGEST_PAUSE: Final = 300.0
_MOST_DOUBLINGS: Final = 5


@dataclass(frozen=True, slots=True)
class Go:
    """Send the probe."""


@dataclass(frozen=True, slots=True)
class Skip:
    """Send nothing, and say why."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Passive:
    """Send nothing: the lane is busy and its work moves, so users are being served."""


Decision = Go | Skip | Passive


def decide(alias: Alias, backend: Backend | None, account: Account, now: float) -> Decision:
    """Return what is right for `alias` at Unix time `now`; no backend: the lane was not looked at."""
    state = backend.state if backend and alias.look_first else "unknown"
    if backend and state == "busy" and not (account.busy_in_a_row >= MOST_SKIPS and has_free_slot(backend)):
        return Passive()
    if state == "asleep" and alias.when_unloaded == "skip":
        return Skip("skipped_unloaded")
    if is_used_up(account.budget, alias.tokens_per_day, now):
        return Skip("skipped_budget")
    return Go()


def has_free_slot(backend: Backend) -> bool:
    """Whether a request would wait for nobody, as far as the server tells; what it does not tell is no."""
    if backend.slots:
        return backend.slots.get("free", 0) > 0
    return backend.kind in _BATCHING and backend.engine.waiting == 0


def pause_after(attempt: Attempt, in_a_row: int = 1) -> float:
    """Return the seconds to leave alone who says that it is asked too often or can do no more, for the n-th time."""
    if attempt.status not in {_FROM_LIMITS, _OVERLOADED}:
        return 0.0
    if is_set_aside(attempt):  # no wish to be left alone: only the next question shows that the lane is asked again
        return min(_SHORTEST_PAUSE, attempt.retry_after_seconds or 0.0)
    doublings = min(max(in_a_row, 1) - 1, _MOST_DOUBLINGS)
    least = _SHORTEST_PAUSE if attempt.status == _FROM_LIMITS else min(_SHORTEST_PAUSE, 2.0**doublings)
    return min(_LONGEST_PAUSE, max(least, attempt.retry_after_seconds or 0.0))
