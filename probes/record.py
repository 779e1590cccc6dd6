"""Collects the facts of one attempt while it runs, and makes what came from outside fit to be shown."""

import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from probes.failure import Failure
from probes.found import ErrorFacts, Found
from probes.kinds.transcript import error_facts
from probes.question import Question
from probes.retry_after import retry_after_seconds
from probes.served import read_served

PHASES: Final = ("dns", "connect", "tls", "first_chunk", "first_token", "first_output", "complete")
_LONGEST_TEXT: Final = 500  # characters of a text from outside that are kept


class Record:
    """The facts so far; its clock starts with it."""

    def __init__(self, question: Question, texts: tuple[str, ...]) -> None:
        self.limit = question.timeout_seconds
        self._question = question
        self._texts = texts
        self._phases: dict[str, float] = {}
        self._error: ErrorFacts | None = None
        self._facts: dict[str, Any] = {
            "alias": question.alias,
            "kind": question.kind,
            "target": question.target,
            "lane": question.lane,
            "started_at": time.time(),
        }
        self._started = time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the attempt began."""
        return time.monotonic() - self._started

    def mark(self, phase: str, at: float | None = None) -> None:
        """Note that `phase` ended, now or at `at`; the first time counts."""
        self._phases.setdefault(phase, self.elapsed() if at is None else at)

    def fail(self, failure: Failure, words: str) -> None:
        """Note what broke."""
        self._facts |= {"failure": self._localise(failure), "failure_words": words}

    def note_headers(self, status: int, headers: Mapping[str, str]) -> None:
        """Note what the head of the answer says."""
        wait, date = headers.get("retry-after", ""), headers.get("date", "")
        is_from_lane = any(name.startswith("llm_provider-") for name in headers)
        self._facts |= {
            "status": status,
            "retry_after_seconds": retry_after_seconds(wait, date=date, now=time.time()),
            "is_from_gateway": any(name.startswith("x-litellm-") for name in headers),
            "is_from_lane": is_from_lane or self._question.target == "direct",
            "is_simulated": "x-lanewatch-simulated" in headers,
            "served": read_served(headers, self._tidy),
        }

    def note_error(self, body: bytes) -> None:
        """Note what the beginning of an error body says."""
        self._error = error_facts(body)

    def facts(self, found: Found) -> dict[str, Any]:
        """Return the fields of the attempt, whose answer gave `found`."""
        seconds, error = self.elapsed(), found.error or self._error
        phases = self._phases | dict(found.phases)
        return self._facts | {
            "seconds": seconds,
            "phases": {name: phases[name] for name in PHASES if name in phases},
            "error": error and self._tidy_error(error),
            "flaw": found.flaw,
            "tokens": found.tokens,
            "finish_reason": self._tidy(found.finish_reason),
            "is_done": found.is_done,
            "silent_seconds": None if found.last_token is None else seconds - found.last_token,
            "largest_gap_seconds": found.largest_gap,
            "inter_token_seconds": inter_token_seconds(found),
            "prefill_rate": prefill_rate(found),
            "queue_seconds": self._queue_seconds(found),
        }

    def _queue_seconds(self, found: Found) -> float | None:
        """Return the seconds that the lane took before it began to read the prompt, where it says how long it read."""
        reading, first = found.timings.prompt_seconds, found.first_token
        if reading is None or first is None:
            return None
        connected = max(self._phases.get(phase, 0.0) for phase in ("connect", "tls"))
        return max(0.0, first - connected - reading)

    def _localise(self, failure: Failure) -> Failure:
        """Name the step that was under way when the time ran out or the connection broke."""
        if failure == "timeout" and "dns" not in self._phases:
            return "dns"
        if failure == "timeout" and "connect" not in self._phases:
            return "connect"
        is_encrypting = self._question.url.startswith("https:") and "tls" not in self._phases
        if failure in {"timeout", "connect"} and "connect" in self._phases and is_encrypting:
            return "tls"
        return failure

    def _tidy(self, text: str) -> str:
        """Return a text from outside without the key, the prompt and what could steer a terminal: one short line."""
        text = self._question.key.hide_in(text)
        for prompt in self._texts:
            text = text.replace(prompt, "…")
        visible = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(visible.split())[:_LONGEST_TEXT]

    def _tidy_error(self, error: ErrorFacts) -> ErrorFacts:
        return ErrorFacts(**{name: self._tidy(text) for name, text in msgspec.structs.asdict(error).items()})


def inter_token_seconds(found: Found) -> float | None:
    """Return the seconds between two tokens by the server's count; None where one chunk held them all."""
    first, last, tokens = found.first_token, found.last_token, found.tokens.completion
    if first is None or last is None or tokens is None or tokens < 2 or last <= first:
        return None
    return (last - first) / (tokens - 1)


def prefill_rate(found: Found) -> float | None:
    """Return the prompt tokens a second that the lane read; a cached prompt leaves one token, which is no rate."""
    tokens, seconds = found.timings.prompt_tokens, found.timings.prompt_seconds
    if tokens is None or tokens < 2 or not seconds:
        return None
    return tokens / seconds
