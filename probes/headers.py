"""The headers of a question."""

import os

from probes.question import Question
from probes.version import user_agent


def headers_of(question: Question, *, accept: str, content_type: str) -> dict[str, str]:
    """Return every header of `question`; what is meant for the gateway is not said to a lane."""
    headers = {
        "accept": accept,
        "accept-encoding": "identity",
        "connection": "close",
        "user-agent": user_agent(),
    }
    if content_type:
        headers["content-type"] = content_type
    if question.key:
        headers["authorization"] = f"Bearer {question.key.reveal()}"
    return headers | (_for_litellm(question.timeout_seconds) if question.target == "gateway" else {})


def _for_litellm(timeout_seconds: float) -> dict[str, str]:
    """Return what only LiteLLM reads; it, which knows why, shall give up just before us, and not try again first."""
    limit = f"{timeout_seconds - min(1.0, timeout_seconds / 5):.3f}"
    return {
        "x-litellm-call-id": f"lanewatch-{os.urandom(8).hex()}",
        # its default of 2 hides faults in latency; embeddings of an `openai/` deployment it tries three times all the
        # same, unless the deployment says `max_retries: 0`
        "x-litellm-num-retries": "0",
        "x-litellm-timeout": limit,
        "x-litellm-stream-timeout": limit,
    }
