"""What the tests send to Prometheus is what Grafana would send."""

import pytest

from dashboards.interpolation import Shown, as_regex, interpolate

_SHOWN = Shown(start=1000.0, end=1090.0, step=5)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["GPU-1"], "GPU-1", id="one value"),
        pytest.param(["a", "b"], "(a|b)", id="several"),
        pytest.param(["10.0.0.1:1"], r"10\\.0\\.0\\.1:1", id="a dot is a dot"),
        pytest.param(["a\\b"], r"a\\\\b", id="a backslash is a backslash"),
    ],
)
def test_chosen_values_become_a_regular_expression(values: list[str], expected: str) -> None:
    """Escaped for the expression, and once more for the string around it."""
    assert as_regex(values) == expected


def test_durations_follow_the_time_and_the_resolution() -> None:
    """$__rate_interval is four scrapes at least, and a point and a scrape more."""
    expr = 'rate(a{node=~"$node"}[$__rate_interval]) + increase(a[$__range]) + a offset $__interval + $other'
    sent = 'rate(a{node=~".*"}[6s]) + increase(a[90s]) + a offset 5s + $other'
    assert interpolate(expr, {"node": ".*"}, _SHOWN) == sent
