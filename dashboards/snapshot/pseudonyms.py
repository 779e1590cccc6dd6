"""Names that may be shown: the value itself where it is open, else what it is and a number.

The same value of the same kind has the same pseudonym all over one picture, and its number is its place among the
others in their order: the same data give the same picture.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from dashboards.snapshot.vocabulary import is_open

_CARD: Final = "card"
# What the value of a label is, where the label's name does not say it.
_KINDS: Final[Mapping[str, str]] = {
    "claim_namespace": "namespace",
    "gpu_uuid": _CARD,
    "instance": "exporter",
    "lane_namespace": "namespace",
    "owner_container": "container",
    "owner_namespace": "namespace",
    "owner_pod": "pod",
    "parent_uuid": _CARD,
    "pci_bus_id": "PCI address",
    "promised": "lane",
    "violator": "pod",
    "violator_namespace": "namespace",
}
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The pseudonym of each value by its kind, and the texts that may be shown whatever they are."""

    names: Mapping[tuple[str, str], str]
    allowed: frozenset[str]

    def name(self, label: str, value: str) -> str:
        """Return what is shown of this value of this label."""
        if value in self.allowed or is_open(label, value):
            return value
        return self.names[_kind(label, value), value]

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return what is shown of each of the labels."""
        return {label: self.name(label, value) for label, value in labels.items()}


def give_names(told: Iterable[tuple[str, str]], allowed: frozenset[str]) -> Pseudonyms:
    """Return a pseudonym for every value of a label that was told and may not be shown."""
    values: dict[str, set[str]] = {}
    for label, value in told:
        if value not in allowed and not is_open(label, value):
            values.setdefault(_kind(label, value), set()).add(value)
    names = {
        (kind, value): f"{kind} {number}"
        for kind, found in values.items()
        for number, value in enumerate(sorted(found, key=_natural), 1)
    }
    return Pseudonyms(names, allowed)


def _kind(label: str, value: str) -> str:
    if label == "unit":  # of a pool that allows one on each card, or on each node
        return _CARD if value.startswith(("GPU-", "MIG-")) else "node"
    return _KINDS.get(label, label.replace("_", " "))


def _natural(text: str) -> tuple[list[tuple[int, str]], str]:
    """Order node-2 before node-10."""
    parts = [part for part in _DIGITS.split(text) if part]
    return [(int(part), "") if part.isdecimal() and part.isascii() else (-1, part) for part in parts], text
