"""Families of the exporter itself: which source works, how old its readings are, how often it failed and why."""

from collections.abc import Iterator

from exporter import catalogue as c
from exporter.errors import SOURCE_ERROR_KINDS
from exporter.metric import Family, Sample
from exporter.snapshot import Snapshot, SourceState


def collect(snapshot: Snapshot, _now: float) -> Iterator[Family]:
    """Yield the families of every source of the snapshot."""
    states = tuple(snapshot.sources.values())
    yield c.SOURCE_UP.of(c.SOURCE_UP.sample(state.is_up, source=state.name) for state in states)
    yield c.SOURCE_LAST_SUCCESS.of(
        c.SOURCE_LAST_SUCCESS.sample(state.last_success_at, source=state.name)
        for state in states
        if state.last_success_at is not None
    )
    yield c.SOURCE_INTERVAL.of(
        c.SOURCE_INTERVAL.sample(state.interval_seconds, source=state.name)
        for state in states
        if state.interval_seconds is not None
    )
    yield c.SOURCE_DURATION.of(
        c.SOURCE_DURATION.sample(state.duration_seconds, source=state.name)
        for state in states
        if state.duration_seconds is not None
    )
    yield c.SOURCE_ERRORS.of(sample for state in states for sample in _errors(state))
    readers = (snapshot.nvml or snapshot.gpus, snapshot.dcgm, snapshot.xpum)
    yield c.SOURCE_CALLS.of(c.SOURCE_CALLS.sample(gpus.calls, source=gpus.source) for gpus in readers if gpus)


def _errors(state: SourceState) -> Iterator[Sample]:
    for kind in SOURCE_ERROR_KINDS:
        yield c.SOURCE_ERRORS.sample(state.errors.get(kind, 0), source=state.name, kind=kind)
