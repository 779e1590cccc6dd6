"""What one kind of route is: what is sent, and who reads the answer."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from probes.found import Found
from probes.question import Question

_NOT_CACHED: Final = {"no-cache": True, "no-store": True}  # LiteLLM's own: an answer out of its cache proves no lane


MediaType = Literal["text/event-stream", "application/json"]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to one route; without a body it is a GET."""

    path: str
    body: bytes = b""
    content_type: str = "application/json"
    texts: tuple[str, ...] = ()  # of the prompt: an error may quote them, and nobody shall read them there


class Reader(Protocol):
    """Reads one answer with status 200; `at` is seconds since the attempt began."""

    def feed(self, chunk: bytes, at: float) -> bool:
        """Take one piece of the body, and return whether nothing that comes later can matter."""

    def end(self, at: float) -> None:
        """Take note that the body came to its end."""

    def found(self) -> Found:
        """Return the facts."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of route; the second argument of `say` is a nonce that no other question has."""

    media_type: MediaType  # of its answer
    say: Callable[[Question, str], Sent]
    reader: Callable[[Question], Reader]


def as_json(question: Question, path: str, body: Mapping[str, Any], *, texts: tuple[str, ...]) -> Sent:
    """Return a request in JSON; what is meant for the gateway is not said to a lane."""
    own = {"cache": _NOT_CACHED} if question.target == "gateway" else {}
    return Sent(path=path, body=json.dumps({"model": question.model, **body, **own}).encode(), texts=texts)
