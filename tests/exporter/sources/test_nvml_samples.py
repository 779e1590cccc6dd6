"""What is kept between readings: peaks over a window, and the fastest link under load. Pure: time is an argument."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.sources.nvml import Card, UnsupportedError, Values
from exporter.sources.nvml_card import CardReader, Peaks
from exporter.sources.nvml_fields import EACH, Field
from exporter.sources.nvml_samples import Highest


class _NoCard(Card):
    """A card that has nothing, and no driver behind it."""

    def __init__(self) -> None:
        self.uuid, self.index, self.unsupported = "GPU-a", 0, set()


def test_what_a_card_does_not_support_has_a_second_chance_after_an_hour() -> None:
    """Who cuts a card into instances, or undoes it, changes what it supports."""
    asked: list[Card] = []

    def refuse(card: Card) -> Values:
        asked.append(card)
        raise UnsupportedError

    fields = (Field("memory", EACH, (lambda _: {"memory_used_bytes": 1},)), Field("odd", EACH, (refuse,)))
    reader = CardReader(_NoCard(), fields, peak_window_seconds=60)
    for tick in range(720 + 10):
        reader.read(tick * 5.0)

    assert len(asked) == 2


_BOTH = {"pcie generation", "pcie width"}


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), min_size=1))
def test_the_highest_is_that_of_the_window(values: list[tuple[int, int]]) -> None:
    """The same as looking at all values again, which would need them all."""
    values.sort(key=lambda one: one[0])
    highest = Highest(10)
    for at, value in values:
        highest.add(at, value)
    now = values[-1][0]

    assert highest.value(now) == max(value for at, value in values if at >= now - 10)


def _after(readings: list[tuple[float, float, int]], fresh: set[str] = _BOTH) -> dict[str, object]:
    """Return the last device after readings of time, utilisation and PCIe generation."""
    peaks = Peaks(60)
    device: dict[str, object] = {}
    for at, utilization, generation in readings:
        device = {"utilization_ratio": utilization, "pcie_generation": {"now": generation, "max": 5}}
        peaks.add_to(device, fresh, at)
    return device


_LINKS = [
    pytest.param([(0, 0.1, 1)], None, id="idle"),
    pytest.param([(0, 0.9, 5), (5, 0.0, 1)], 5, id="fast under load, slow at idle"),
    pytest.param([(0, 0.9, 1)], 1, id="slow under load: a fault"),
    pytest.param([(0, 0.9, 5), (4000, 0.9, 1)], 1, id="it was fast too long ago to hide that it is slow"),
    pytest.param([(0, 0.9, 5), (4000, 0.1, 1)], None, id="no load for an hour"),
]


@pytest.mark.parametrize(("readings", "expected"), _LINKS)
def test_the_link_under_load(readings: list[tuple[float, float, int]], expected: int | None) -> None:
    """Only what was read under load counts."""
    view = _after(readings)["pcie_generation"]

    assert isinstance(view, dict)
    assert view.get("under_load") == expected


def test_a_link_that_was_read_before_the_load_does_not_count() -> None:
    """Utilisation is read more often than the link: an old reading says nothing about now."""
    assert _after([(0, 0.9, 1)], fresh=set())["pcie_generation"] == {"now": 1, "max": 5}


def test_peaks_are_held_for_the_window_and_no_longer() -> None:
    """The window is told beside them."""
    peaks = Peaks(60)
    said = []
    for at, used in ((0.0, 5), (30.0, 9), (80.0, 4), (91.0, 3)):
        device: dict[str, object] = {"memory_used_bytes": used}
        peaks.add_to(device, set(), at)
        said.append(device["peaks"])

    assert said == [{"memory_used_bytes": peak, "window_seconds": 60} for peak in (5, 9, 9, 4)]
