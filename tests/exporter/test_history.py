"""What the exporter remembers of itself: enough to draw, bounded, and honest about what it did not know."""

from exporter.catalogue import GPU_MEMORY_USED, PROBE_FIRST_TOKEN
from exporter.history import DRAWN, SPAN_SECONDS, STEP_SECONDS, History, Point
from exporter.metric import Family

NOW = 1_000_000.0


def families(seconds: float | None) -> dict[str, Family]:
    """Return a page's families with the first token of one alias, or without any."""
    if seconds is None:
        return {}
    return {PROBE_FIRST_TOKEN.name: PROBE_FIRST_TOKEN.of([PROBE_FIRST_TOKEN.sample(seconds, alias="fast")])}


def test_a_point_a_step_is_remembered() -> None:
    """Pages come once a second, points every quarter of a minute."""
    history = History()
    for second in range(31):
        history.note(families(float(second)), NOW + second)
    assert history.of(PROBE_FIRST_TOKEN, "fast") == (Point(NOW, 0.0), Point(NOW + 15, 15.0), Point(NOW + 30, 30.0))


def test_what_was_not_known_leaves_a_gap() -> None:
    """Nothing is filled in: a value that was absent has no point."""
    history = History()
    for step, value in enumerate([1.0, None, None, 2.0]):
        history.note(families(value), NOW + step * STEP_SECONDS)
    assert [point.value for point in history.of(PROBE_FIRST_TOKEN, "fast")] == [1.0, 2.0]


def test_memory_is_bounded_and_forgets() -> None:
    """An hour of points, a hundred series of a family, and what is gone for an hour is gone."""
    history = History()
    cards = [GPU_MEMORY_USED.sample(1, node="n", gpu_uuid=f"GPU-{number:04}") for number in range(1000)]
    for step in range(500):
        history.note({GPU_MEMORY_USED.name: GPU_MEMORY_USED.of(cards)}, NOW + step * STEP_SECONDS)
    points = history.of(GPU_MEMORY_USED, "n", "GPU-0099")
    assert len(points) == DRAWN
    assert (points[0].at, points[-1].at) == (NOW + 263 * STEP_SECONDS, NOW + 499 * STEP_SECONDS)
    assert history.of(GPU_MEMORY_USED, "n", "GPU-0100") == ()
    history.note({}, NOW + 500 * STEP_SECONDS + SPAN_SECONDS)
    assert history.of(GPU_MEMORY_USED, "n", "GPU-0001") == ()


def test_a_clock_that_was_set_back_begins_anew() -> None:
    """Points of a future that was none would draw a line backwards."""
    history = History()
    history.note(families(1.0), NOW)
    history.note(families(2.0), NOW - 3600)
    assert history.of(PROBE_FIRST_TOKEN, "fast") == (Point(NOW - 3600, 2.0),)
