"""Every kind of route that can be probed."""

from collections.abc import Mapping
from typing import Final

from exporter.config_path import Kind
from probes.kinds import chat, completion, embeddings, models, rerank, speech, tools
from probes.kinds.route import Reader, Route
from probes.kinds.streamed import Streamed
from probes.question import Question


def _read_stream(_: Question) -> Reader:
    return Streamed()


def _read_calls(_: Question) -> Reader:
    return Streamed(tools.calls_the_tool)


_STREAM: Final = "text/event-stream"
_JSON: Final = "application/json"

KINDS: Final[Mapping[Kind, Route]] = {
    "chat": Route(media_type=_STREAM, say=chat.say, reader=_read_stream),
    "tools": Route(media_type=_STREAM, say=tools.say, reader=_read_calls),
    "completion": Route(media_type=_STREAM, say=completion.say, reader=_read_stream),
    "embeddings": Route(media_type=_JSON, say=embeddings.say, reader=embeddings.reader),
    "rerank": Route(media_type=_JSON, say=rerank.say, reader=rerank.reader),
    "speech": Route(media_type=_JSON, say=speech.say, reader=speech.reader),
    "models": Route(media_type=_JSON, say=models.say, reader=models.reader),
}

STREAMED: Final = frozenset(kind for kind, route in KINDS.items() if route.media_type == _STREAM)
"""The kinds whose answer has a first token."""
