"""How panels lie on the page."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from dashboards.board import Look, Panel, Place, Query, Row, arrange

_PANELS = st.builds(
    lambda width, height: Panel(
        kind="stat", title="", about="", queries=(Query("up"),), look=Look(unit="none"), width=width, height=height
    ),
    st.integers(1, 24),
    st.integers(1, 12),
)
_ROWS = st.lists(st.builds(lambda panels: Row("", tuple(panels)), st.lists(_PANELS, max_size=6)), max_size=4)


def _cells(place: Place) -> set[tuple[int, int]]:
    return set(product(range(place.x, place.x + place.width), range(place.y, place.y + place.height)))


@given(_ROWS)
def test_whatever_the_sizes_nothing_overlaps(rows: list[Row]) -> None:
    """And nothing leaves the page."""
    places = [place for _, place in arrange(rows)]
    cells = [cell for place in places for cell in _cells(place)]
    assert len(cells) == len(set(cells))
    assert all(place.x + place.width <= 24 for place in places)


@given(_ROWS)
def test_order_is_kept(rows: list[Row]) -> None:
    """Row, its panels, next row."""
    assert [item for item, _ in arrange(rows)] == [item for row in rows for item in (row, *row.panels)]


def test_a_panel_that_does_not_fit_begins_a_line_below_the_tallest() -> None:
    """As text does."""
    wide, tall = (
        Panel(kind="stat", title="", about="", queries=(), look=Look(unit="none"), width=width, height=height)
        for width, height in ((16, 4), (8, 9))
    )
    placed = [place for _, place in arrange([Row("", (wide, tall, wide))])]
    assert placed == [Place(0, 0, 24, 1), Place(0, 1, 16, 4), Place(16, 1, 8, 9), Place(0, 10, 16, 4)]
