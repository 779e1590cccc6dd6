"""What the reader of an answer found in it: facts of every kind of route, without the text that a model wrote."""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

Flaw = Literal[
    "no_tool_call",
    "bad_tool_call",  # another tool, or arguments that are no JSON object
    "not_finite",
    "wrong_dimension",
    "wrong_order",  # a document left out, told twice, or out of its place
    "not_listed",
    "empty",
    "bad_body",
]
"""What is wrong with an answer that came whole and with status 200."""
FLAWS: tuple[Flaw, ...] = get_args(Flaw)


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """What the server counted in `usage`; None where it did not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None


class ErrorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body said; the text is from outside: never a label, shown only in part."""

    message: str = ""
    type: str = ""
    code: str = ""


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """What llama-server measured itself; a gateway keeps it to itself."""

    prompt_tokens: int | None = None  # that it had to read, cached ones left out
    prompt_seconds: float | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one answer; times are seconds since the attempt began."""

    phases: Mapping[str, float] = msgspec.field(default_factory=dict)  # first_token, first_output, complete
    flaw: Flaw | None = None
    error: ErrorFacts | None = None
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    timings: Timings = msgspec.field(default_factory=Timings)
    finish_reason: str = ""
    last_token: float | None = None
    largest_gap: float | None = None  # between two chunks that held a token

    @property
    def is_done(self) -> bool:
        """Whether the answer said that it is whole."""
        return "complete" in self.phases

    @property
    def first_token(self) -> float | None:
        """Seconds to the first token, reasoning included."""
        return self.phases.get("first_token")
