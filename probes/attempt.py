"""One attempt: what a user of an alias would have seen, as facts, and when each phase ended.

Judges nothing and retries nothing. One deadline covers everything from the name to the last byte.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from exporter.config_path import Kind
from probes.failure import Failure, WireError
from probes.found import ErrorFacts, Flaw, Tokens
from probes.headers import headers_of
from probes.kinds.route import MediaType, Reader, Sent
from probes.kinds.table import KINDS
from probes.question import Question, Target
from probes.record import Record
from probes.served import Served

if TYPE_CHECKING:
    from probes.wire import Answer, Call

_LARGEST_ERROR: Final = 8192  # bytes of an error body that are read
_KNOWN_TYPES: Final = frozenset({"text/html", "text/plain", "application/json", "text/event-stream"})
_WRONG_TYPE: Final[Mapping[MediaType, Failure]] = {"text/event-stream": "not_a_stream", "application/json": "not_json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The facts of one attempt; phases are seconds from its start, and one that was not reached is absent."""

    alias: str
    kind: Kind = "chat"
    target: Target = "gateway"
    lane: str = ""  # that was asked directly
    started_at: float = 0.0  # Unix time
    seconds: float = 0.0  # from the start to the end, however it ended
    phases: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None  # what broke on the way; None: the exchange was whole
    failure_words: str = ""
    flaw: Flaw | None = None  # what is wrong with a whole answer
    status: int | None = None
    error: ErrorFacts | None = None  # what the other side said, in the body or inside the stream
    retry_after_seconds: float | None = None
    is_from_gateway: bool = False  # the answer carries LiteLLM's own headers
    is_from_lane: bool = False  # the lane itself answered: it was asked directly, or the answer carries its headers
    is_simulated: bool = False
    served: Served = field(default_factory=Served)
    tokens: Tokens = field(default_factory=Tokens)
    finish_reason: str = ""
    is_done: bool = False  # the answer is whole; a stream said so itself
    silent_seconds: float | None = None  # from the last token to the end
    largest_gap_seconds: float | None = None  # between two chunks that held a token
    inter_token_seconds: float | None = None  # by the server's count, never by chunks
    prefill_rate: float | None = None  # prompt tokens a second, where the server tells it
    queue_seconds: float | None = None  # before the prompt was read, where the server tells it

    @property
    def ended_at(self) -> float:
        """Unix time at which the attempt ended."""
        return self.started_at + self.seconds

    @property
    def first_token(self) -> float | None:
        """Seconds to the first token, reasoning included."""
        return self.phases.get("first_token")

    @property
    def decode_rate(self) -> float | None:
        """Tokens a second after the first, by the server's count."""
        return 1 / self.inter_token_seconds if self.inter_token_seconds else None


def failed_attempt(alias: str, words: str) -> Attempt:
    """Return an attempt that could not even begin, for a reason on our side."""
    return Attempt(alias=alias, started_at=time.time(), failure="error", failure_words=words)


async def ask(question: Question) -> Attempt:
    """Ask once over a connection of its own, and return what happened; only a bad CA file raises."""
    from probes.wire import exchange  # noqa: PLC0415  # `probe --help` has no use for it

    route = KINDS[question.kind]
    sent, reader = route.say(question, os.urandom(4).hex()), route.reader(question)
    call = _call(question, sent, route.media_type)
    record = Record(question, sent.texts)
    try:
        async with asyncio.timeout(question.timeout_seconds), exchange(call, record.mark) as answer:
            record.note_headers(answer.status, answer.headers)
            if answer.status != 200:
                await _read_error(answer, record)
            else:
                _refuse_other_than(route.media_type, answer.headers)
                await _read_answer(answer, reader, record)
    except TimeoutError:
        record.fail("timeout", f"no end within {question.timeout_seconds:g} s")
    except WireError as error:
        record.fail(error.failure, str(error))
    return Attempt(**record.facts(reader.found()))


async def _read_answer(answer: "Answer", reader: Reader, record: Record) -> None:
    """Read until nothing more can matter; the time is taken at the socket, before parsing."""
    async for chunk in answer.chunks:
        at = record.elapsed()
        if at > record.limit:
            raise TimeoutError  # small chunks that came in one read leave the event loop no moment to say so
        record.mark("first_chunk", at)
        if reader.feed(chunk, at):
            return
    reader.end(record.elapsed())


async def _read_error(answer: "Answer", record: Record) -> None:
    """Keep the beginning of an error body; one that breaks off still says something."""
    body = bytearray()
    try:
        async for chunk in answer.chunks:
            record.mark("first_chunk")
            body += chunk[:_LARGEST_ERROR]
            if len(body) >= _LARGEST_ERROR:
                return
    finally:
        record.note_error(bytes(body[:_LARGEST_ERROR]))


def _refuse_other_than(media_type: MediaType, headers: Mapping[str, str]) -> None:
    """Refuse what is compressed, because inflating it has no bound, and what is of another type."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise WireError("encoding", "expected a plain body, found a compressed one")
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != media_type:
        known = kind if kind in _KNOWN_TYPES else "something else"
        raise WireError(_WRONG_TYPE[media_type], f"expected {media_type}, found {known}")


def _call(question: Question, sent: Sent, media_type: MediaType) -> "Call":
    from probes.wire import Call, tls_context  # noqa: PLC0415  # see ask

    url = question.url.rstrip("/").removesuffix("/v1") + sent.path
    headers = headers_of(question, accept=media_type, content_type=sent.content_type if sent.body else "")
    return Call(url=url, headers=headers, body=sent.body, tls=tls_context(url, question.ca_file))
