"""What an attempt amounts to: one outcome out of a closed list, judged once, here, for every metric and alert.

Pure. The texts of a gateway decide only where nothing else can; the recorded answers in tests/fixtures/litellm hold
them still. POLICY says what each outcome means; nothing else in the code does.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from exporter.config import Alias, Lane
from probes.attempt import Attempt
from probes.failure import Failure
from probes.served import contradicts

Outcome = Literal[
    "ok",
    "slow",
    "fallback",
    "wrong_lane",
    "loading",
    "stalled",
    "dns",
    "connect",
    "tls",
    "auth",
    "rate_limited",
    "bad_route",
    "lane_refused",
    "context_too_long",
    "http_4xx",
    "http_5xx",
    "timeout_first",
    "timeout_total",
    "truncated",
    "stream_error",
    "bad_output",
    "skipped_busy",
    "error",
]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

SLOS: Final = ("availability", "first_token")
Grade = Literal["pass", "warn", "fail"]
EXIT_CODES: Final[Mapping[Grade, int]] = {"pass": 0, "warn": 10, "fail": 20}


@dataclass(frozen=True, slots=True)
class Policy:
    """What an outcome means for the objectives and for the exit code of `probe`.

    `first_token` counts only what was answered: an alias that is down misses `availability`, not both.
    """

    availability: Literal["good", "bad", "excluded"]
    grade: Grade
    is_answered: bool = False


_SERVED_BADLY: Final = Policy("bad", "fail")
POLICY: Final[Mapping[Outcome, Policy]] = {
    "ok": Policy("good", "pass", is_answered=True),
    "slow": Policy("good", "warn", is_answered=True),
    "fallback": Policy("good", "warn", is_answered=True),  # the user was served, by another lane
    "wrong_lane": Policy("bad", "fail", is_answered=True),  # the user got a model that the alias does not promise
    "loading": _SERVED_BADLY,
    "stalled": _SERVED_BADLY,
    "dns": _SERVED_BADLY,
    "connect": _SERVED_BADLY,
    "tls": _SERVED_BADLY,
    "auth": _SERVED_BADLY,
    "rate_limited": _SERVED_BADLY,
    "bad_route": _SERVED_BADLY,
    "lane_refused": _SERVED_BADLY,
    "context_too_long": _SERVED_BADLY,
    "http_4xx": _SERVED_BADLY,
    "http_5xx": _SERVED_BADLY,
    "timeout_first": _SERVED_BADLY,
    "timeout_total": _SERVED_BADLY,
    "truncated": _SERVED_BADLY,
    "stream_error": _SERVED_BADLY,
    "bad_output": _SERVED_BADLY,
    "skipped_busy": Policy("excluded", "warn"),
    "error": Policy("excluded", "fail"),  # our own trouble says nothing about the alias
}

_STALLED_SHARE: Final = 0.25  # of the whole time: silent for so long before our limit means stalled, not slow
_OF_FAILURE: Final[Mapping[Failure, Outcome]] = {
    "dns": "dns",
    "connect": "connect",
    "tls": "tls",
    "closed": "truncated",
    "protocol": "bad_output",
    "encoding": "bad_output",
    "not_a_stream": "bad_output",
    "bad_chunk": "bad_output",
    "too_large": "bad_output",
    "error": "error",
}
_OF_STATUS: Final[Mapping[int, Outcome]] = {
    401: "auth",
    403: "auth",
    408: "timeout_first",
    429: "rate_limited",
    504: "timeout_first",
}
_OF_WORDS: Final[tuple[tuple[int, str, Outcome], ...]] = (
    (400, "no_db_connection", "auth"),  # what a wrong key gets from a gateway that has no database
    (400, "Invalid model name", "bad_route"),
    (400, "ContextWindowExceeded", "context_too_long"),
    (400, "exceeds the available context size", "context_too_long"),
    (503, "Loading model", "loading"),
)


def judge(attempt: Attempt, alias: Alias, lanes: Iterable[Lane]) -> Outcome:
    """Return the one outcome of `attempt`, which asked for `alias`."""
    if attempt.status is not None and attempt.status != 200:
        return _judge_status(attempt, attempt.status)
    return _judge_exchange(attempt) or _judge_stream(attempt) or _judge_answer(attempt, alias, tuple(lanes))


def is_late(attempt: Attempt, alias: Alias) -> bool:
    """Whether the first token came after the objective, at the exact threshold."""
    return attempt.first_token is not None and attempt.first_token > alias.objectives.first_token_seconds


def _judge_status(attempt: Attempt, status: int) -> Outcome:
    outcome = _judge_words(attempt, status) or _OF_STATUS.get(status)
    if outcome is not None:
        return outcome
    if status >= 500:
        return "http_5xx"
    return "http_4xx" if status >= 400 else "bad_output"  # a redirect is never followed: it would carry the key


def _judge_words(attempt: Attempt, status: int) -> Outcome | None:
    """Judge what only the words of an error body tell."""
    words = f"{attempt.error.type} {attempt.error.message}" if attempt.error else ""
    if status >= 500 and "Connection error." in words and not attempt.is_from_lane:
        return "lane_refused"
    return next((outcome for code, phrase, outcome in _OF_WORDS if code == status and phrase in words), None)


def _judge_exchange(attempt: Attempt) -> Outcome | None:
    if attempt.failure is None:
        return None
    return _judge_timeout(attempt) if attempt.failure == "timeout" else _OF_FAILURE[attempt.failure]


def _judge_timeout(attempt: Attempt) -> Outcome:
    if attempt.first_token is None:
        return "timeout_first"
    silent = attempt.silent_seconds or 0.0
    return "stalled" if silent > attempt.seconds * _STALLED_SHARE else "timeout_total"


def _judge_stream(attempt: Attempt) -> Outcome | None:
    """Judge a stream that ended; status 200 was sent long before anything could go wrong."""
    if attempt.error is not None:
        return _judge_error_event(attempt)
    if not attempt.is_done or not attempt.finish_reason:
        return "truncated"
    return "bad_output" if attempt.first_token is None else None


def _judge_error_event(attempt: Attempt) -> Outcome:
    message = attempt.error.message if attempt.error else ""
    if "Timeout" not in message:
        return "stream_error"
    return "timeout_first" if attempt.first_token is None else "stalled"


def _judge_answer(attempt: Attempt, alias: Alias, lanes: tuple[Lane, ...]) -> Outcome:
    if attempt.served.fallbacks > 0:
        return "fallback"
    wanted = next((lane for lane in lanes if lane.name == alias.lane), None)
    if wanted and contradicts(attempt.served, wanted):
        return "fallback" if attempt.served.model_group not in {"", alias.name} else "wrong_lane"
    return "slow" if is_late(attempt, alias) else "ok"
