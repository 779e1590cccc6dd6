"""What a probe saw, in sentences that hold no text of a model, no key and no address."""

import re
from collections.abc import Mapping
from typing import Final

from exporter.config_path import Alias
from probes.attempt import Attempt
from probes.outcome import Outcome, is_set_aside

_LONGEST_QUOTE: Final = 160  # characters of the gateway's own words
_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://\S+|\[[0-9a-f:]+\](?::\d+)?|[^\s'\"(,]+:\d{2,5}\b|\b\d+(?:\.\d+){3}\b", re.IGNORECASE
)


def describe(outcome: Outcome, attempt: Attempt, alias: Alias) -> tuple[str, ...]:
    """Return what the probe saw."""
    facts = {
        "alias": alias.name,
        "lane": alias.lane,
        "first": _first(attempt),
        "by": attempt.served.model_id or "another lane",
        "status": f"HTTP {attempt.status}" if attempt.status else "no answer",
        "why": attempt.flaw or attempt.failure_words or attempt.finish_reason or "no reason given",
    }
    said = quote(attempt.error.message) if attempt.error else ""
    saw = _SAW_SET_ASIDE if is_set_aside(attempt) else _SAW[outcome]
    return (quote(saw.format(**facts)), *((f"the gateway says: {said}",) if said else ()))


def quote(text: str) -> str:
    """Return a text that may be from outside without addresses, cut."""
    text = _ADDRESS.sub("…", text)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


def _first(attempt: Attempt) -> str:
    if attempt.first_token is None:
        return f"whole after {attempt.seconds:.3f} s"
    return f"first token after {attempt.first_token:.3f} s"


_SAW_SET_ASIDE: Final = "the gateway put the lane of alias {alias} aside after failures and asks no lane ({status})"
_SAW: Final[Mapping[Outcome, str]] = {
    "ok": "alias {alias} answered, {first}",
    "slow": "alias {alias} answered later than promised, {first}",
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
    "bad_output": "the answer of alias {alias} is not what was asked for: {status}, {why}",
    "skipped_busy": "the lane of alias {alias} was busy: not probed",
    "skipped_budget": "the day's tokens for probes of alias {alias} are spent: not probed",
    "skipped_unloaded": "a probe of alias {alias} would load its lane's model: not probed",
    "error": "the probe itself failed: {why}",
}
