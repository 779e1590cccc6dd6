"""The lane's server: whether its process answers, and whether its work moves."""

from collections.abc import Mapping
from typing import Final

from exporter.backend import Backend, BackendState
from probes.layer.case import Case, Ground, Probed, blind
from probes.layers import Finding, broken, unknown, well
from probes.outcome import Outcome

_NOT_THERE: Final[Mapping[BackendState, str]] = {
    "down": "refuses connections",
    "stopped": "takes connections and answers nothing",
    "loading": "is loading its model",
}
_NOT_WORKING: Final[Mapping[BackendState, str]] = {
    "stalled": "is busy, and nothing moves",
    "wedged": "says that it is well, and its work is silent",
}
_SERVING: Final = frozenset({"idle", "busy", "stalled", "asleep"})
_DIRECT_NOT_THERE: Final[Mapping[Outcome, str]] = {
    "connect": "refused the connection",
    "loading": "is loading its model",
    "http_5xx": "answered HTTP {status}",
    "truncated": "broke off its answer",
    "stream_error": "broke off its answer",
}
_DIRECT_NOT_WORKING: Final[Mapping[Outcome, str]] = {
    "timeout_first": "gave no first token in time",
    "timeout_total": "did not end in time",
    "stalled": "went silent in the middle of its answer",
}


def judge_process(case: Case, ground: Ground) -> Finding:
    """Judge whether the server is there; its last answer to us says more than a look."""
    asked = _answer(case, _DIRECT_NOT_THERE)
    if asked is not None:
        return asked
    backend = ground.backend
    if backend is None:
        return _unseen(case)
    if backend.state in _NOT_THERE and not _answered_since(case, backend):
        return broken(*(backend.evidence or (f"the server of lane {backend.lane} {_NOT_THERE[backend.state]}",)))
    if backend.state == "unknown":
        return unknown(f"the server of lane {backend.lane} cannot be told", *backend.evidence)
    return well(f"the server of lane {backend.lane} is {backend.state}")


def judge_work(case: Case, ground: Ground) -> Finding:
    """Judge whether the server's work moves; busy is well, unless probes wait for it in vain."""
    asked = _answer(case, _DIRECT_NOT_WORKING)
    if asked is not None:
        return asked
    backend = ground.backend
    if backend is None:
        return _unseen(case)
    if backend.state in _NOT_WORKING and not _answered_since(case, backend):
        return broken(*(backend.evidence or (f"the server of lane {backend.lane} {_NOT_WORKING[backend.state]}",)))
    if backend.state in _NOT_THERE or backend.state == "unknown":
        return unknown(f"the server of lane {backend.lane} is {backend.state}")
    if backend.state == "busy" and case.is_late and not case.is_outrun:
        return broken(f"the server of lane {backend.lane} was busy for as long as the probe waited{_queue(backend)}")
    return well(f"the server of lane {backend.lane} is {backend.state}")


def scrape_findings(case: Case, ground: Ground) -> tuple[str, ...]:
    """Return what is wrong with the metrics page of a lane that serves: no part of the way of a request."""
    backend = ground.backend
    if backend is None or backend.scrape in {"ok", "unknown"}:
        return ()
    if backend.state not in _SERVING and not case.is_served:
        return ()  # of a server that is not there the page says nothing new
    return (f"the metrics page of lane {backend.lane} is {backend.scrape}: its serving is not concerned",)


def _answer(case: Case, bad: Mapping[Outcome, str]) -> Finding | None:
    """Return what the last questions prove: a direct one of this layer, or one that the alias's own lane answered."""
    asked = case.witness
    if asked is not None and asked.outcome in bad:
        return broken(f"asked directly, the lane {bad[asked.outcome].format(status=asked.attempt.status)}")
    if asked is not None and asked.is_good:
        return well(f"asked directly, the lane answered ({_first(asked)})")
    return None


def _answered_since(case: Case, backend: Backend) -> bool:
    """Whether the lane served the alias after that look, which is then older news."""
    return case.gateway is not None and case.is_served and case.gateway.attempt.ended_at >= (backend.looked_at or 0.0)


def _unseen(case: Case) -> Finding:
    return well("it answered the alias") if case.is_served and case.alias.lane else blind(case, "backends")


def _queue(backend: Backend) -> str:
    waiting = backend.engine.waiting
    return "" if waiting is None else f", {waiting:g} requests wait"


def _first(asked: Probed) -> str:
    first = asked.attempt.first_token
    return f"whole after {asked.attempt.seconds:.3f} s" if first is None else f"first token after {first:.3f} s"
