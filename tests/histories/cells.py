"""How many failed probes each tier needs, as facts, and histories that hold just so many, or one fewer.

The facts are counted by hand out of the burn-rate table, and Prometheus must agree with them. Where a short window is
nearly full of failures it needs one fewer than its share says: a window of ten probes holds nine steps of a counter,
which `increase` stretches to ten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from alerts.slo import TIERS, WINDOWS, Tier


@dataclass(frozen=True, slots=True)
class Row:
    """One interval and objective: failed probes in the long and in the short window, by the long one's name."""

    interval: int
    objective: float
    needs: Mapping[str, tuple[int, int]]


ROWS: Final = (
    Row(30, 0.999, {"1h": (3, 1), "6h": (5, 1), "1d": (9, 1), "3d": (9, 1)}),
    Row(30, 0.995, {"1h": (9, 1), "6h": (22, 2), "1d": (44, 4), "3d": (44, 4)}),
    Row(30, 0.99, {"1h": (18, 2), "6h": (44, 4), "1d": (87, 8), "3d": (87, 8)}),
    Row(30, 0.95, {"1h": (87, 7), "6h": (217, 18), "1d": (433, 36), "3d": (433, 36)}),
    Row(60, 0.999, {"1h": (3, 1), "6h": (3, 1), "1d": (5, 1), "3d": (5, 1)}),
    Row(60, 0.99, {"1h": (9, 1), "6h": (22, 2), "1d": (44, 4), "3d": (44, 4)}),
    Row(60, 0.95, {"1h": (44, 3), "6h": (109, 9), "1d": (217, 18), "3d": (217, 18)}),
    Row(300, 0.99, {"1h": (3, 1), "6h": (5, 1), "1d": (9, 1), "3d": (9, 1)}),
    Row(300, 0.95, {"1h": (9, 1), "6h": (22, 2), "1d": (44, 4), "3d": (44, 4)}),
)
LEAD: Final = 900  # seconds before the long window begins: a whole evaluation of every file
WAIT: Final = {"page": 120, "ticket": 900}  # of the alerts


@dataclass(frozen=True, slots=True)
class Cell:
    """One tier at one row of the table."""

    row: Row
    tier: Tier

    @property
    def name(self) -> str:
        """What its alias is called."""
        return f"{self.row.interval}s-{self.row.objective:g}-{self.tier.long}"

    @property
    def at(self) -> int:
        """Seconds at which the windows hold what they need."""
        return LEAD + WINDOWS[self.tier.long]

    @property
    def lasts(self) -> bool:
        """Whether what the short window holds stays in it while the alert waits: it is not nearly full of failures."""
        short = WINDOWS[self.tier.short] / self.row.interval
        return self.row.needs[self.tier.long][1] <= max(1, short / 2)

    def failures(self, *, fewer: str = "") -> frozenset[int]:
        """Return the numbers of the probes that fail; `fewer` names the window that lacks one, long or short."""
        long, short = self.row.needs[self.tier.long]
        last = self.at // self.row.interval
        late = range(last - short + 1 + (fewer == "short"), last + 1)
        begin = (LEAD + WAIT[self.tier.severity]) // self.row.interval + 3
        end = last - WINDOWS[self.tier.short] // self.row.interval
        return frozenset((*late, *_spread(long - len(late) - (fewer == "long"), begin, end)))


def cells(severity: str, interval: int) -> Iterator[Cell]:
    """Yield what one file of histories proves."""
    yield from (
        Cell(row, tier) for row in ROWS for tier in TIERS if tier.severity == severity and row.interval == interval
    )


def _spread(count: int, begin: int, end: int) -> list[int]:
    """Return `count` numbers from `begin` to `end`, evenly apart."""
    return [begin + (end - begin) * number // max(1, count - 1) for number in range(count)]
