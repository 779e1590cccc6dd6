"""Pages that others add to the server: what is asked of them and what they reply, without any HTTP library.

A page is read with GET; the server refuses every other method before a page hears of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks of a page; names of headers are in lower case, of a repeated name the first value counts."""

    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the page says."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Reply]]
"""One page; it may take its time, and delays no other."""


def say(status: int, text: str) -> Reply:
    """Return a reply in words."""
    return Reply(status=status, body=f"{text}\n".encode())
