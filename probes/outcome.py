"""What an attempt amounts to: one outcome out of a closed list, judged once, here, for every metric and alert.

Pure. The texts of a gateway decide only where nothing else can; the recorded answers in tests/fixtures/litellm hold
them still. POLICY says what each outcome means; nothing else in the code does.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, get_args

import msgspec

from exporter.config_path import Alias, Lane
from probes.attempt import Attempt
from probes.failure import Failure
from probes.kinds.table import STREAMED
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
    "skipped_budget",
    "skipped_unloaded",
    "error",
]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

Slo = Literal["availability", "first_token", "inter_token", "total"]
SLOS: Final[tuple[Slo, ...]] = get_args(Slo)
Grade = Literal["pass", "warn", "fail"]
Merit = Literal["good", "bad", "excluded"]
EXIT_CODES: Final[Mapping[Grade, int]] = {"pass": 0, "warn": 10, "fail": 20}


class Policy(msgspec.Struct, frozen=True):
    """What an outcome means: for the alias, for the lane that should have served it, and for the exit code of `probe`.

    Times count only where something was answered: an alias that is down misses `availability`, nothing else.
    """

    availability: Merit
    lane: Merit
    grade: Grade
    is_answered: bool = False


_ANSWERED: Final = Policy("good", "good", "pass", is_answered=True)
_LANE_FAILED: Final = Policy("bad", "bad", "fail")
_LANE_NOT_REACHED: Final = Policy("bad", "excluded", "fail")
_SKIPPED: Final = Policy("excluded", "excluded", "warn")
POLICY: Final[Mapping[Outcome, Policy]] = {
    "ok": _ANSWERED,
    "slow": Policy("good", "good", "warn", is_answered=True),
    "fallback": Policy("good", "bad", "warn", is_answered=True),  # the user was served, by another lane
    "wrong_lane": Policy("bad", "bad", "fail", is_answered=True),  # the user got a model that is not promised
    "loading": _LANE_FAILED,
    "stalled": _LANE_FAILED,
    "dns": _LANE_NOT_REACHED,
    "connect": _LANE_NOT_REACHED,
    "tls": _LANE_NOT_REACHED,
    "auth": _LANE_NOT_REACHED,
    "rate_limited": _LANE_NOT_REACHED,
    "bad_route": _LANE_NOT_REACHED,
    "lane_refused": _LANE_FAILED,
    "context_too_long": _LANE_FAILED,
    "http_4xx": _LANE_FAILED,
    "http_5xx": _LANE_FAILED,
    "timeout_first": _LANE_FAILED,
    "timeout_total": _LANE_FAILED,
    "truncated": _LANE_FAILED,
    "stream_error": _LANE_FAILED,
    "bad_output": _LANE_FAILED,
    "skipped_busy": _SKIPPED,
    "skipped_budget": _SKIPPED,
    "skipped_unloaded": _SKIPPED,
    "error": Policy("excluded", "excluded", "fail"),  # our own trouble says nothing about the alias
}

_TIMES: Final[Mapping[Slo, Callable[[Attempt], float | None]]] = {
    "first_token": lambda attempt: attempt.first_token,
    "inter_token": lambda attempt: attempt.inter_token_seconds,
    "total": lambda attempt: attempt.phases.get("complete"),
}
_OF_STREAMS: Final = frozenset({"first_token", "inter_token"})
_STALLED_SHARE: Final = 0.25  # of the whole time: silent for so long before our limit means stalled, not slow
_OF_FAILURE: Final[Mapping[Failure, Outcome]] = {
    "dns": "dns",
    "connect": "connect",
    "tls": "tls",
    "closed": "truncated",
    "protocol": "bad_output",
    "encoding": "bad_output",
    "not_a_stream": "bad_output",
    "not_json": "bad_output",
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
_NO_LANE: Final = ("Connection error.", "Cannot connect to host")  # of the two clients that LiteLLM has for lanes
_REFUSED_FOR_NOW: Final = 429
_SET_ASIDE: Final = "No deployments available for selected model, Try again in"  # a limit of its own says no time
_OF_WORDS: Final[tuple[tuple[int, str, Outcome], ...]] = (
    (400, "no_db_connection", "auth"),  # what a wrong key gets from a gateway that has no database
    (400, "Invalid model name", "bad_route"),
    (400, "ContextWindowExceeded", "context_too_long"),
    (400, "exceeds the available context size", "context_too_long"),
    (503, "Loading model", "loading"),
)


def judge(attempt: Attempt, alias: Alias, lanes: Iterable[Lane]) -> Outcome:
    """Return the one outcome of `attempt`, which asked for `alias` through the gateway or directly."""
    if attempt.status is not None and attempt.status != 200:
        return _judge_status(attempt, attempt.status)
    return _judge_exchange(attempt) or _judge_content(attempt) or _judge_answer(attempt, alias, tuple(lanes))


def is_set_aside(attempt: Attempt) -> bool:
    """Whether the gateway says that it asks no lane now, for it puts those aside for a while that failed it."""
    message = attempt.error.message if attempt.error else ""
    return attempt.status == _REFUSED_FOR_NOW and not attempt.is_from_lane and _SET_ASIDE in message


def promised(alias: Alias) -> tuple[Slo, ...]:
    """Return the objectives that are promised of `alias`; an answer that comes at once has no time between tokens."""
    return ("availability", *(slo for slo in _TIMES if threshold(alias, slo) is not None))


def threshold(alias: Alias, slo: Slo) -> float | None:
    """Return the longest time that still meets `slo`; None where it is not promised, or is not about a time."""
    if slo == "availability" or (slo in _OF_STREAMS and alias.kind not in STREAMED):
        return None
    seconds: float | None = getattr(alias.objectives, f"{slo}_seconds")
    return seconds


def measured(attempt: Attempt, alias: Alias) -> Mapping[Slo, float]:
    """Return each promised time that `attempt` has: only these can count, for a server need not count its tokens."""
    times = {slo: time_of(attempt) for slo, time_of in _TIMES.items() if threshold(alias, slo) is not None}
    return {slo: seconds for slo, seconds in times.items() if seconds is not None}


def misses(attempt: Attempt, alias: Alias) -> frozenset[Slo]:
    """Return the promised times that `attempt` missed, at the exact thresholds; whether it counts is POLICY's word."""
    return frozenset(slo for slo, seconds in measured(attempt, alias).items() if seconds > (threshold(alias, slo) or 0))


