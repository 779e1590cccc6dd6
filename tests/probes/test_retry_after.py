"""How long a server asks to be left alone."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.retry_after import retry_after_seconds

NOW = 1795219200.0  # Sat, 21 Nov 2026 00:00:00 GMT
DATE = "Sat, 21 Nov 2026 00:00:00 GMT"


@pytest.mark.parametrize(
    ("retry_after", "date", "expected"),
    [
        pytest.param("7", "", 7.0, id="seconds"),
        pytest.param("0", "", 0.0, id="no seconds"),
        pytest.param("Sat, 21 Nov 2026 00:01:30 GMT", "", 90.0, id="a date, by our clock"),
        pytest.param(
            "Sat, 21 Nov 2026 01:01:30 GMT", "Sat, 21 Nov 2026 01:00:00 GMT", 90.0, id="by the clock of the server"
        ),
        pytest.param("Fri, 20 Nov 2026 23:00:00 GMT", DATE, 0.0, id="a date that has passed"),
        pytest.param("Saturday, 21-Nov-26 00:01:30 GMT", DATE, 90.0, id="an old form of a date"),
        pytest.param("Sat, 21 Nov 2026 00:01:30 -0000", "nonsense", 90.0, id="a date of the server that is none"),
        pytest.param("", DATE, None, id="nothing"),
        pytest.param("soon", DATE, None, id="a word"),
        pytest.param("-5", DATE, None, id="seconds below zero"),
        pytest.param("1.5", DATE, None, id="a part of a second"),
        pytest.param("٧", DATE, None, id="a digit that is no ASCII"),  # noqa: RUF001  # that is the point
        pytest.param("9" * 10, DATE, None, id="more than three hundred years"),
        pytest.param("Sat, 99 Nov 2026 00:00:00 GMT", DATE, None, id="a date that does not exist"),
    ],
)
def test_retry_after(retry_after: str, date: str, expected: float | None) -> None:
    """A count or a date gives seconds, never fewer than none; what is neither gives nothing."""
    assert expected == retry_after_seconds(retry_after, date=date, now=NOW)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_read(retry_after: str, date: str) -> None:
    """No text of a server raises."""
    seconds = retry_after_seconds(retry_after, date=date, now=NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(min_value=0, max_value=10**7))
def test_both_forms_agree(seconds: int) -> None:
    """A date says the same as the count of seconds till then."""
    date = format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)
    assert seconds == retry_after_seconds(date, date="", now=NOW) == retry_after_seconds(str(seconds), date="", now=NOW)
