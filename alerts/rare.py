"""What hardly a series of a fleet is: a counter that is not 0, a link that is down, a wish of a driver.

The exporter tells it again under a name of its own (`exporter/notable.py`), or a family is looked at once an
evaluation; what is picked out is recorded, and whatever is asked for is asked of that. What is not recorded was not so
if the card was heard then: a series of the same reading that every such card has, `known`, tells that apart.
"""

from dataclasses import dataclass
from typing import Final

from alerts.counters import AWAY
from alerts.places import BY_CARD
from alerts.promql import bridged, merged
from alerts.rule import Record
from exporter.metric import Metric
from exporter.notable import NOTABLE

NOW: Final = ":now"
NEW: Final = ":new"
LAST: Final = ":last2m"
LOOKED: Final = ":looked"
_BEFORE: Final = "30s"  # the evaluation before this one, at the latest
_SCRAPED_BEFORE: Final = "1m"  # and seen by it, however long the scrape took
# A counter that was reset is 0 for a while. In the gap of an agent that is replaced the card is not heard.
_MOMENT: Final = "2m"
_HEARD_BEFORE: Final = "90s"
_EDGE_MINUTES: Final = 5  # what was counted when the card was heard last must be in sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Rare:
    """What is picked out of which family of the cards, how far back an alert looks, and how long a card may be away."""

    name: str
    picked: str
    known: str
    within: str
    labels: tuple[str, ...]
    away_minutes: int = 60  # as in alerts/counters.py

    @property
    def now(self) -> Record:
        """What is so now."""
        return Record(name=f"lanewatch:{self.name}{NOW}", expr=self.picked, labels=self.labels)

    @property
    def looked(self) -> Record:
        """That it was looked at: before these rules were there, nothing was recorded of anything."""
        return looked(self.name)

    @property
    def new(self) -> Record:
        """What is so now and was not before, of a card that was heard a moment ago, or has been away since."""
        known = f"last_over_time({self.known}[{self.away_minutes}m] offset {_SCRAPED_BEFORE})"
        return Record(
            name=f"lanewatch:{self.name}{NEW}",
            expr=(
                f"{self._unlike(_MOMENT, f'{self.known} offset {_HEARD_BEFORE}')}\n"
                f"or\n{self._unlike(f'{self.away_minutes + _EDGE_MINUTES}m', known)}"
            ),
            labels=self.labels,
        )

    @property
    def records(self) -> tuple[Record, ...]:
        """All that is to be recorded to know what is new, in this order."""
        return (self.now, self.looked, self.new)

    def _unlike(self, back: str, known: str) -> str:
        """Return what is so now and was not within `back`, though the card was heard and it was looked at."""
        return (
            f"{self.now.name}\n"
            f"unless last_over_time({self.now.name}[{back}] offset {_BEFORE})\n"
            f"and on ({BY_CARD}) {known}\n"
            f"and on () last_over_time({self.looked.name}[{back}] offset {_BEFORE})"
        )

    def rose(self) -> str:
        """Return what rose of counters: from its first event on, over a restart, and while nobody was scraped.

        An agent that was replaced and remembers less is no rise.
        """
        now, within = self.now.name, self.within
        return (
            f"(increase({now}[{within}]) unless resets({now}[{within}]) > 0) > 0\n"
            f"or\nmax_over_time({now}[{within}])\n  > last_over_time({now}[{AWAY}] offset {within})\n"
            f"or\nmax_over_time({self.new.name}[{within}])"
        )

    def grew(self, within: str) -> str:
        """Return by how much counters rose within that time; one that was reset counts from 0."""
        increase, first = f"increase({self.now.name}[{within}])", f"max_over_time({self.new.name}[{within}])"
        return f"{increase} + ({first} or {increase} * 0)\nor\n{first}"


def looked(name: str) -> Record:
    """Return what is 1 whenever the rules are evaluated."""
    return Record(
        name=f"lanewatch:{name}{LOOKED}", expr=f'label_replace(vector(1), "of", "{name}", "", "")', labels=("of",)
    )


def only(values: str, test: str, *, pick: str = "max") -> str:
    """Return those of `values` that pass the test now, whoever is scraped."""
    return merged(f"{values} {test}", pick=pick)


def told(metric: Metric, **where: str) -> str:
    """Return what of `metric` is told again now, whoever is scraped."""
    again = NOTABLE[metric]
    return merged(again.metric.where(**where), pick="min" if again.usual else "max")


def held(now: str, known: str) -> str:
    """Return what is recorded as `now`, and what was a missed scrape ago of a card of which `known` is silent now."""
    return f"(\n  {now}\n  or\n  {bridged(now)}\n    unless on ({BY_CARD}) {known}\n)"
