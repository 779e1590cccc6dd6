"""The list of models: it costs nothing, and says only that the alias is known, not that anything serves it."""

from functools import partial

import msgspec

from probes.kinds.route import Reader, Sent
from probes.kinds.whole import Checked, Whole, read_body
from probes.question import Question


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Body(msgspec.Struct, frozen=True):
    data: tuple[_Model, ...]


def say(_: Question, __: str) -> Sent:
    """Return the request."""
    return Sent(path="/v1/models")


def reader(question: Question) -> Reader:
    """Return who reads the answer."""
    return Whole(partial(_check, question.model))


def _check(model: str, body: bytes | bytearray) -> Checked:
    answer = read_body(body, _Body)
    if isinstance(answer, Checked):
        return answer
    if not answer.data:
        return Checked(flaw="empty")
    return Checked(flaw=None if any(one.id == model for one in answer.data) else "not_listed")
