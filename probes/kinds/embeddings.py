"""Embeddings: one vector of numbers that are numbers, of the length that the alias promises."""

import math
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from struct import iter_unpack
from typing import Final

import msgspec

from probes.found import Flaw
from probes.kinds.route import Reader, Sent, as_json
from probes.kinds.whole import Checked, Usage, Whole, read_body, tokens_of
from probes.question import Question

_TEXT: Final = "A red bicycle leans against the wall."
_BYTES: Final = 4  # of a number in the base64 form: IEEE 754, the low byte first


class _Vector(msgspec.Struct, frozen=True):
    embedding: tuple[float | None, ...] | str  # null is what C++ servers write for a number that JSON does not have


class _Body(msgspec.Struct, frozen=True):
    data: tuple[_Vector, ...]
    usage: Usage | None = None


def say(question: Question, nonce: str) -> Sent:
    """Return the request."""
    text = f"{nonce} {_TEXT}"
    return as_json(question, "/v1/embeddings", {"input": text, "encoding_format": "float"}, texts=(text,))


def reader(question: Question) -> Reader:
    """Return who reads the answer."""
    return Whole(partial(_check, question.dimension))


def _check(dimension: int | None, body: bytes | bytearray) -> Checked:
    answer = read_body(body, _Body)
    if isinstance(answer, Checked):
        return answer
    return Checked(flaw=_flaw(answer.data, dimension), tokens=tokens_of(answer.usage))


def _flaw(data: tuple[_Vector, ...], dimension: int | None) -> Flaw | None:
    if len(data) != 1:
        return "bad_body" if data else "empty"
    numbers = _numbers(data[0].embedding)
    if numbers is None:
        return "bad_body"
    if not all(number is not None and math.isfinite(number) for number in numbers):
        return "not_finite"
    if not any(numbers):
        return "empty"  # no numbers, or nothing but zeros
    return "wrong_dimension" if dimension not in {None, len(numbers)} else None


def _numbers(embedding: tuple[float | None, ...] | str) -> Sequence[float | None] | None:
    """Return the vector; some servers answer in base64 whatever they were asked for."""
    if not isinstance(embedding, str):
        return embedding
    try:
        packed = b64decode(embedding, validate=True)
    except ValueError:
        return None
    return [number for (number,) in iter_unpack("<f", packed)] if len(packed) % _BYTES == 0 else None
