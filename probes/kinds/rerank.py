"""Rerank: every document once, best first. Whether the model is right is not asked: a tiny one may well be wrong."""

import math
from itertools import pairwise
from typing import Annotated, Final

import msgspec

from probes.found import Flaw, Tokens
from probes.kinds.route import Reader, Sent, as_json
from probes.kinds.whole import Checked, Usage, Whole, read_body, tokens_of
from probes.question import Question

_QUERY: Final = "Where is the red bicycle?"
_DOCUMENTS: Final = ("The red bicycle leans against the wall.", "It rained on Tuesday.", "Bread is made of flour.")
_Index = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class _Result(msgspec.Struct, frozen=True):
    index: _Index
    relevance_score: float | None = None
    score: float | None = None  # its name in some servers

    @property
    def value(self) -> float | None:
        return self.score if self.relevance_score is None else self.relevance_score


class _Counts(msgspec.Struct, frozen=True):
    input_tokens: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | None = None


class _Meta(msgspec.Struct, frozen=True):
    tokens: _Counts | None = None


class _Body(msgspec.Struct, frozen=True):
    results: tuple[_Result, ...]
    usage: Usage | None = None
    meta: _Meta | None = None  # where LiteLLM counts


def say(question: Question, nonce: str) -> Sent:
    """Return the request."""
    query = f"{nonce} {_QUERY}"
    body = {"query": query, "documents": list(_DOCUMENTS), "top_n": len(_DOCUMENTS)}
    return as_json(question, "/v1/rerank", body, texts=(query, *_DOCUMENTS))


def reader(_: Question) -> Reader:
    """Return who reads the answer."""
    return Whole(_check)


def _check(body: bytes | bytearray) -> Checked:
    answer = read_body(body, _Body)
    if isinstance(answer, Checked):
        return answer
    return Checked(flaw=_flaw(answer.results), tokens=_tokens(answer))


def _tokens(answer: _Body) -> Tokens:
    if answer.usage is None and answer.meta is not None and answer.meta.tokens is not None:
        return Tokens(prompt=answer.meta.tokens.input_tokens)
    return tokens_of(answer.usage)


def _flaw(results: tuple[_Result, ...]) -> Flaw | None:
    if not results:
        return "empty"
    places = [result.index for result in results]
    scores = [result.value for result in results]
    if not all(score is not None and math.isfinite(score) for score in scores):
        return "not_finite"
    if sorted(places) != list(range(len(_DOCUMENTS))):
        return "wrong_order"
    return None if _is_ordered(places, [score or 0.0 for score in scores]) else "wrong_order"


def _is_ordered(places: list[int], scores: list[float]) -> bool:
    """Whether the best comes first; older servers keep the order of the request instead, and say so by `index`."""
    return all(left >= right for left, right in pairwise(scores)) or places == sorted(places)
