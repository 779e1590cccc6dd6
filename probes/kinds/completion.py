"""Completion: a streamed answer of a server, or of a model, that knows no chat."""

from probes.kinds.chat import COUNTING, streaming
from probes.kinds.route import Sent, as_json
from probes.question import Question


def say(question: Question, nonce: str) -> Sent:
    """Return the request."""
    text = f"{nonce} {COUNTING}"
    body = {"prompt": text, "max_tokens": question.max_tokens, **streaming(question)}
    return as_json(question, "/v1/completions", body, texts=(text,))
