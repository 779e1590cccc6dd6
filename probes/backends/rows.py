"""What a row of an engine's table is: which of its samples become which of our facts."""

from dataclasses import dataclass
from typing import Literal

Field = Literal[
    "waiting", "running", "kv_used_ratio", "preemptions", "tokens", "busy_seconds", "requests", "pulse", "awake"
]


@dataclass(frozen=True, slots=True)
class Row:
    """One fact; of several rows for one fact the first that the page has counts.

    Names are those of the plain text, without `_total`: some versions write it, some do not.
    """

    field: Field
    names: tuple[str, ...]  # newest first
    key: str = ""  # of the fact, where it is told by kind
    where: tuple[str, str] | None = None  # a label and the value that it must have
    by: str = ""  # label whose values are the keys
