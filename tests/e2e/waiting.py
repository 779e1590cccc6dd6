"""Asking until an answer is the expected one: the only place of these tests that sleeps and reads a clock."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
_PAUSE_SECONDS: Final = 0.1


def eventually(ask: Callable[[], T], expected: T, *, within: float, what: str) -> None:
    """Ask until the answer is `expected`; fail with the last answer after `within` seconds."""
    deadline = time.monotonic() + within
    while (found := ask()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: expected {expected!r} within {within:g} s, found {found!r}")
        time.sleep(_PAUSE_SECONDS)
