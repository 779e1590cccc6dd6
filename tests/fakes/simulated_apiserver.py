"""An API server in simulated time: many collections with a history, bookmarks, compaction, and faults as functions."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.errors import SourceError
from exporter.sources.pace import Pace
from fakes.simulated_time import SimulatedTime

JSON = "application/json"
_TICK_SECONDS = 0.25  # how late an event may be
_BOOKMARK_SECONDS = 60.0
_ANSWER_SECONDS = 30.0
_CONNECT_SECONDS = 4.0  # after which our client gives up

Fault = Callable[["World", bool], "Answer | None"]


@dataclass
class Change:
    """One line of a watch, with its version."""

    version: int
    type: str
    name: str

    def line(self) -> bytes:
        """Return the line."""
        return json.dumps({"type": self.type, "object": thing(self.name, self.version)}).encode()


@dataclass
class Things:
    """One collection: the version of each object, and the changes that are still remembered."""

    versions: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


def thing(name: str, version: int) -> dict[str, Any]:
    """Return the JSON of an object."""
    return {"metadata": {"namespace": "vllm", "name": name, "resourceVersion": str(version)}}


@dataclass
class Answer:
    """One answer; a watch goes on for as long as its lines do."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b"{}"
    retry_after_seconds: float = 0.0
    make_lines: "Callable[[Answer], Iterator[bytes]]" = lambda _: iter(())
    silence_seconds: float = 30.0
    is_cut: bool = False

    def read(self) -> bytes:
        """Return the body."""
        return self.body

    def lines(self) -> Iterator[bytes]:
        """Yield the lines as they come."""
        return self.make_lines(self)

    def expect_within(self, seconds: float) -> None:
        """Let it be silent for so long and no longer."""
        self.silence_seconds = seconds

    def cut(self) -> None:
        """End it."""
        self.is_cut = True

    def close(self) -> None:
        """Give it up."""


