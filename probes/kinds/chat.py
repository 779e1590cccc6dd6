"""Chat: a streamed answer to a small question that takes the model a while to finish."""

from collections.abc import Mapping
from typing import Any, Final

from probes.kinds.made_words import made_words
from probes.kinds.route import Sent, as_json
from probes.question import Question

COUNTING: Final = "Count from one to fifty in words."


def say(question: Question, nonce: str) -> Sent:
    """Return the request; the nonce stands first, because prefix caches match from the first token on."""
    text = f"{nonce} {made_words(question.context_words)}{COUNTING}"
    return chat_request(question, text, {"max_tokens": question.max_tokens})


def chat_request(question: Question, text: str, more: Mapping[str, Any]) -> Sent:
    """Return a request with one message of the user."""
    body = {"messages": [{"role": "user", "content": text}], **streaming(question), **more}
    return as_json(question, "/v1/chat/completions", body, texts=(text,))


def streaming(question: Question) -> dict[str, Any]:
    """Return what every streamed request says."""
    # a server that does not know the word may refuse it
    own = {"cache_prompt": False} if question.engine == "llamacpp" else {}
    return {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0, **own}
