"""What hardly a series of a fleet is: a counter that is not 0, a link that is down, a wish of a driver.

The exporter tells it again under a name of its own (`exporter/notable.py`), or a family is looked at once an
evaluation; what is picked out is recorded, and whatever is asked for is asked of that. What is not recorded was not so
if the card was heard then: a series of the same reading that every such card has, `known`, tells that apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.counters import AWAY
from alerts.places import BY_CARD, BY_NODE
from alerts.promql import PLACE, bridged, indent, merged
from alerts.rule import Record
from exporter.catalogue import BUILD_INFO, GPUS
from exporter.metric import Metric
from exporter.notable import NOTABLE

NOW: Final = ":now"
NEW: Final = ":new"
LAST: Final = ":last2m"
LOOKED: Final = ":looked"
_BEFORE: Final = "30s"  # the evaluation before this one, at the latest
# A counter that was reset is 0 for a while. In the gap of an agent that is replaced the card is not heard.
_MOMENT: Final = "2m"
_HEARD_BEFORE: Final = "90s"
# Each page that tells of cards says so of its node: one series to ask for, not one of each card.
ANSWERING: Final = GPUS.where(view="telemetry")
_IS_SCRAPED: Final = f"on ({BY_NODE}) {ANSWERING}"
_EDGE_MINUTES: Final = 5  # what was counted when the card was heard last must be in sight


@dataclass(frozen=True, slots=True, kw_only=True)
class Rare:
    """What is picked out of which family of the cards, how far back an alert looks, and how long a card may be away."""

    name: str
    picked: str
    known: str
    within: str
    labels: tuple[str, ...]
    away: tuple[int, ...] = (1,)  # hours ago, at which it is asked whether the card was heard; see alerts/counters.py

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
        """What is so now and was not before, of a card that was heard a moment ago, or hours ago and has been away.

        What came while a card was away that is heard for the first hour is old.
        """
        looks = [(_MOMENT, _HEARD_BEFORE), *((f"{60 * hours + _EDGE_MINUTES}m", f"{hours}h") for hours in self.away)]
        return Record(
            name=f"lanewatch:{self.name}{NEW}",
            expr="\nor\n".join(self._unlike(back, f"{self.known} offset {ago}") for back, ago in looks),
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


def told(metric: Metric, drop: Sequence[str] = PLACE, **where: str) -> str:
    """Return what of `metric` is told again now, whoever is scraped."""
    return merged(again(metric).where(**where), drop, pick=_worst(metric))


def told_lately(metric: Metric, drop: Sequence[str] = PLACE, **where: str) -> str:
    """Return what of `metric` is told again, and what was a missed scrape ago on a node that is silent now."""
    before = merged(bridged(again(metric).where(**where)), drop, pick=_worst(metric))
    return _or_before(told(metric, drop, **where), before, _IS_SCRAPED)


def lately(selector: str) -> str:
    """Return what is told, and what was a missed scrape ago by an exporter that is silent now, with its place."""
    return _or_before(selector, bridged(selector), f"on (cluster, instance) {BUILD_INFO}")


def watched(metric: Metric, drop: Sequence[str] = PLACE, **where: str) -> str:
    """Return what a watcher tells again of `metric`, or told a missed scrape ago and is silent now."""
    return merged(f"\n{indent(lately(again(metric).where(**where)))}\n", drop, pick=_worst(metric))


def held(now: str) -> str:
    """Return what is recorded as `now`, and what was a missed scrape ago on a node that is silent now."""
    return _or_before(now, bridged(now), _IS_SCRAPED)


def again(metric: Metric) -> Metric:
    """Return the metric under which the exporter tells again what of `metric` is not as usual."""
    return NOTABLE[metric].metric


def _or_before(now: str, before: str, is_scraped: str) -> str:
    return f"(\n{indent(now)}\n  or\n{indent(before)}\n    unless {is_scraped}\n)"


def _worst(metric: Metric) -> str:
    return "min" if NOTABLE[metric].is_low else "max"
