"""What the view concludes from messages and silence: pure, so time is an argument."""

from collections.abc import Sequence

import pytest

from exporter.snapshot import Device, XidCount
from exporter.sources.nvml_messages import Fault, Message, Named, Opened, Read, Xid, parse_message
from exporter.sources.nvml_view import NvmlView

_GONE = Fault("absent", "no driver")
_CRASH = Fault("failed", "killed")


def _read(uuid: str = "GPU-a", unavailable: str | None = None) -> Read:
    return Read(Device(uuid=uuid, index=0, model="card", power_watts=9.0, unavailable=unavailable), watches_xids=True)


def _view(messages: Sequence[Message]) -> NvmlView:
    view = NvmlView(fresh_seconds=10, interval_seconds=5)
    view.start(now=0)
    for message in messages:
        view.take(message, now=0, unix_time=1000)
    return view


_STORIES = [
    pytest.param([Opened(1), Named("GPU-a", 0)], 1, [], id="named a moment ago: nothing can be said"),
    pytest.param([Opened(1), Named("GPU-a", 0)], 11, ["hung"], id="named, and never read"),
    pytest.param([Opened(1), _read()], 10, [None], id="read"),
    pytest.param([Opened(1), _read()], 11, ["hung"], id="not read for too long"),
    pytest.param([Opened(1), _read(), _read(unavailable="lost")], 1, ["lost"], id="lost"),
    pytest.param([Opened(1), _read(), _read(unavailable="failed")], 11, ["hung"], id="failed, then silent"),
    pytest.param([Opened(1), _read(), _GONE], 1, ["missing"], id="the driver is gone"),
]


@pytest.mark.parametrize(("messages", "now", "expected"), _STORIES)
def test_why_a_card_does_not_answer(messages: list[Message], now: float, expected: list[str | None]) -> None:
    """A card that was ever named stays, with a reason out of the closed list, and without values."""
    assert [device.unavailable for device in _view(messages).gpus(now).devices] == expected


_PROBLEMS = [
    pytest.param([], 1, "failed", id="the child starts"),
    pytest.param([], 11, "hung", id="the driver does not open"),
    pytest.param([Opened(0)], 11, None, id="a machine without cards is no problem"),
    pytest.param([Opened(2)], 11, "failed", id="cards, and a handle for none"),
    pytest.param([Opened(1), _read()], 1, None, id="read"),
    pytest.param([Opened(1), _read()], 11, "hung", id="the only card is silent"),
    pytest.param([Opened(2), _read(), _read("GPU-b", "lost")], 1, None, id="one of two"),
    pytest.param([Opened(1), _read(unavailable="lost")], 1, None, id="a lost card is an answer"),
    pytest.param([Opened(1), _read(), _GONE], 1, "absent", id="the driver is gone"),
    pytest.param([Opened(1), _GONE, Opened(1), _read()], 1, None, id="the driver is back"),
]


@pytest.mark.parametrize(("messages", "now", "expected"), _PROBLEMS)
def test_when_nothing_at_all_can_be_read(messages: list[Message], now: float, expected: str | None) -> None:
    """Only then the source as a whole is down."""
    problem = _view(messages).problem(now)

    assert (problem.kind if problem else None) == expected


def test_a_child_that_died_costs_nothing_while_its_readings_are_fresh() -> None:
    """Then its end is the reason."""
    view = _view([Opened(1), _read()])
    view.end(_CRASH)

    assert (view.problem(now=9), view.problem(now=11)) == (None, _CRASH)


def test_a_card_that_the_next_child_does_not_find_is_missing() -> None:
    """And one that was lost stays lost: the driver drops those too."""
    view = _view([Opened(3), _read("GPU-a"), _read("GPU-b"), _read("GPU-c", unavailable="lost")])
    view.end(_CRASH)
    view.start(now=20)
    for message in (Opened(1), _read("GPU-a")):
        view.take(message, now=20, unix_time=1000)

    assert [device.unavailable for device in view.gpus(now=21).devices] == [None, "missing", "lost"]


def test_a_card_that_only_was_named_again_is_still_silent() -> None:
    """A fresh child must not make a hanging card look as if it were just starting."""
    view = _view([Opened(1), _read()])
    view.start(now=20)
    view.take(Named("GPU-a", 0), now=20, unix_time=1000)

    assert [device.unavailable for device in view.gpus(now=20).devices] == ["hung"]


def test_a_child_that_just_opened_the_driver_is_no_hang() -> None:
    """After minutes without a driver the old readings are old, and nothing hangs."""
    view = _view([Opened(1), _read(), _GONE])
    view.end(_GONE)
    view.start(now=100)
    view.take(Opened(1), now=100, unix_time=1000)

    problem = view.problem(now=100)
    assert problem is not None
    assert problem.kind == "failed"


def test_calls_and_xids_are_counted_over_children() -> None:
    """Counters of ours do not go back."""
    view = _view([Opened(1, calls=5), _read(), Xid("GPU-a", 31, calls=2)])
    view.start(now=1)
    for message in (Opened(1, calls=3), _read(), Xid("GPU-a", 31)):
        view.take(message, now=1, unix_time=2000)

    gpus = view.gpus(now=1)
    assert (gpus.calls, gpus.devices[0].xids) == (10, (XidCount(code=31, count=2, last_at=2000),))


def test_readings_that_were_not_made_are_counted() -> None:
    """One is due every interval, once it is too late for it; those that were made are due."""
    view = _view([Opened(1), _read()])
    for now in (5, 10, 30):
        view.take(_read(), now=now, unix_time=1000)

    counts = [(device.readings_due, device.readings_made) for at in (30, 60) for device in view.gpus(now=at).devices]
    assert counts == [(5, 4), (11, 4)]


def test_busy_seconds_go_on_over_children() -> None:
    """Each child counts from 0; the sum does not go back."""
    view = _view([Opened(1)])
    said = []
    for is_new_child, seconds in ((False, 0.0), (False, 7.0), (True, 0.0), (True, 9.0), (False, 10.0)):
        if is_new_child and seconds == 0:
            view.start(now=1)
        view.take(Read(Device(uuid="GPU-a", index=0, busy_seconds=seconds)), now=1, unix_time=1000)
        said.append(view.gpus(now=1).devices[0].busy_seconds)

    assert said == [0.0, 7.0, 7.0, 16.0, 17.0]


def test_an_instance_is_no_card_of_the_driver_s_count() -> None:
    """It comes with its card's reading and goes with it, and hides no card that is missing."""
    instance = Device(uuid="MIG-a", index=0, parent_uuid="GPU-a")
    view = _view([Opened(2), Read(instance), Read(Device(uuid="GPU-a", index=0), instances=("MIG-a",))])
    assert not view.is_settled(now=1)
    assert [device.uuid for device in view.gpus(now=1).devices] == ["GPU-a", "MIG-a"]

    view.take(Read(Device(uuid="GPU-a", index=0)), now=1, unix_time=1000)

    assert [device.uuid for device in view.gpus(now=1).devices] == ["GPU-a"]


_LINES = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"NVML: something went wrong", id="words"),
    pytest.param(b'{"type": "opened"}', id="a message without its content"),
    pytest.param(b'{"type": "xid", "uuid": "GPU-a", "code": NaN}', id="NaN"),
    pytest.param(b'{"type": "surprise"}', id="a message that nobody knows"),
    pytest.param(b'{"type": "xid", "uuid": "\xff", "code": 1}', id="no UTF-8"),
]


@pytest.mark.parametrize("line", _LINES)
def test_what_is_no_message(line: bytes) -> None:
    """It is refused as a whole."""
    assert parse_message(line) is None
