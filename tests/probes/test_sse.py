"""Bytes to events: the rules of server-sent events, the limits, and the recorded streams."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.sse import (
    LARGEST_EVENT,
    LARGEST_STREAM,
    LONGEST_LINE,
    MOST_EVENTS,
    Event,
    EventReader,
    StreamTooLargeError,
)

HALF = b"data:" + b"x" * (LARGEST_EVENT // 2 - 1) + b"\n"  # of the largest event


def read(*chunks: bytes) -> list[Event]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(b"data: a\n\n", [Event("", "a")], id="an event ends with an empty line"),
        pytest.param(b"data:a\n\n", [Event("", "a")], id="the space after the colon is optional"),
        pytest.param(b"data:  a\n\n", [Event("", " a")], id="only one space is taken away"),
        pytest.param(b"data: a\r\n\r\n", [Event("", "a")], id="lines may end with CRLF"),
        pytest.param(b"data: a\r\rdata: b\r\r", [Event("", "a"), Event("", "b")], id="lines may end with CR"),
        pytest.param(b"data: a\ndata: b\n\n", [Event("", "a\nb")], id="several data lines are joined"),
        pytest.param(b"data\n\n", [Event("", "")], id="a field without a colon has an empty value"),
        pytest.param(b": ping\n\n: ping\n\n", [], id="comments are no events"),
        pytest.param(b"event: error\ndata: x\n\n", [Event("error", "x")], id="the name is kept"),
        pytest.param(b"event: error\n\ndata: x\n\n", [Event("", "x")], id="a name without data names nothing"),
        pytest.param(b"id: 1\nretry: 5\ndata: x\n\n", [Event("", "x")], id="other fields are ignored"),
        pytest.param(b"data: a", [], id="an event without its end is none"),
        pytest.param(b"data: a\n", [], id="a line is not yet an event"),
        pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Event("", "a")], id="a byte order mark is skipped"),
        pytest.param(b"data: \xff\n\n", [Event("", "\ufffd")], id="bytes that are no UTF-8 are replaced"),
        pytest.param(b"\n\n\n", [], id="empty lines alone say nothing"),
    ],
)
def test_stream(stream: bytes, expected: list[Event]) -> None:
    """Each stream gives these events, whole or byte by byte."""
    assert expected == read(stream) == read(*(stream[i : i + 1] for i in range(len(stream))))


@given(
    st.lists(st.sampled_from([b"data: \xc3\xa9\xf0\x9f\x92\xa1", b"data", b": c", b"event: e", b"\n", b"\r", b"\r\n"])),
    st.lists(st.integers(min_value=0, max_value=200)),
)
def test_slicing_never_changes_events(parts: list[bytes], cuts: list[int]) -> None:
    """However a stream is cut into chunks, inside a character or a CRLF too, the events are the same."""
    stream = b"".join(parts)
    edges = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    chunks = [stream[left:right] for left, right in itertools.pairwise(edges)]
    assert read(stream) == read(*chunks)


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(b"x" * 65536, id="a line without an end"),
        pytest.param(b": ping\n" * 4096, id="comments without an end"),
        pytest.param(b"data: x\n" * 4096, id="an event without an end"),
        pytest.param(b"data: x\n\n" * 512, id="events without an end"),
        pytest.param(b"data: " + b"x" * 60_000 + b"\n", id="an event of long lines without an end"),
    ],
)
def test_endless_stream_is_given_up(chunk: bytes) -> None:
    """Nothing is read for ever, and what is kept stays below the limit of a stream."""
    with pytest.raises(StreamTooLargeError):
        read(*itertools.repeat(chunk, LARGEST_STREAM // len(chunk) + 1))


def test_limits_are_inclusive() -> None:
    """A line and a number of events at the limit are still read."""
    assert len(read(b"data:" + b"x" * (LONGEST_LINE - 5) + b"\n\n")) == 1
    assert len(read(b"data:\n\n" * MOST_EVENTS)) == MOST_EVENTS
    assert len(read(HALF + HALF + b"\n")) == 1


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(HALF + b"data:x\n" + HALF + b"\n", id="an event"),
        pytest.param(b"data:" + b"x" * (LONGEST_LINE - 4) + b"\n\n", id="a line"),
        pytest.param(b"data:\n\n" * (MOST_EVENTS + 1), id="the number of events"),
    ],
)
def test_one_more_is_too_much(stream: bytes) -> None:
    """What passes a limit by one is refused, and an event's size does not count for the next one."""
    with pytest.raises(StreamTooLargeError):
        read(stream)
    assert len(read(*[HALF + HALF + b"\n"] * 3)) == 3
