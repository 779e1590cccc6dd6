"""What a chat probe asks, and what the events of the streamed answer say.

Pure. Keeps sizes, times and reasons; the text that a model wrote is looked at and forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final

import msgspec

from exporter.errors import LanewatchError
from probes.sse import Event

_QUESTION: Final = "Count from one to fifty in words."
_END: Final = "[DONE]"
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What the server counted in `usage`; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """What an error body said; the text is from outside: never a label, shown only in part."""

    message: str = ""
    type: str = ""
    code: str = ""


class BadChunkError(LanewatchError):
    """An event of the stream is not a chunk of a chat answer."""


def chat_body(alias: str, *, max_tokens: int, nonce: str) -> dict[str, Any]:
    """Return the request; the nonce stands first, because prefix caches match from the first token on."""
    return {
        "model": alias,
        "messages": [{"role": "user", "content": f"{nonce} {_QUESTION}"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0,
        "max_tokens": max_tokens,
        "num_retries": 0,  # LiteLLM's own: its default of 2 hides faults in latency
        "cache_prompt": False,  # llama-server's own: a cached prompt measures no prefill
    }


def chat_headers(*, timeout_seconds: float, call_id: str) -> dict[str, str]:
    """Return the headers but for the key; the gateway, which knows why, shall give up just before us."""
    limit = f"{timeout_seconds - min(1.0, timeout_seconds / 5):.3f}"
    return {
        "accept": "text/event-stream",
        "accept-encoding": "identity",
        "connection": "close",
        "content-type": "application/json",
        "user-agent": f"lanewatch-probe/{lanewatch_version()}",  # tells probes from users in the gateway's metrics
        "x-litellm-call-id": call_id,
        "x-litellm-timeout": limit,
        "x-litellm-stream-timeout": limit,
    }


def texts_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the prompts of a request: a gateway may echo them in an error, and nobody shall read them there."""
    return tuple(str(message["content"]) for message in body["messages"])


@cache
def lanewatch_version() -> str:
    """Return the installed version, 0 where Lanewatch runs from a checkout that is not installed."""
    try:
        return version("lanewatch")
    except PackageNotFoundError:
        return "0"


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[Any, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    error: _ErrorBody | str | None = None


class Transcript:
    """Folds the events of one streamed answer into facts; `at` is seconds since the attempt began."""

    def __init__(self) -> None:
        self.first_token: float | None = None
        self.first_output: float | None = None
        self.last_token: float | None = None
        self.finish_reason = ""
        self.tokens = Tokens()
        self.error: ErrorFacts | None = None
        self.is_done = False

    @property
    def is_over(self) -> bool:
        """Whether nothing that comes later can matter."""
        return self.is_done or self.error is not None

    def add(self, event: Event, at: float) -> None:
        """Take one event into account."""
        if self.is_over:
            return
        if event.data == _END:
            self.is_done = True
            return
        chunk = _decode(event)
        if chunk.error is not None:
            self.error = _facts(chunk.error)
            return
        self._count(chunk.usage)
        for choice in chunk.choices or ():
            self._take(choice, at)

    def _take(self, choice: _Choice, at: float) -> None:
        """Note when the answer began; a delta that holds a role or nothing is no token."""
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta or _Delta()
        is_output = bool(delta.content or delta.tool_calls)
        if is_output and self.first_output is None:
            self.first_output = at
        if is_output or delta.reasoning_content or delta.reasoning:
            self.first_token = at if self.first_token is None else self.first_token
            self.last_token = at

    def _count(self, usage: _Usage | None) -> None:
        if usage is None:
            return
        details = usage.prompt_tokens_details or _PromptDetails()
        self.tokens = Tokens(
            prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=details.cached_tokens
        )


def error_facts(body: bytes) -> ErrorFacts:
    """Return what an error body says; one that is not JSON, or was cut, is taken as text."""
    try:
        chunk = msgspec.json.decode(body, type=_Chunk)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ErrorFacts(message=body.decode("utf-8", "replace"))
    return _facts(chunk.error) if chunk.error is not None else ErrorFacts(message=body.decode("utf-8", "replace"))


def _decode(event: Event) -> _Chunk:
    try:
        chunk = msgspec.json.decode(event.data, type=_Chunk)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadChunkError("expected a chunk of a chat answer, found something else") from error
    if event.name == "error" and chunk.error is None:
        return _Chunk(error="an `error` event without words")
    return chunk


def _facts(error: _ErrorBody | str) -> ErrorFacts:
    if isinstance(error, str):
        return ErrorFacts(message=error)
    code = "" if error.code is None else str(error.code)
    return ErrorFacts(message=error.message or "", type=error.type or "", code=code)
