"""Families of the lanes' servers and of what their engines count."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from exporter import catalogue as c
from exporter.backend import BACKEND_STATES, SCRAPE_STATES, Backend, Engine
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import Snapshot

_NUMBERS: Final[tuple[tuple[Metric, Callable[[Backend], float | None]], ...]] = (
    (c.BACKEND_PROGRESS, lambda backend: backend.moved_at),
    (c.BACKEND_CONTEXT, lambda backend: backend.context_tokens),
    (c.ENGINE_WAITING, lambda backend: backend.engine.waiting),
    (c.ENGINE_RUNNING, lambda backend: backend.engine.running),
    (c.ENGINE_KV_USED, lambda backend: backend.engine.kv_used_ratio),
    (c.ENGINE_PREEMPTIONS, lambda backend: backend.engine.preemptions),
)
_BY_KIND: Final[tuple[tuple[Metric, str, Callable[[Engine], Mapping[str, float]]], ...]] = (
    (c.ENGINE_TOKENS, "kind", lambda engine: engine.tokens),
    (c.ENGINE_BUSY, "kind", lambda engine: engine.busy_seconds),
    (c.ENGINE_REQUESTS, "reason", lambda engine: engine.requests),
)


def collect(snapshot: Snapshot, _now: float) -> Iterator[Family]:
    """Yield the families of every lane that was looked at, and of the gateway."""
    if snapshot.backends is None:
        return
    backends = tuple(snapshot.backends.by_lane.values())
    yield c.BACKEND_STATE.of(sample for one in backends for sample in _states(one))
    yield c.BACKEND_SCRAPE.of(sample for one in backends for sample in _scrapes(one))
    yield c.BACKEND_INFO.of(_info(one) for one in backends if one.kind and (one.build or one.model))
    yield c.BACKEND_SLOTS.of(
        c.BACKEND_SLOTS.sample(count, lane=one.lane, state=state)
        for one in backends
        for state, count in one.slots.items()
    )
    for metric, number in _NUMBERS:
        yield metric.of(metric.sample(value, lane=one.lane) for one in backends if (value := number(one)) is not None)
    for metric, label, numbers in _BY_KIND:
        yield metric.of(
            metric.sample(value, **{"lane": one.lane, label: key})
            for one in backends
            for key, value in numbers(one.engine).items()
        )
    if snapshot.backends.is_gateway_alive is not None:
        yield c.GATEWAY_UP.of([c.GATEWAY_UP.sample(snapshot.backends.is_gateway_alive)])


def _states(backend: Backend) -> Iterator[Sample]:
    return one_hot(c.BACKEND_STATE, BACKEND_STATES, backend.state, label="state", lane=backend.lane)


def _scrapes(backend: Backend) -> Iterator[Sample]:
    return one_hot(c.BACKEND_SCRAPE, SCRAPE_STATES, backend.scrape, label="state", lane=backend.lane)


def _info(backend: Backend) -> Sample:
    return c.BACKEND_INFO.sample(1, lane=backend.lane, engine=backend.kind, build=backend.build, model=backend.model)
