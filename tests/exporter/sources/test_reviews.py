"""Tokens: what the API server said is kept for a while, what it cannot say lets nobody in."""

import asyncio
from dataclasses import dataclass, field

import msgspec
import pytest

from exporter.errors import SourceError
from exporter.sources.reviews import Reviews


@dataclass
class _Reply:
    body: object
    status: int = 201

    def read(self) -> bytes:
        return msgspec.json.encode(self.body)


@dataclass
class _Server:
    """Knows one token, whose owner may get one path."""

    is_there: bool = True
    status: int = 201
    asked: list[str] = field(default_factory=list)

    def post(self, path: str, body: bytes, *, silence_seconds: float) -> _Reply:
        assert silence_seconds <= 2
        self.asked.append(path.rpartition("/")[2])
        if not self.is_there:
            raise SourceError("refused", "no server")
        spec = msgspec.json.decode(body)["spec"]
        if "token" in spec:
            user = {"username": "u", "groups": ["g"], "extra": {"e": ["1"]}}
            return _Reply({"status": {"authenticated": spec["token"] == "good", "user": user}}, self.status)  # noqa: S105  # it knows one
        allowed = (spec["user"], spec["groups"], spec["extra"]) == ("u", ["g"], {"e": ["1"]})
        return _Reply({"status": {"allowed": allowed and spec["nonResourceAttributes"]["path"] == "/metrics"}})


def _judge(server: _Server, *shown: tuple[float, str, str]) -> list[bool | None]:
    """Return what becomes of each token, shown at this time for this path."""
    now = 0.0
    reviews = Reviews(lambda: server, lambda: now)

    async def go() -> list[bool | None]:
        nonlocal now
        found = []
        for at, token, path in shown:
            now = at
            found.append(await reviews.may_get(token, path))  # one after the other: what is kept is the point
        return found

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("token", "path", "expected"),
    [
        pytest.param("good", "/metrics", True, id="a token whose owner may"),
        pytest.param("good", "/status.json", False, id="another path"),
        pytest.param("bad", "/metrics", False, id="a token that is not known"),
        pytest.param("", "/metrics", False, id="no token"),
        pytest.param("x" * 9000, "/metrics", False, id="a token that is too long"),
        pytest.param("\udc80", "/metrics", False, id="no text at all"),
    ],
)
def test_a_token_is_judged(token: str, path: str, expected: bool) -> None:  # noqa: FBT001  # a table
    assert _judge(_Server(), (0, token, path)) == [expected]


def test_what_was_said_is_kept_for_a_while() -> None:
    server = _Server()
    assert _judge(server, *((at, "good", "/metrics") for at in (0, 59, 61))) == [True] * 3
    assert server.asked == ["tokenreviews", "subjectaccessreviews"] * 2
    refusing = _Server()
    assert _judge(refusing, *((at, "bad", "/metrics") for at in (0, 9, 11))) == [False] * 3
    assert refusing.asked == ["tokenreviews"] * 2


def test_where_the_api_server_cannot_be_asked_nothing_is_told_and_nothing_kept() -> None:
    for server in (_Server(is_there=False), _Server(status=403)):
        assert _judge(server, (0, "good", "/metrics"), (1, "good", "/metrics")) == [None, None]
        assert server.asked == ["tokenreviews"] * 2