def is_late(attempt: Attempt, alias: Alias) -> bool:
    """Whether the first token came after the objective."""
    return "first_token" in misses(attempt, alias)


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
    is_not_reached = status >= 500 and not attempt.is_from_lane and any(phrase in words for phrase in _NO_LANE)
    if is_not_reached or is_set_aside(attempt):
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


def _judge_content(attempt: Attempt) -> Outcome | None:
    """Judge what came after the status 200, which was sent long before anything could go wrong."""
    if attempt.kind in STREAMED:
        return _judge_stream(attempt)
    if not attempt.is_done:
        return "truncated"
    return "bad_output" if attempt.flaw else None


def _judge_stream(attempt: Attempt) -> Outcome | None:
    if attempt.error is not None:
        return _judge_error_event(attempt)
    if not attempt.is_done or not attempt.finish_reason:
        return "truncated"
    return "bad_output" if attempt.flaw or attempt.first_token is None else None


def _judge_error_event(attempt: Attempt) -> Outcome:
    message = attempt.error.message if attempt.error else ""
    if "Timeout" not in message:
        return "stream_error"
    return "timeout_first" if attempt.first_token is None else "stalled"


def _judge_answer(attempt: Attempt, alias: Alias, lanes: tuple[Lane, ...]) -> Outcome:
    elsewhere = _judge_route(attempt, alias, lanes) if attempt.target == "gateway" else None
    return elsewhere or ("slow" if misses(attempt, alias) else "ok")


def _judge_route(attempt: Attempt, alias: Alias, lanes: tuple[Lane, ...]) -> Outcome | None:
    """Judge who answered; a lane that was asked directly can only be itself."""
    if attempt.served.fallbacks > 0:
        return "fallback"
    wanted = next((lane for lane in lanes if lane.name == alias.lane), None)
    if wanted and contradicts(attempt.served, wanted):
        return "fallback" if attempt.served.model_group not in {"", alias.name} else "wrong_lane"
    return None
