"""One attempt: what a user of an alias would have seen, as facts, and when each phase ended.

Judges nothing and retries nothing. One deadline covers everything from the name to the last byte.
"""

import asyncio
import dataclasses
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from exporter.config import Alias, Gateway
from probes.chat import BadChunkError, ErrorFacts, Tokens, Transcript, chat_body, chat_headers, error_facts, texts_of
from probes.failure import Failure, WireError
from probes.secret import Secret
from probes.served import Served, read_served
from probes.sse import EventReader, StreamTooLargeError

if TYPE_CHECKING:
    from probes.wire import Answer, Call

PHASES: Final = ("dns", "connect", "tls", "first_chunk", "first_token", "first_output", "complete")
_LARGEST_ERROR: Final = 8192  # bytes of an error body that are read
_LONGEST_TEXT: Final = 500  # characters of a text from outside that are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to one alias."""

    alias: str
    gateway_url: str
    key: Secret
    ca_file: str = ""
    max_tokens: int = 16
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The facts of one attempt; phases are seconds from its start, and one that was not reached is absent."""

    alias: str
    kind: str = "chat"
    started_at: float = 0.0  # Unix time
    seconds: float = 0.0  # from the start to the end, however it ended
    phases: Mapping[str, float] = field(default_factory=dict)
    failure: Failure | None = None  # what broke on the way; None: the exchange was whole
    failure_words: str = ""
    status: int | None = None
    error: ErrorFacts | None = None  # what the gateway said, in the body or inside the stream
    retry_after_seconds: float | None = None
    is_from_gateway: bool = False  # the answer carries LiteLLM's own headers
    is_from_lane: bool = False  # the answer carries headers of the lane: the lane itself answered
    is_simulated: bool = False
    served: Served = field(default_factory=Served)
    tokens: Tokens = field(default_factory=Tokens)
    finish_reason: str = ""
    is_done: bool = False  # the stream said that it is whole
    silent_seconds: float | None = None  # from the last token to the end

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
        """Tokens a second after the first; None where one chunk held them all, or the server did not count."""
        begun, complete, tokens = self.first_token, self.phases.get("complete"), self.tokens.completion
        if begun is None or complete is None or tokens is None or tokens < 2 or complete <= begun:
            return None
        return (tokens - 1) / (complete - begun)


def chat_request(gateway: Gateway, alias: Alias, key: Secret) -> ChatRequest:
    """Return the question that the configuration asks of `alias`."""
    return ChatRequest(
        alias=alias.name,
        gateway_url=gateway.url,
        key=key,
        ca_file=gateway.ca_file,
        max_tokens=alias.max_tokens,
        timeout_seconds=alias.timeout_seconds,
    )


def failed_attempt(alias: str, words: str) -> Attempt:
    """Return an attempt that could not even begin, for a reason on our side."""
    return Attempt(alias=alias, started_at=time.time(), failure="error", failure_words=words)


async def attempt_chat(request: ChatRequest) -> Attempt:
    """Ask once over a connection of its own, and return what happened; only a bad CA file raises."""
    from probes.wire import exchange, make_ready  # noqa: PLC0415  # httpx takes longer to load than a command to run

    body = chat_body(request.alias, max_tokens=request.max_tokens, nonce=secrets.token_hex(4))
    call = _call(request, body)
    await make_ready()
    record = Record(request, texts_of(body))
    try:
        async with asyncio.timeout(request.timeout_seconds), exchange(call, record.mark) as answer:
            await _read(answer, record)
    except TimeoutError:
        record.fail("timeout", f"no end within {request.timeout_seconds:g} s")
    except WireError as error:
        record.fail(error.failure, str(error))
    except StreamTooLargeError as error:
        record.fail("too_large", str(error))
    except BadChunkError as error:
        record.fail("bad_chunk", str(error))
    return record.attempt()


class Record:
    """Collects the facts while the attempt runs; its clock starts with it."""

    def __init__(self, request: ChatRequest, prompts: tuple[str, ...]) -> None:
        self.transcript = Transcript()
        self._request = request
        self._prompts = prompts
        self._phases: dict[str, float] = {}
        self._facts: dict[str, Any] = {"alias": request.alias, "started_at": time.time()}
        self._started = time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the attempt began."""
        return time.monotonic() - self._started

    def mark(self, phase: str, at: float | None = None) -> None:
        """Note that `phase` ended, now or at `at`; the first time counts."""
        self._phases.setdefault(phase, self.elapsed() if at is None else at)

    def fail(self, failure: Failure, words: str) -> None:
        """Note what broke."""
        self._facts |= {"failure": self._localise(failure), "failure_words": words}

    def note_headers(self, answer: "Answer") -> None:
        """Note what the head of the answer says."""
        self._facts |= {
            "status": answer.status,
            "retry_after_seconds": _seconds(answer.headers.get("retry-after", "")),
            "is_from_gateway": any(name.startswith("x-litellm-") for name in answer.headers),
            "is_from_lane": any(name.startswith("llm_provider-") for name in answer.headers),
            "is_simulated": "x-lanewatch-simulated" in answer.headers,
            "served": read_served(answer.headers, self._tidy),
        }

    def note_error(self, body: bytes) -> None:
        """Note what the beginning of an error body says."""
        self._facts["error"] = error_facts(body)

    def attempt(self) -> Attempt:
        """Return the facts."""
        seconds, stream = self.elapsed(), self.transcript
        error = stream.error or self._facts.pop("error", None)
        times = {"first_token": stream.first_token, "first_output": stream.first_output}
        phases = self._phases | {name: at for name, at in times.items() if at is not None}
        return Attempt(
            **self._facts,
            seconds=seconds,
            phases={name: phases[name] for name in PHASES if name in phases},
            error=error and self._tidy_error(error),
            tokens=stream.tokens,
            finish_reason=self._tidy(stream.finish_reason),
            is_done=stream.is_done,
            silent_seconds=None if stream.last_token is None else seconds - stream.last_token,
        )

    def _localise(self, failure: Failure) -> Failure:
        """Name the step that was under way when the time ran out or the connection broke."""
        if failure == "timeout" and "dns" not in self._phases:
            return "dns"
        if failure == "timeout" and "connect" not in self._phases:
            return "connect"
        is_encrypting = self._request.gateway_url.startswith("https:") and "tls" not in self._phases
        if failure in {"timeout", "connect"} and "connect" in self._phases and is_encrypting:
            return "tls"
        return failure

    def _tidy(self, text: str) -> str:
        """Return a text from outside without the key, the prompt and what could steer a terminal: one short line."""
        text = self._request.key.hide_in(text)
        for prompt in self._prompts:
            text = text.replace(prompt, "…")
        visible = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(visible.split())[:_LONGEST_TEXT]

    def _tidy_error(self, error: ErrorFacts) -> ErrorFacts:
        return ErrorFacts(**{name: self._tidy(text) for name, text in dataclasses.asdict(error).items()})


