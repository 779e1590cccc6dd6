"""What a person is shown, as data: what runs, on which card, who owns it, does every alias answer, how old is it all.

Records only; `exporter.status_rows` makes them. `/status.json` is these records as JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.history import Point

SCHEMA: Final = 1
"""Of the object at `/status.json`: within one number no key is renamed or removed."""
SHOWN: Final = 100  # rows of a kind; what is wrong comes first

Light = Literal["good", "bad", "quiet", "off"]
"""bad: look now. quiet: known, and no fault. off: nobody looks at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the page says of the program itself."""

    version: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStatus:
    """One layer under an alias."""

    layer: str
    state: str
    light: Light


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasStatus:
    """One alias as its last probe and the verdict left it; seconds, and Unix time where it says `_at`."""

    alias: str
    outcome: str
    cause: str
    words: str
    light: Light
    layers: tuple[LayerStatus, ...] = ()
    asked_at: float | None = None
    first_token_seconds: float | None = None  # of the last answer, where that was the last probe
    late: str = ""
    served_by: str = ""
    is_fallback: bool = False
    history: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a pool is broken, and who is to blame."""

    reason: str
    who: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """One unit of a pool; `unit` is empty where one is allowed in the whole pool."""

    pool: str
    unit: str
    state: str
    light: Light
    since: float | None = None
    reasons: tuple[Reason, ...] = ()
    lanes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerStatus:
    """Who holds a card."""

    lane: str
    namespace: str
    pod: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardStatus:
    """One card; bytes, degrees Celsius and watts, None where it cannot be read."""

    uuid: str
    node: str
    model: str
    state: str
    light: Light
    memory_used_bytes: float | None = None
    memory_total_bytes: float | None = None
    celsius: float | None = None
    watts: float | None = None
    watts_limit: float | None = None
    owners: tuple[OwnerStatus, ...] = ()
    history: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source: what it says of itself, and how old its last reading is."""

    source: str
    is_up: bool
    age_seconds: float | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything on the page; of a fleet at most `SHOWN` rows of a kind, `left_out` says how many more there are."""

    version: str
    role: str
    node: str
    at: float
    light: Light
    headline: str
    is_simulated: bool = False
    aliases: tuple[AliasStatus, ...] = ()
    pools: tuple[PoolStatus, ...] = ()
    cards: tuple[CardStatus, ...] = ()
    sources: tuple[SourceStatus, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    schema: int = SCHEMA
