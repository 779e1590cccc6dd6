"""The same event from the driver and from the kernel log counts once, whatever the order in which they arrive."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts.xid_merge import HORIZON_SECONDS, Marks, Origin, Tally, count_events

_AT = 1_790_000_000.0
_MARKS = st.dictionaries(st.integers(0, 40).map(float), st.integers(1, 3), max_size=8)
_TOLD = st.lists(st.tuples(st.sampled_from(["driver", "kernel"]), st.integers(0, 50).map(float)), max_size=14)

_CASES = [
    pytest.param([0], [], 1, id="only the driver"),
    pytest.param([], [0], 1, id="only the kernel log"),
    pytest.param([0], [0.01], 1, id="both, one event"),
    pytest.param([0], [5], 1, id="at the edge of the window"),
    pytest.param([0], [5.1], 2, id="beyond the window"),
    pytest.param([0, 1], [0, 1], 2, id="two of each"),
    pytest.param([0, 1], [0.5], 2, id="twice in a row, the log lost one"),
    pytest.param([0, 4], [4, 8], 2, id="a chain pairs from its beginning"),
    pytest.param([0, 0, 0], [0], 3, id="three at once, one line"),
]


def _marks(times: list[float]) -> Marks:
    return tuple(sorted({at: times.count(at) for at in times}.items()))


@pytest.mark.parametrize(("driver", "kernel", "expected"), _CASES)
def test_each_event_counts_once(driver: list[float], kernel: list[float], expected: int) -> None:
    assert count_events(_marks(driver), _marks(kernel)) == expected


@given(_MARKS, _MARKS)
def test_never_fewer_than_either_side_never_more_than_both(driver: dict[float, int], kernel: dict[float, int]) -> None:
    one, other = sum(driver.values()), sum(kernel.values())
    count = count_events(tuple(sorted(driver.items())), tuple(sorted(kernel.items())))
    assert max(one, other) <= count <= one + other


def _tally(told: list[tuple[Origin, float]]) -> Tally:
    tally = Tally()
    for origin, at in told:
        tally = tally.add(origin, _AT + at)
    return tally


@given(_TOLD, st.randoms())
def test_the_order_of_arrival_does_not_matter(told: list[tuple[Origin, float]], random: Random) -> None:
    """Within the horizon, that is; what comes later than that is counted as an event of its own."""
    mixed = list(told)
    random.shuffle(mixed)
    assert _tally(told).count == _tally(mixed).count


@given(st.lists(st.tuples(st.sampled_from(["driver", "kernel"]), st.integers(0, 500).map(float)), max_size=60))
def test_the_count_never_falls(told: list[tuple[Origin, float]]) -> None:
    """It is a counter: Prometheus would take a fall for a restart."""
    counts = [_tally(told[:length]).count for length in range(len(told) + 1)]
    assert counts == sorted(counts)
    assert counts[-1] <= len(told)


def test_settled_events_cost_no_memory() -> None:
    """A storm of an hour leaves a minute of marks."""
    tally = Tally()
    for second in range(3600):
        tally = tally.add("driver", _AT + second).add("kernel", _AT + second + 0.1, 3)
    assert tally.count == 3 * 3600
    assert len(tally.driver) + len(tally.kernel) <= 2 * (HORIZON_SECONDS + 5)
