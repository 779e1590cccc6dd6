"""Families of many nodes within the budget of a family: whole nodes, and those that matter most.

Cut by its labels, a family of 5,000 nodes would show the first in the alphabet; what is wrong must come first.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from exporter import catalogue as c
from exporter.metric import Family, Metric, Sample

MOST_SERIES: Final = 2000  # a family; the exposition's own budget
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Filled:
    """A family, and how many nodes had no place in it."""

    family: Family
    left_out: int


def fill(metric: Metric, nodes: Sequence[T], samples_of: Callable[[T], Iterable[Sample]]) -> Filled:
    """Return the family of as many of `nodes`, in their order, as its budget has place for."""
    samples: list[Sample] = []
    for number, node in enumerate(nodes):
        more = list(samples_of(node))
        if len(samples) + len(more) > MOST_SERIES:
            return Filled(metric.of(samples), len(nodes) - number)
        samples += more
    return Filled(metric.of(samples), 0)


def families(filled: Iterable[Filled]) -> Iterator[Family]:
    """Yield the families, and how many nodes each had no place for."""
    filled = tuple(filled)
    yield from (one.family for one in filled)
    yield c.NODES_LEFT_OUT.of(c.NODES_LEFT_OUT.sample(one.left_out, family=one.family.metric.name) for one in filled)
