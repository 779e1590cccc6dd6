"""What a stub says: first what a lane that is well says to each kind of question, then the ways to be ill."""

import json
from collections.abc import Mapping
from typing import Any, Final

from e2e.faults.stub import Play, Visit

_SPOKEN: Final = ("pong", " one", " two", " three")


def well(visit: Visit) -> None:
    """Answer as a lane that is well."""
    answers: Mapping[str, Play] = {
        "/v1/chat/completions": _chat,
        "/v1/embeddings": _embeddings,
        "/v1/audio/transcriptions": lambda visit: visit.say(200, {"text": "hello"}),
        "/v1/models": lambda visit: visit.say(200, {"object": "list", "data": [{"id": "stub", "object": "model"}]}),
        "/health": lambda visit: visit.say(200, {"status": "ok"}),
    }
    answers.get(visit.path.partition("?")[0], _nothing)(visit)


def ill(play: Play) -> Play:
    """Return `well` whose work alone is ill: what only looks is answered as ever."""
    return lambda visit: (play if visit.command == "POST" else well)(visit)


def status(code: int, words: str, *, kind: str = "server_error", **headers: str) -> Play:
    """Answer each question with an error as OpenAI forms it."""
    body = {"error": {"code": code, "message": words, "type": kind, "param": None}}
    return ill(lambda visit: visit.say(code, body, **headers))


def page(code: int, html: str) -> Play:
    """Answer everything with a page for people."""
    return lambda visit: visit.say(code, html.encode(), "text/html")


def echoing(code: int, *secrets: str) -> Play:
    """Answer with an error that holds what was sent and more, in the body and in headers."""

    def play(visit: Visit) -> None:
        said = {"error": {"message": f"received {dict(visit.headers)}, {secrets}", "type": secrets[0], "code": code}}
        visit.say(code, said, x_request_id=secrets[0], Location=f"http://h/?key={secrets[0]}", Retry_After=secrets[0])

    return play


def redirect(visit: Visit) -> None:
    """Send whoever asks to a page where people log in."""
    visit.say(302, b"", "text/html", Location="http://127.0.0.1:9/login")


@ill
def dies_in_the_midst(visit: Visit) -> None:
    """Begin a stream and close."""
    _begin(visit, 2)
    visit.hang_up()


@ill
def goes_silent(visit: Visit) -> None:
    """Begin a stream and say no more, until the lane is mended: an answer broken off then would be news of its own."""
    _begin(visit, 2)
    _once_mended(visit, _finish)


@ill
def never_begins(visit: Visit) -> None:
    """Take the question and be silent, until the lane is mended."""
    _once_mended(visit, well)


@ill
def says_nothing(visit: Visit) -> None:
    """Answer with a stream that is whole and has no token."""
    visit.begin_stream()
    visit.event(delta={"role": "assistant"}, finish_reason=None)
    visit.event(delta={}, finish_reason="stop")
    _end(visit)


@ill
def hangs_up(visit: Visit) -> None:
    """Take the question and close."""
    visit.hang_up()


@ill
def cut_json(visit: Visit) -> None:
    """Answer with the first half of a JSON body, whose length is told as if it were the whole."""
    visit.say(200, json.dumps(_vector())[:60].encode())


@ill
def of_zeros(visit: Visit) -> None:
    """Answer with a vector that is nothing but zeros."""
    visit.say(200, _vector(0.0))


def late(seconds: float) -> Play:
    """Answer well, after a while."""

    def play(visit: Visit) -> None:
        visit.wait(seconds)
        well(visit)

    return ill(play)


def dripping(seconds: float) -> Play:
    """Answer well, with so long a pause before each token but the first."""

    def play(visit: Visit) -> None:
        visit.begin_stream()
        for word in _SPOKEN:
            visit.event(delta={"content": word}, finish_reason=None)
            visit.wait(seconds)
        _finish(visit)

    return ill(play)


def two_of_three() -> Play:
    """Fail two questions of three: whoever asks three times is served."""
    count = iter(range(1 << 30))
    fail = status(500, "boom")

    def play(visit: Visit) -> None:
        answer = well if next(count) % 3 == 2 else fail
        answer(visit)

    return ill(play)


def _once_mended(visit: Visit, go_on: Play) -> None:
    if visit.wait():
        go_on(visit)
    else:
        visit.hang_up()


def _chat(visit: Visit) -> None:
    if not json.loads(visit.body).get("stream"):
        message = {"role": "assistant", "content": "pong"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        visit.say(200, {"id": "x", "object": "chat.completion", "created": 1, "model": "stub", "choices": [choice]})
        return
    _begin(visit, len(_SPOKEN))
    _finish(visit)


def _begin(visit: Visit, words: int) -> None:
    visit.begin_stream()
    visit.event(delta={"role": "assistant"}, finish_reason=None)
    for word in _SPOKEN[:words]:
        visit.event(delta={"content": word}, finish_reason=None)


def _finish(visit: Visit) -> None:
    visit.event(delta={}, finish_reason="stop")
    usage = {"prompt_tokens": 9, "completion_tokens": len(_SPOKEN), "total_tokens": 13}
    last = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "stub", "choices": [], "usage": usage}
    visit.piece(f"data: {json.dumps(last)}\n\n".encode())
    _end(visit)


def _end(visit: Visit) -> None:
    visit.piece(b"data: [DONE]\n\n")
    visit.piece(b"")


def _embeddings(visit: Visit) -> None:
    visit.say(200, _vector())


def _vector(first: float = 0.5) -> dict[str, Any]:
    entry = {"object": "embedding", "index": 0, "embedding": [first, first / 2, -first, first / 4]}
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return {"object": "list", "model": "stub", "data": [entry], "usage": usage}


def _nothing(visit: Visit) -> None:
    visit.say(404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}})
