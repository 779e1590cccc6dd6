"""Reads an answer that comes as one JSON body, and lets the kind of route say what is wrong with it."""

from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import msgspec

from probes.failure import WireError
from probes.found import ErrorFacts, Flaw, Found, Tokens
from probes.kinds.transcript import error_facts

LARGEST_BODY: Final = 1024 * 1024  # bytes: an embedding of 50,000 numbers; decoded, it takes a dozen times as much
_LARGEST_ERROR: Final = 8192  # bytes of a body that are searched for an error
_NO_JSON_NUMBERS: Final = (b"NaN", b"Infinity")  # what Python's servers write for numbers that JSON does not have
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
_Body = TypeVar("_Body", bound=msgspec.Struct)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a whole body gave."""

    flaw: Flaw | None = None
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    error: ErrorFacts | None = None  # where the body is an error, its status notwithstanding


class Whole:
    """One body; until it is whole, nothing is said of it."""

    def __init__(self, check: Callable[[bytes | bytearray], Checked]) -> None:
        self._check = check
        self._body = bytearray()
        self._found = Found()

    def feed(self, chunk: bytes, at: float) -> bool:  # noqa: ARG002  # only the end has a time
        """Keep one piece."""
        self._body += chunk
        if len(self._body) > LARGEST_BODY:
            raise WireError("too_large", f"expected a body of at most {LARGEST_BODY} bytes, found a larger one")
        return False

    def end(self, at: float) -> None:
        """Look at the body."""
        checked = self._check(self._body)
        self._body = bytearray()
        self._found = Found(phases={"complete": at}, flaw=checked.flaw, tokens=checked.tokens, error=checked.error)

    def found(self) -> Found:
        """Return the facts."""
        return self._found


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: _Count | None = None


class Usage(msgspec.Struct, frozen=True):
    """What a whole answer cost; speech has names of its own."""

    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None


def tokens_of(usage: Usage | None) -> Tokens:
    """Return the counts under our names."""
    usage = usage or Usage()
    prompt = usage.input_tokens if usage.prompt_tokens is None else usage.prompt_tokens
    completion = usage.output_tokens if usage.completion_tokens is None else usage.completion_tokens
    details = usage.prompt_tokens_details or usage.input_tokens_details or _Details()
    return Tokens(prompt=prompt, completion=completion, cached=details.cached_tokens)


def read_body(body: bytes | bytearray, form: type[_Body]) -> _Body | Checked:
    """Return `body` in its form, or what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if any(word in body for word in _NO_JSON_NUMBERS):
            return Checked(flaw="not_finite")
        begin = body[:_LARGEST_ERROR]
        return Checked(flaw="bad_body", error=error_facts(begin) if b'"error"' in begin else None)
