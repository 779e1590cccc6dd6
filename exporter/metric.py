"""What a metric, a sample and a family are: a family that exists is fit to be exposed.

Refuses unknown and missing labels, so that a misspelt label is a `CatalogueError` in a test, never a silent alert.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from exporter.errors import CatalogueError

Kind = Literal["counter", "gauge", "info", "histogram"]
_LONGEST_VALUE: Final = 256  # characters of one label value; longer ones are cut, and say so with an ellipsis


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series; `labels` are in the metric's own order.

    Of a histogram, `suffix` is _bucket, _sum or _count, and `edge` the upper edge of the bucket.
    """

    labels: tuple[str, ...]
    value: float
    suffix: str = ""
    edge: float = math.inf


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many values fell into each bucket of a histogram, the one without an end last, and their sum."""

    counts: tuple[int, ...]
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family; `str()` is its PromQL name."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ("lanewatch",)  # who gives it; our own where we conclude or count it ourselves
    edges: tuple[float, ...] = ()  # of a histogram: the upper edges of its buckets, rising, without infinity

    def __str__(self) -> str:
        return self.name

    def where(self, **matchers: str) -> str:
        """Return the PromQL selector of the series whose labels equal `matchers`; `~…` is a regular expression."""
        self._refuse_unknown(matchers)
        inner = ",".join(_matcher(label, value) for label, value in sorted(matchers.items()))
        return f"{self.name}{{{inner}}}" if inner else self.name

    def sample(self, value: float, /, **labels: str) -> Sample:
        """Return one sample; every label must be given, none that the metric does not have."""
        self._refuse_unknown(labels)
        if len(labels) != len(self.labels):
            missing = sorted(set(self.labels) - set(labels))
            raise CatalogueError(f"{self.name}: expected labels {list(self.labels)}, missing {missing}")
        return Sample(tuple(clean_label_value(labels[name]) for name in self.labels), float(value))

    def nothing(self) -> Distribution:
        """Return the distribution of a histogram that has seen no value yet."""
        return Distribution((0,) * (len(self.edges) + 1))

    def observe(self, before: Distribution, value: float) -> Distribution:
        """Return the distribution with one value more."""
        place = bisect_left(self.edges, value)
        counts = tuple(count + (number == place) for number, count in enumerate(before.counts))
        return Distribution(counts, before.total + value)

    def spread(self, distribution: Distribution, **labels: str) -> Iterator[Sample]:
        """Yield the samples of one distribution of a histogram."""
        whole = self.sample(sum(distribution.counts), **labels)
        edges = (*self.edges, math.inf)
        for edge, reached in zip(edges, accumulate(distribution.counts), strict=True):
            yield Sample(whole.labels, float(reached), "_bucket", edge)
        yield Sample(whole.labels, distribution.total, "_sum")
        yield Sample(whole.labels, whole.value, "_count")

    def of(self, samples: Iterable[Sample]) -> "Family":
        """Return the family of these samples, sorted and without a second sample for one label set."""
        unique: dict[tuple[tuple[str, ...], str, float], Sample] = {}
        for sample in samples:
            unique.setdefault((sample.labels, sample.suffix, sample.edge), sample)
        return Family(self, tuple(unique[key] for key in sorted(unique)))

    def _refuse_unknown(self, given: Mapping[str, str]) -> None:
        unknown = sorted(set(given) - set(self.labels))
        if unknown:
            raise CatalogueError(f"{self.name}: expected labels out of {list(self.labels)}, found {unknown}")


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one metric at one instant."""

    metric: Metric
    samples: tuple[Sample, ...]


def clean_label_value(value: str) -> str:
    """Return `value` as UTF-8 that Prometheus accepts: lone surrogates replaced, at most 256 characters."""
    if len(value) > _LONGEST_VALUE:
        value = value[: _LONGEST_VALUE - 1] + "…"
    return value.encode("utf-8", "replace").decode("utf-8")


def one_hot(metric: Metric, states: Iterable[str], current: str, *, label: str, **labels: str) -> Iterator[Sample]:
    """Yield one sample a state, 1 for `current` and 0 for the others: a state set that rules can select by name."""
    for state in states:
        yield metric.sample(float(state == current), **{label: state}, **labels)


def _matcher(label: str, value: str) -> str:
    operator, text = ("=~", value[1:]) if value.startswith("~") else ("=", value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label}{operator}"{escaped}"'
