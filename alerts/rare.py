"""What hardly a series of a fleet is: a counter that is not 0, a link that is down, a wish of a driver.

Such a family is looked at once an evaluation; what is picked out is recorded, and whatever is asked for is asked of
that. What is not recorded was not so if the card was heard then: a series of the same reading that every such card has,
`known`, tells that apart.
"""

from dataclasses import dataclass
from typing import Final

from alerts.places import BY_CARD
from alerts.promql import PLACE
from alerts.rule import Record

NOW: Final = ":now"
NEW: Final = ":new"
LAST: Final = ":last2m"
LOOKED: Final = ":looked"
_MISSED_SCRAPE: Final = "2m"  # as in `latest`
_AWAY: Final = "1h"  # as in alerts/counters.py
_BEFORE: Final = "30s"  # the evaluation before this one, at the latest
_SCRAPED_BEFORE: Final = "1m"  # and seen by it, however long the scrape took


@dataclass(frozen=True, slots=True, kw_only=True)
class Rare:
    """What is picked out of which family of the cards, and how far back an alert looks for what is new."""

    name: str
    picked: str
    known: str
    within: str
    labels: tuple[str, ...]

    @property
    def now(self) -> Record:
        """What is so now."""
        return Record(name=f"lanewatch:{self.name}{NOW}", expr=self.picked, labels=self.labels)

    @property
    def looked(self) -> Record:
        """That it was looked at: before these rules were there, nothing was recorded of anything."""
        expr = f'label_replace(vector(1), "of", "{self.name}", "", "")'
        return Record(name=f"lanewatch:{self.name}{LOOKED}", expr=expr, labels=("of",))

    @property
    def new(self) -> Record:
        """What is so now and was not before, of a card that was heard before."""
        now, within = self.now.name, self.within
        expr = (
            f"{now}\n"
            f"unless last_over_time({now}[{within}] offset {_BEFORE})\n"
            f"and on ({BY_CARD}) last_over_time({self.known}[{within}] offset {_SCRAPED_BEFORE})\n"
            f"and on () last_over_time({self.looked.name}[{within}] offset {_BEFORE})"
        )
        return Record(name=f"lanewatch:{self.name}{NEW}", expr=expr, labels=self.labels)

    @property
    def records(self) -> tuple[Record, ...]:
        """All that is to be recorded to know what is new, in this order."""
        return (self.now, self.looked, self.new)

    def rose(self) -> str:
        """Return what rose of counters: from its first event on, over a restart, and while nobody was scraped."""
        now, within = self.now.name, self.within
        return (
            f"increase({now}[{within}]) > 0\n"
            f"or\nmax_over_time({now}[{within}])\n  > last_over_time({now}[{_AWAY}] offset {within})\n"
            f"or\nmax_over_time({self.new.name}[{within}])"
        )

    def grew(self, within: str) -> str:
        """Return by how much counters rose within that time."""
        increase, first = f"increase({self.now.name}[{within}])", f"max_over_time({self.new.name}[{within}])"
        return f"{increase} + ({first} or {increase} * 0)\nor\n{first}"


def not_zero(counter: str) -> str:
    """Return the counts that are not 0, whoever is scraped."""
    return f"max without ({', '.join(PLACE)}) ({counter} > 0)"


def held(now: str, known: str, back: str = _MISSED_SCRAPE) -> str:
    """Return what is recorded as `now`, and what was within `back` of a card of which `known` says nothing now."""
    return f"(\n  {now}\n  or\n  last_over_time({now}[{back}])\n    unless on ({BY_CARD}) {known}\n)"