class World:
    """The server; `fault` answers in its place, or breaks what it has answered before."""

    def __init__(self, time: SimulatedTime, paths: tuple[str, ...]) -> None:
        self.time = time
        self.things = {path: Things() for path in paths}
        self.version = 1
        self.compacted = 0  # a watch from before is answered by 410
        self.fault: Fault | None = None
        self.faulty_paths: frozenset[str] = frozenset(paths)
        self.expiries = 0  # a watch from before the last one is told 410 in its stream
        self.breaks = 0  # a watch from before the last one is over
        self.mutes = 0  # over a watch from before the last one nothing comes any more, and it stays open
        self.connects: list[tuple[float, str, Mapping[str, str]]] = []

    def set(self, path: str, name: str) -> None:
        """Add or change an object."""
        things = self.things[path]
        self._change(path, "MODIFIED" if name in things.versions else "ADDED", name)
        things.versions[name] = self.version

    def delete(self, path: str, name: str) -> None:
        """Delete an object."""
        self._change(path, "DELETED", name)
        del self.things[path].versions[name]

    def compact(self) -> None:
        """Forget every change until now."""
        self.compacted = self.version
        for things in self.things.values():
            things.changes.clear()

    def break_watches(self) -> None:
        """End every watch, as a server does that goes."""
        self.breaks += 1

    def expire_watches(self) -> None:
        """Tell every watch that its version is gone."""
        self.expiries += 1

    def mute_watches(self) -> None:
        """Leave every watch half open."""
        self.mutes += 1

    def get(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> Answer:
        """Answer, in no time unless there is a fault."""
        self.connects.append((self.time.now(), path, query))
        is_watch = "watch" in query
        if self.fault is not None and path in self.faulty_paths:
            answer = self.fault(self, is_watch)
            if answer is not None:
                return answer
        answer = self._watch(path, query) if is_watch else self._list(path)
        answer.silence_seconds = silence_seconds
        return answer

    def close(self) -> None:
        """Nothing is held."""

    def _change(self, path: str, kind: str, name: str) -> None:
        self.version += 1
        self.things[path].changes.append(Change(self.version, kind, name))

    def _list(self, path: str) -> Answer:
        items = [thing(name, version) for name, version in self.things[path].versions.items()]
        return Answer(body=json.dumps({"metadata": {"resourceVersion": str(self.version)}, "items": items}).encode())

    def _watch(self, path: str, query: Mapping[str, str]) -> Answer:
        since = int(query["resourceVersion"])
        if since < self.compacted:
            return Answer(status=410, body=json.dumps({"code": 410}).encode())
        seconds = int(query["timeoutSeconds"])
        return Answer(make_lines=lambda answer: self._lines(answer, path, since, seconds))

    def _lines(self, answer: Answer, path: str, since: int, seconds: int) -> Iterator[bytes]:
        breaks, mutes, end = self.breaks, self.mutes, self.time.now() + seconds
        heard, expiries = self.time.now(), self.expiries
        while self.breaks == breaks and not answer.is_cut and (self.mutes != mutes or self.time.now() < end):
            for line in self._news(path, since, heard) if self.mutes == mutes else ():
                heard = self.time.now()
                yield line
            since = self.version
            if self.expiries != expiries:
                yield b'{"type": "ERROR", "object": {"code": 410}}'
            if self.time.now() - heard >= answer.silence_seconds:
                raise SourceError("timeout", "nothing was heard")
            self.time.sleep(_TICK_SECONDS)
        if self.breaks != breaks:
            raise SourceError("failed", "connection reset")

    def _news(self, path: str, since: int, heard: float) -> Iterator[bytes]:
        yield from (change.line() for change in self.things[path].changes if change.version > since)
        if self.time.now() - heard >= _BOOKMARK_SECONDS:
            yield Change(self.version, "BOOKMARK", "").line()


def refused(_: World, __: bool) -> Answer | None:  # noqa: FBT001  # a fault is told whether it is a watch
    """Nobody listens."""
    raise SourceError("refused", "connection refused")


def unanswered(world: World, _: bool) -> Answer | None:  # noqa: FBT001
    """Nobody answers the first packet."""
    world.time.sleep(_CONNECT_SECONDS)
    raise SourceError("timeout", "connect timed out")


def silent(world: World, _: bool) -> Answer | None:  # noqa: FBT001
    """Accepts the connection and never says a word."""
    world.time.sleep(_ANSWER_SECONDS)
    raise SourceError("timeout", "read timed out")


def wrong_certificate(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """Somebody else answers."""
    raise SourceError("failed", "certificate verify failed")


def html(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """A proxy asks to sign in."""
    return Answer(content_type="text/html", body=b"<html>")


def unavailable(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """A load balancer has nobody to ask."""
    return Answer(status=503, content_type="text/plain", body=b"no backend")


def broken(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """The server has lost etcd."""
    return Answer(status=500, body=b'{"code": 500, "message": "etcdserver: request timed out"}')


def too_many(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """We ask too often."""
    return Answer(status=429, body=b'{"code": 429}', retry_after_seconds=20.0)


def unknown_credential(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """The token has run out."""
    return Answer(status=401, body=b'{"code": 401}')


def forbidden(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """A right is missing."""
    return Answer(status=403, body=b'{"code": 403, "message": "no"}')


def not_served(_: World, __: bool) -> Answer | None:  # noqa: FBT001
    """There is no such API."""
    return Answer(status=404, content_type="text/plain", body=b"404 page not found")


def closes_watches(_: World, is_watch: bool) -> Answer | None:  # noqa: FBT001
    """Each watch is accepted and ends at once."""
    return Answer() if is_watch else None


def breaks_watches(world: World, is_watch: bool) -> Answer | None:  # noqa: FBT001
    """Each watch is accepted and breaks after two seconds."""

    def lines(_: Answer) -> Iterator[bytes]:
        world.time.sleep(2.0)
        yield from ()
        raise SourceError("failed", "connection reset")

    return Answer(make_lines=lines) if is_watch else None


def refuses_watches(_: World, is_watch: bool) -> Answer | None:  # noqa: FBT001
    """Lists are answered, watches are not."""
    return Answer(status=503, body=b'{"code": 503}') if is_watch else None


def pace_in(time: SimulatedTime, chance: Callable[[], float]) -> Pace:
    """Return the pace of a real client, in simulated time."""
    return Pace(now=time.now, pause=time.sleep, random=chance)
