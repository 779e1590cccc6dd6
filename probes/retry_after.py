"""How long a server asks to be left alone: the two forms of `Retry-After`. Pure."""

from datetime import UTC
from typing import Final

_LONGEST_NUMBER: Final = 9  # digits


def retry_after_seconds(retry_after: str, *, date: str, now: float) -> float | None:
    """Return the seconds, from a count or from an HTTP date; `date` is the server's own clock, `now` our Unix time."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after) if len(retry_after) <= _LONGEST_NUMBER else None
    until = _unix_time(retry_after)
    if until is None:
        return None
    said = _unix_time(date)
    return max(0.0, until - (now if said is None else said))


def _unix_time(text: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  # slow to load, and hardly ever needed

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
