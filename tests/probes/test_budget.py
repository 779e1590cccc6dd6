"""What a day may cost, whatever the clock does."""

from hypothesis import given
from hypothesis import strategies as st

from probes.budget import Budget, is_used_up, left, spend

NOON = 86400.0 * 20_000 + 43200


def test_spent_tokens_are_gone_until_midnight() -> None:
    """A day begins with the whole budget and ends with what is left."""
    budget = spend(spend(Budget(), 30, NOON), 50, NOON + 60)
    assert left(budget, 100, NOON) == 20
    assert left(budget, 100, NOON + 43200) == 100


def test_no_limit_leaves_nothing_to_tell() -> None:
    """Where any number is allowed there is no number that is left."""
    assert left(spend(Budget(), 30, NOON), 0, NOON) is None
    assert not is_used_up(spend(Budget(), 30, NOON), 0, NOON)


@given(
    costs=st.lists(st.tuples(st.integers(0, 50), st.floats(min_value=-3600, max_value=3600)), max_size=20),
    limit=st.integers(1, 200),
)
def test_a_clock_that_is_set_back_gives_nothing_back(costs: list[tuple[int, float]], limit: int) -> None:
    """Around midnight a jumping clock can begin the new day once, never a second time."""
    midnight, budget, paid = NOON + 43200, Budget(), 0
    for tokens, jump in costs:
        if not is_used_up(budget, limit, midnight + jump):
            budget, paid = spend(budget, tokens, midnight + jump), paid + tokens
    assert paid < 2 * (limit + 50)


def test_a_clock_that_is_set_back_keeps_the_day() -> None:
    """What was spent just after midnight stays spent when the clock goes back before it."""
    midnight = NOON + 43200
    budget = spend(spend(Budget(), 90, midnight + 5), 5, midnight - 5)
    assert left(budget, 100, midnight - 3600) == 5
