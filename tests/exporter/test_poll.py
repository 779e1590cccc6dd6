"""Polling: a source that fails takes only its own part away, and says why."""

import asyncio
from dataclasses import dataclass

import pytest

from exporter.errors import SourceError
from exporter.poll import NOT_READ_YET, Isolation, Poller, Schedule, keep_running
from exporter.snapshot import Allocations, Device, Gpus, Snapshot


@dataclass
class _Scripted:
    """Answers with each thing of a script in turn: raises what is an exception, returns the rest."""

    script: list[object]

    async def read(self) -> Gpus | Allocations:
        thing = self.script.pop(0)
        if isinstance(thing, Exception):
            raise thing
        if thing is Ellipsis:
            await asyncio.Event().wait()
        assert isinstance(thing, Gpus | Allocations)
        return thing


def _schedule(name: str, part: type[Gpus | Allocations], *script: object) -> Schedule:
    source = _Scripted(list(script))
    slot = {Gpus: "gpus", Allocations: "allocations"}[part]
    return Schedule(name=name, source=source, slot=slot, part=part, interval_seconds=60, deadline_seconds=0.05)


_CARD = Gpus(source="nvml", devices=(Device(uuid="GPU-1", index=0),))


def _read(*schedules: Schedule, times: int = 1) -> Poller:
    poller = Poller(Snapshot(node="n"), schedules)

    async def go() -> None:
        for _ in range(times):
            for schedule in schedules:
                await poller.read_once(schedule)

    asyncio.run(go())
    return poller


def test_before_the_first_reading_a_source_is_not_up() -> None:
    poller = Poller(Snapshot(node="n"), [_schedule("nvml", Gpus)])
    assert poller.snapshot.sources["nvml"].message == NOT_READ_YET
    assert not poller.snapshot.sources["nvml"].is_up


def test_a_source_says_how_often_it_is_read_whether_it_works_or_not() -> None:
    """An age is old or not by it."""
    before = Poller(Snapshot(node="n"), [_schedule("nvml", Gpus)]).snapshot
    works = _read(_schedule("nvml", Gpus, _CARD)).snapshot
    fails = _read(_schedule("nvml", Gpus, SourceError("refused", "no"))).snapshot
    assert [one.sources["nvml"].interval_seconds for one in (before, works, fails)] == [60, 60, 60]


def test_a_reading_is_in_the_snapshot() -> None:
    snapshot = _read(_schedule("nvml", Gpus, _CARD)).snapshot
    assert snapshot.gpus == _CARD
    assert snapshot.sources["nvml"].is_up
    assert snapshot.sources["nvml"].last_success_at


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        pytest.param(SourceError("refused", "no"), "refused", id="what the source itself says"),
        pytest.param(ValueError("?"), "failed", id="what nobody foresaw"),
        pytest.param(Ellipsis, "timeout", id="a silence longer than the deadline"),
    ],
)
def test_a_failure_takes_only_its_own_part_away(failure: object, kind: str) -> None:
    bad = _schedule("nvml", Gpus, _CARD, failure)
    good = _schedule("podresources", Allocations, Allocations(), Allocations())
    snapshot = _read(bad, good, times=2).snapshot
    assert snapshot.gpus is None
    assert snapshot.allocations == Allocations()
    assert snapshot.sources["nvml"].errors == {kind: 1}
    assert snapshot.sources["podresources"].is_up


def test_a_failure_may_still_tell_a_part() -> None:
    lost = Gpus(source="nvml", devices=(Device(uuid="GPU-1", index=0, unavailable="hung"),))
    snapshot = _read(_schedule("nvml", Gpus, SourceError("hung", "silent", partial=lost))).snapshot
    assert snapshot.gpus == lost
    assert not snapshot.sources["nvml"].is_up


def test_a_source_comes_back_and_its_errors_stay_counted() -> None:
    snapshot = _read(_schedule("nvml", Gpus, SourceError("absent", "no driver"), _CARD), times=2).snapshot
    assert snapshot.gpus == _CARD
    assert snapshot.sources["nvml"].errors == {"absent": 1}
    assert snapshot.sources["nvml"].message == ""


def test_every_reading_is_announced() -> None:
    poller = Poller(Snapshot(node="n"), [schedule := _schedule("nvml", Gpus, _CARD)])
    heard: list[Gpus | None] = []
    poller.on_change = lambda: heard.append(poller.snapshot.gpus)
    asyncio.run(poller.read_once(schedule))
    assert heard == [_CARD]


def test_what_raises_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A collector that fails at each page would fill the log with one traceback a second."""
    isolation = Isolation()
    assert [isolation.call("x", lambda: 1 // 0) for _ in range(3)] == [None] * 3
    assert [record.message for record in caplog.records] == ["x failed; it is left out"]
    assert isolation.call("x", lambda: 7) == 7
    assert isolation.call("x", lambda: 1 // 0) is None
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 2


def test_work_that_dies_is_started_again() -> None:
    starts: list[int] = []
    third = asyncio.Event()

    async def dies() -> None:
        starts.append(1)
        if len(starts) == 3:
            third.set()
            await asyncio.Event().wait()
        raise RuntimeError

    async def go() -> None:
        async with asyncio.timeout(5):
            task = asyncio.create_task(keep_running("work", dies, pause_seconds=0))
            await third.wait()
            task.cancel()

    asyncio.run(go())
    assert len(starts) == 3
