"""What all sources of the API server do alike: follow some collections and speak for them as one part of a snapshot.

Each source stands for itself: a right that one lacks takes nothing from another. They share the way to the server.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar
from urllib.parse import quote

import msgspec

from exporter.config_cluster import Kubernetes
from exporter.errors import SourceError
from exporter.sources.follower import Collection, Server
from exporter.sources.gate import Gate
from exporter.sources.kube_json import Thing
from exporter.sources.pace import Pace
from exporter.sources.reflector import Reflector, Standing

P = TypeVar("P")
T = TypeVar("T")

KEPT_SECONDS: Final = 60.0  # for how long after the last contact the copy still speaks for the cluster
_FIRST_ANSWER_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The way to the API server, one for all sources."""

    connect: Callable[[], Server]
    pace: Pace
    gate: Gate

    def follow(self, collections: Iterable[Collection[T]]) -> list[Reflector[T]]:
        """Return what keeps a copy of each collection, not started."""
        return [Reflector(one, self.connect, self.pace, self.gate) for one in collections]


def api_of(kubernetes: Kubernetes, pace: Pace | None = None) -> Api:
    """Return the way that the configuration names; the thread that first goes it imports the `kubernetes` package."""
    pace = pace or Pace()
    return Api(connect=lambda: _connect(kubernetes.kubeconfig), pace=pace, gate=Gate(pace))


def paths(group: str, namespaces: Sequence[str], resource: str) -> list[str]:
    """Return where a resource is listed: over the whole cluster, or in each of the namespaces."""
    if not namespaces:
        return [f"{group}/{resource}"]
    return [f"{group}/namespaces/{quote(namespace, safe='')}/{resource}" for namespace in namespaces]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Generic[T]):
    """An object that is not as it should be: what is wrong with it, and what can still be said."""

    problem: str
    instead: T | None = None


Kept: TypeAlias = T | Unreadable[T]


def tolerant(
    kind: str, read: Callable[[msgspec.Raw], T | None], *, instead: Callable[[msgspec.Raw], T | None] = lambda _: None
) -> "Callable[[msgspec.Raw], Kept[T] | None]":
    """Return `read` in a form that says of a bad object which it is; it must not cost the list of all others."""

    def keep(raw: msgspec.Raw) -> "Kept[T] | None":
        try:
            return read(raw)
        except (msgspec.DecodeError, ValueError) as error:
            namespace, name = msgspec.json.decode(raw, type=Thing).key
            problem = f"{kind} {namespace}/{name}: expected an object of its kind, found: {error}"
        with suppress(msgspec.DecodeError, ValueError):
            return Unreadable(problem=problem, instead=instead(raw))
        return Unreadable(problem=problem)

    return keep


def readable(reflectors: "Iterable[Reflector[Kept[T]]]") -> Iterator[T]:
    """Yield what is known of every object."""
    for reflector in reflectors:
        for record in reflector.records():
            known = record.instead if isinstance(record, Unreadable) else record
            if known is not None:
                yield known


class Following(Generic[P]):
    """Keeps copies of some collections; `make` makes the part of the snapshot out of them.

    The same part is returned until something that we keep has changed, so that facts can be kept with it.
    """

    def __init__(self, reflectors: Sequence[Reflector[Any]], make: Callable[[], P], pace: Pace) -> None:
        self._reflectors = tuple(reflectors)
        self._make = make
        self._pace = pace
        self._part: P | None = None
        self._problem = ""
        self._revisions: tuple[int, ...] = ()

    async def read(self) -> P:
        """Return the copy at once; only the very first answer is waited for, and not for long."""
        for reflector in self._reflectors:
            reflector.start()
        await self._wait_for_first_answer()
        standings = [reflector.standing for reflector in self._reflectors]
        failure = next((one.failure for one in standings if one.failure is not None), None)
        if failure is not None:
            raise SourceError(failure.kind, str(failure), partial=self._partial(standings)) from failure
        if not all(one.is_synced for one in standings):
            raise SourceError("timeout", "expected lists of the API server, found them still on their way")
        part = self._copy()
        if self._problem:
            raise SourceError("bad_answer", self._problem, partial=part)
        return part

    def stop(self) -> None:
        """End the threads; returns within a second, whatever they wait for."""
        stop_all([self])

    def tell_to_stop(self) -> None:
        """Tell the threads to end and wait for none."""
        for reflector in self._reflectors:
            reflector.stop()

    def join_until(self, deadline: float) -> None:
        """Wait for the threads to end, until this time of the monotonic clock at most."""
        for reflector in self._reflectors:
            reflector.join(max(0.0, deadline - time.monotonic()))

    async def _wait_for_first_answer(self) -> None:
        deadline = time.monotonic() + _FIRST_ANSWER_SECONDS
        while not self._has_answered() and time.monotonic() < deadline:  # noqa: ASYNC110  # threads know no event
            await asyncio.sleep(0.02)

    def _has_answered(self) -> bool:
        standings = [reflector.standing for reflector in self._reflectors]
        return all(one.is_synced or one.failure is not None for one in standings)

    def _partial(self, standings: Sequence[Standing]) -> P | None:
        """Return the copy while what fails was heard not long ago: a server that restarts is no reason to go blind."""
        now = self._pace.now()
        heard = [one.heard_at for one in standings if one.failure is not None and one.heard_at is not None]
        if all(one.is_synced for one in standings) and now - min(heard, default=now) < KEPT_SECONDS:
            return self._copy()
        return None

    def _copy(self) -> P:
        revisions = tuple(reflector.revision for reflector in self._reflectors)
        if self._part is not None and revisions == self._revisions:
            return self._part
        self._revisions = revisions  # taken before the records: what comes in between is seen the next time
        self._problem = next(self._problems(), "")
        part = self._make()
        if part != self._part:
            self._part = part
        return self._part

    def _problems(self) -> Iterator[str]:
        for reflector in self._reflectors:
            yield from (one.problem for one in reflector.records() if isinstance(one, Unreadable))


def stop_all(sources: Iterable[Following[Any]]) -> None:
    """End the threads of all of them; returns within a second, however many there are."""
    ending = list(sources)
    for source in ending:
        source.tell_to_stop()
    deadline = time.monotonic() + _STOP_SECONDS
    for source in ending:
        source.join_until(deadline)


def _connect(kubeconfig: str) -> Server:
    from exporter.sources import apiserver  # noqa: PLC0415  # 35 MiB that a node agent must not pay

    return apiserver.connect(kubeconfig)
