"""Which layer explains what the last probe of an alias saw: one cause out of a closed list, and the evidence.

Pure. What fails above the lane explains itself; for the rest a lower layer wins where the snapshot proves it bad.
"""

import errno
import os
from collections.abc import Callable, Mapping
from typing import Final

from exporter.config import Alias
from exporter.snapshot import Snapshot
from probes.attempt import Attempt
from probes.layers import CAUSES, Cause, Verdict, lane_evidence, lowest_proven
from probes.outcome import Outcome

__all__ = ["CAUSES", "Cause", "Verdict", "root_cause"]

_LONGEST_QUOTE: Final = 160  # characters of the gateway's own words
NOT_PROBED: Final = Verdict("unknown", ("not probed yet",))


def root_cause(outcome: Outcome, attempt: Attempt, *, alias: Alias, snapshot: Snapshot) -> Verdict:
    """Return the layer that explains `outcome`, the lowest that is proven bad first."""
    seen = describe(outcome, attempt, alias)
    if outcome in _ABOVE_THE_LANE:
        return Verdict(_ABOVE_THE_LANE[outcome](attempt), seen)
    below = lowest_proven(snapshot, alias.lane)
    if below is not None:
        return Verdict(below.cause, (*seen, *below.evidence))
    return Verdict(_AT_THE_LANE[outcome](attempt), (*seen, *lane_evidence(snapshot, alias.lane)))


def describe(outcome: Outcome, attempt: Attempt, alias: Alias) -> tuple[str, ...]:
    """Return what the probe saw, in sentences that hold no text of a model and no key."""
    facts = {
        "alias": alias.name,
        "lane": alias.lane,
        "limit": f"{alias.objectives.first_token_seconds:g} s",
        "first": f"{attempt.first_token or 0.0:.3f} s",
        "by": attempt.served.model_id or attempt.served.api_base or "another lane",
        "status": f"HTTP {attempt.status}" if attempt.status else "no answer",
        "why": attempt.failure_words or attempt.finish_reason or "no reason given",
    }
    said = _quote(attempt.error.message) if attempt.error else ""
    return (_SAW[outcome].format(**facts), *((f"the gateway says: {said}",) if said else ()))


def _quote(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


def _always(cause: Cause) -> Callable[[Attempt], Cause]:
    return lambda _: cause


def _of_connect(attempt: Attempt) -> Cause:
    """A refusal comes from a host that is there; anything else is the way to it."""
    return "gateway_process" if attempt.failure_words == os.strerror(errno.ECONNREFUSED) else "network"


def _of_auth(attempt: Attempt) -> Cause:
    return "alias_route" if attempt.is_from_lane else "gateway_key"  # the lane refuses the key that the gateway holds


def _of_4xx(attempt: Attempt) -> Cause:
    if attempt.is_from_lane:
        return "gateway_translation"
    return "alias_route" if attempt.is_from_gateway else "gateway_process"


def _of_5xx(attempt: Attempt) -> Cause:
    if attempt.is_from_lane:
        return "backend_process"
    is_mistranslated = attempt.error is not None and "Invalid response object" in attempt.error.message
    return "gateway_translation" if is_mistranslated else "gateway_process"


def _of_silence(attempt: Attempt) -> Cause:
    """A gateway that works gives up at the limit that we sent it; one that is silent beyond it hangs itself."""
    return "gateway_process" if attempt.status is None else "backend_work"


def _of_bad_output(attempt: Attempt) -> Cause:
    if attempt.failure is None and attempt.is_done:
        return "output"
    return "gateway_translation" if attempt.is_from_gateway else "gateway_process"


def _of_limit(attempt: Attempt) -> Cause:
    return "backend_work" if attempt.is_from_lane else "gateway_key"


_ABOVE_THE_LANE: Final[Mapping[Outcome, Callable[[Attempt], Cause]]] = {
    "ok": _always("none"),
    "slow": _always("first_token"),
    "wrong_lane": _always("alias_route"),
    "dns": _always("network"),
    "connect": _of_connect,
    "tls": _always("gateway_process"),
    "auth": _of_auth,
    "bad_route": _always("alias_route"),
    "context_too_long": _always("backend_process"),
    "http_4xx": _of_4xx,
    "rate_limited": _of_limit,
    "skipped_busy": _always("unknown"),
    "error": _always("unknown"),
}
_AT_THE_LANE: Final[Mapping[Outcome, Callable[[Attempt], Cause]]] = {
    "fallback": _always("backend_process"),
    "loading": _always("backend_process"),
    "lane_refused": _always("backend_process"),
    "stream_error": _always("backend_process"),
    "stalled": _always("backend_work"),
    "timeout_total": _always("backend_work"),
    "timeout_first": _of_silence,
    "truncated": _always("gateway_process"),  # a lane that dies is told by an `error` event; silence is the gateway's
    "http_5xx": _of_5xx,
    "bad_output": _of_bad_output,
}
_SAW: Final[Mapping[Outcome, str]] = {
    "ok": "alias {alias} answered, first token after {first}",
    "slow": "alias {alias} answered, first token after {first}, promised is {limit}",
    "fallback": "alias {alias} was answered by its fallback {by}: its own lane did not serve",
    "wrong_lane": "alias {alias} was answered by {by}, expected lane {lane}",
    "loading": "the server of alias {alias} is loading its model",
    "stalled": "the stream of alias {alias} went silent after its first tokens",
    "dns": "the gateway's name was not resolved: {why}",
    "connect": "the gateway took no connection: {why}",
    "tls": "TLS to the gateway failed: {why}",
    "auth": "the key was refused with {status}",
    "rate_limited": "the probe was refused with {status}: too many requests",
    "bad_route": "the gateway does not know alias {alias}",
    "lane_refused": "the gateway could not connect to the lane of alias {alias} ({status})",
    "context_too_long": "the probe's few tokens do not fit into the lane's context",
    "http_4xx": "the gateway answered {status}",
    "http_5xx": "the gateway answered {status}",
    "timeout_first": "no first token of alias {alias} within the time-out: {status}",
    "timeout_total": "alias {alias} was still answering when its time was up",
    "truncated": "the answer of alias {alias} ended before it was whole: {status}",
    "stream_error": "an error came inside the stream of alias {alias}, after {status}",
    "bad_output": "the answer of alias {alias} is no chat answer: {status}, {why}",
    "skipped_busy": "the lane of alias {alias} was busy: not probed",
    "error": "the probe itself failed: {why}",
}