async def _read(answer: "Answer", record: Record) -> None:
    record.note_headers(answer)
    if answer.status != 200:
        await _read_error(answer, record)
        return
    _refuse_other_than_stream(answer)
    await _read_stream(answer, record)


async def _read_stream(answer: "Answer", record: Record) -> None:
    """Read until the stream says that it is over; the time is taken at the socket, before parsing."""
    reader, transcript = EventReader(), record.transcript
    async for chunk in answer.chunks:
        at = record.elapsed()
        record.mark("first_chunk", at)
        for event in reader.feed(chunk):
            transcript.add(event, at)
        if transcript.is_done:
            record.mark("complete", at)
        if transcript.is_over:
            return


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


def _refuse_other_than_stream(answer: "Answer") -> None:
    """Refuse what is compressed, because inflating it has no bound, and what is no event stream."""
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise WireError("encoding", "expected a plain body, found a compressed one")
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/event-stream":
        known = kind if kind in {"text/html", "application/json", "text/plain"} else "something else"
        raise WireError("not_a_stream", f"expected text/event-stream, found {known}")


def _call(request: ChatRequest, body: Mapping[str, Any]) -> "Call":
    from probes.wire import Call, tls_context  # noqa: PLC0415  # see attempt_chat

    base = request.gateway_url.rstrip("/").removesuffix("/v1")
    headers = chat_headers(timeout_seconds=request.timeout_seconds, call_id=f"lanewatch-{secrets.token_hex(8)}")
    if request.key:
        headers["authorization"] = f"Bearer {request.key.reveal()}"
    url = f"{base}/v1/chat/completions"
    return Call(url=url, headers=headers, body=json.dumps(body).encode(), tls=tls_context(url, request.ca_file))


def _seconds(retry_after: str) -> float | None:
    """Return the seconds of a `Retry-After`; a date is left to the schedule's own pause."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 10 else None
