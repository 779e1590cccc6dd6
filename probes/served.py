"""Who answered: what the gateway's headers say, and which lane of the configuration that is.

LiteLLM's headers, as version 1.106.2 sends them. On an error it names no lane; the body's `model` cannot be trusted.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from exporter.config_path import Lane

_MILLISECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,20})?", re.ASCII)


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """The lane as the gateway names it, and how the request came there."""

    model_id: str = ""
    api_base: str = ""
    model_group: str = ""  # the alias that answered, not the one that was asked
    fallbacks: int = 0
    retries: int = 0
    overhead_seconds: float | None = None  # that the gateway itself took, attempts that failed included

    def __bool__(self) -> bool:
        return bool(self.model_id or self.api_base)


def read_served(headers: Mapping[str, str], tidy: Callable[[str], str]) -> Served:
    """Return what the headers say; `tidy` makes a text from outside fit to be shown."""
    return Served(
        model_id=tidy(headers.get("x-litellm-model-id", "")),
        api_base=tidy(headers.get("x-litellm-model-api-base", "")),
        model_group=tidy(headers.get("x-litellm-model-group", "")),
        fallbacks=_count(headers.get("x-litellm-attempted-fallbacks", "")),
        retries=_count(headers.get("x-litellm-attempted-retries", "")),
        overhead_seconds=_seconds(headers.get("x-litellm-overhead-duration-ms", "")),
    )


def served_lane(served: Served, lanes: Iterable[Lane]) -> str:
    """Return the name of the configured lane that answered, empty where it cannot be told."""
    return next((lane.name for lane in lanes if _is(lane, served)), "")


def contradicts(served: Served, lane: Lane) -> bool:
    """Whether the answer names a lane that is certainly not this one."""
    if lane.model_id and served.model_id:
        return lane.model_id != served.model_id
    return bool(lane.url and served.api_base) and not _is_at(lane.url or "", served.api_base)


def _is(lane: Lane, served: Served) -> bool:
    """A model id decides where both sides have one: two lanes may share an address, never an id."""
    if lane.model_id and served.model_id:
        return lane.model_id == served.model_id
    return bool(lane.url and served.api_base) and _is_at(lane.url or "", served.api_base)


def _is_at(url: str, api_base: str) -> bool:
    """Whether `api_base` is `url` or below it; LiteLLM appends `/v1` and, for some providers, the whole route."""
    lane, lane_path = _split(url)
    base, base_path = _split(api_base)
    return lane == base and (base_path == lane_path or base_path.startswith(f"{lane_path}/"))


def _split(url: str) -> tuple[tuple[str, int | None], str]:
    """Return host and port, and the path without its last slash; an address that is none matches nothing."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ((url, None), "")
    return ((parts.hostname or "", port), parts.path.rstrip("/"))


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _seconds(milliseconds: str) -> float | None:
    return float(milliseconds) / 1000 if _MILLISECONDS.fullmatch(milliseconds) else None
