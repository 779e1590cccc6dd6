"""The events of a streamed answer, folded into facts: chat, tool calls and completions have one form.

Pure. Keeps sizes, times, reasons and the arguments of tool calls; what else a model wrote is looked at and forgotten.
"""

from typing import Annotated, Any, Final

import msgspec

from probes.failure import WireError
from probes.found import ErrorFacts, Found, Timings, Tokens
from probes.sse import Event

_END: Final = "[DONE]"
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Milliseconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class BadChunkError(WireError):
    """An event of the stream is not a chunk of an answer."""

    def __init__(self) -> None:
        super().__init__("bad_chunk", "expected a chunk of an answer, found something else")


class _ErrorBody(msgspec.Struct, frozen=True):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _ToolCall(msgspec.Struct, frozen=True):
    index: int | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[_ToolCall, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    text: str | None = None  # of a completion
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Timings(msgspec.Struct, frozen=True):
    prompt_n: _Count | None = None
    prompt_ms: _Milliseconds | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: _ErrorBody | str | None = None


class CalledTool(msgspec.Struct):
    """One tool call as its deltas build it up."""

    name: str = ""
    arguments: list[str] = msgspec.field(default_factory=list)


class Transcript:
    """Folds the events of one streamed answer into facts; `at` is seconds since the attempt began."""

    def __init__(self) -> None:
        self.first_token: float | None = None
        self.first_output: float | None = None
        self.last_token: float | None = None
        self.largest_gap: float | None = None
        self.done_at: float | None = None
        self.finish_reason = ""
        self.tokens = Tokens()
        self.timings = Timings()
        self.error: ErrorFacts | None = None
        self.calls: dict[int, CalledTool] = {}

    @property
    def is_over(self) -> bool:
        """Whether nothing that comes later can matter."""
        return self.done_at is not None or self.error is not None

    def add(self, event: Event, at: float) -> None:
        """Take one event into account."""
        if self.is_over:
            return
        if event.data == _END:
            self.done_at = at
            return
        chunk = _decode(event)
        if chunk.error is not None:
            self.error = _facts(chunk.error)
            return
        self._count(chunk.usage, chunk.timings)
        for choice in chunk.choices or ():
            self._take(choice, at)

    def found(self) -> Found:
        """Return the facts so far."""
        times = {"first_token": self.first_token, "first_output": self.first_output, "complete": self.done_at}
        return Found(
            phases={name: at for name, at in times.items() if at is not None},
            error=self.error,
            tokens=self.tokens,
            timings=self.timings,
            finish_reason=self.finish_reason,
            last_token=self.last_token,
            largest_gap=self.largest_gap,
        )

    def _take(self, choice: _Choice, at: float) -> None:
        """Note when the answer began; a delta that holds a role or nothing is no token."""
        self.finish_reason = choice.finish_reason or self.finish_reason
        delta = choice.delta or _Delta()
        is_output = bool(delta.content or delta.tool_calls or choice.text)
        if is_output and self.first_output is None:
            self.first_output = at
        if is_output or delta.reasoning_content or delta.reasoning:
            self._note_token(at)
        for call in delta.tool_calls or ():
            self._assemble(call)

    def _note_token(self, at: float) -> None:
        if self.first_token is None:
            self.first_token = at
        if self.last_token is not None:
            self.largest_gap = max(self.largest_gap or 0.0, at - self.last_token)
        self.last_token = at

    def _assemble(self, delta: _ToolCall) -> None:
        """Add a piece to its call: the name comes first and whole, the arguments in pieces or at once."""
        call = self.calls.setdefault(delta.index or 0, CalledTool())
        function = delta.function or _Function()
        call.name = function.name or call.name
        if isinstance(function.arguments, str):  # an object, as some servers send it, is no good to a client
            call.arguments.append(function.arguments)

    def _count(self, usage: _Usage | None, timings: _Timings | None) -> None:
        if usage is not None:
            cached = (usage.prompt_tokens_details or _PromptDetails()).cached_tokens
            self.tokens = Tokens(prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=cached)
        if timings is not None:
            seconds = None if timings.prompt_ms is None else timings.prompt_ms / 1000
            self.timings = Timings(prompt_tokens=timings.prompt_n, prompt_seconds=seconds)


def error_facts(body: bytes | bytearray) -> ErrorFacts:
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
        raise BadChunkError from error
    if event.name == "error" and chunk.error is None:
        return _Chunk(error="an `error` event without words")
    return chunk


def _facts(error: _ErrorBody | str) -> ErrorFacts:
    if isinstance(error, str):
        return ErrorFacts(message=error)
    code = "" if error.code is None else str(error.code)
    return ErrorFacts(message=error.message or "", type=error.type or "", code=code)
