"""A simulated fleet: many nodes, pools, lanes and aliases told as one of each is on our golden pages.

Nothing here was read from a fleet: families, label sets and how many series there are is what is true of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from fakes import fleet_pages as pages
from fakes.fleet_series import CARD_NAME, Clock, Fault, Series
from fakes.remote_write import encoded

_AGENT: Final = {"instance": f"{pages.NODE}:9400", "pod": f"agent-{pages.NODE}"}
_WATCHER: Final = {"instance": "watcher:9400", "pod": "watcher-0"}


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many of each: nodes are dealt out to pools, and the nodes of a pool to its lanes."""

    nodes: int = 1250
    lanes: int = 200
    faults: Mapping[str, Fault] = field(default_factory=dict)

    @property
    def pools(self) -> int:
        """How many pools there are."""
        return self.lanes // len(pages.LANES)

    def requests(self, clock: Clock) -> Iterator[bytes]:
        """Yield what is to be written: a request for each node, then what the watcher and the probes say."""
        healthy, *ill = [
            _request(chain.from_iterable(map(fault, pages.node(clock.now))), clock, _AGENT)
            for fault in (_nothing, *self.faults.values())
        ]
        watched = _request(pages.watched_node(clock.now), clock, _WATCHER)
        for number in range(self.nodes):
            yield self._of_node(ill[number] if number < len(ill) else healthy, number)
            yield self._of_node(watched, number)
        yield _request(pages.cluster(clock.now), clock, _WATCHER)
        yield from self._pools(clock)

    def _pools(self, clock: Clock) -> Iterator[bytes]:
        pool, lane, alias = (
            _request(tell(clock.now), clock, _WATCHER) for tell in (pages.pool, pages.lane, pages.alias)
        )
        for number in range(self.pools):
            yield _renamed(pool, {pages.POOL: _pool(number)})
        for number in range(self.lanes):
            pools = {pages.POOL: _pool(number // len(pages.LANES))}
            yield _renamed(lane + alias, {**pools, pages.LANE: _lane(number), pages.ALIAS: f"alias-{number:03}"})

    def _of_node(self, request: bytes, number: int) -> bytes:
        """Return a request with the names of a node in it, of its pool and of the pool's lanes; one is active on it."""
        pool = number % self.pools
        lanes = [_lane(pool * len(pages.LANES) + index) for index in range(len(pages.LANES))]
        active = lanes[number // self.pools % len(lanes)]
        own = {pages.NODE: f"node-{number:04}", CARD_NAME: f"{number:08x}", pages.ACTIVE: active}
        return _renamed(request, {**own, pages.POOL: _pool(pool), **dict(zip(pages.LANES, lanes, strict=True))})


def _nothing(one: Series) -> Iterator[Series]:
    yield one


def _pool(number: int) -> str:
    return f"pool-{number:02}"


def _lane(number: int) -> str:
    return f"lane-{number:03}"


def _renamed(request: bytes, names: Mapping[str, str]) -> bytes:
    for old, new in names.items():
        request = request.replace(old.encode(), new.encode())
    return request


def _request(series: Iterable[Series], clock: Clock, target: Mapping[str, str]) -> bytes:
    labels = {"job": "lanewatch", "namespace": "lanewatch", **target}
    return encoded(({"__name__": one.name, **labels, **one.labels}, one.samples(clock)) for one in series)
