"""What may be said of a node's cards, fact by fact, and when two sayings mean the same.

Spelling, units and roundings differ from layer to layer; here each saying is brought to what it may stand for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

FACTS: Final = ("count", "product", "memory", "driver", "cuda", "sharing", "replicas", "mig")
MIB: Final = 1 << 20

Meaning = str | float | tuple[int, ...]

_TOLERATED: Final = 0.01  # of memory: labels round to MiB, and some count without what the firmware keeps
_WORD: Final = re.compile(r"[a-z0-9.]+")
_NOISE: Final = frozenset(
    {"nvidia", "intel", "amd", "arc", "r", "tm", "graphics"}
)  # in one spelling and not in another
_SHARED: Final = ("none", "time-slicing", "mps")
# The driver knows nothing of time-slicing, and sees MPS only while somebody uses the card: its `none` excludes nothing.
_OF_DRIVER: Final[Mapping[str, tuple[str, ...]]] = {
    "none": _SHARED,
    "mig": _SHARED,
    "vgpu": _SHARED,
    "mps": ("mps",),
}
_OF_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "none": ("none",),
    "time-slicing": ("time-slicing",),
    "mps": ("mps",),
    "shared": ("time-slicing", "mps"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What one view says of one fact: as people read it, and everything that it may mean."""

    value: str
    meanings: frozenset[Meaning]


def say(fact: str, *texts: str) -> Said | None:
    """Return what these texts say of `fact`, one for each card that differs; None where they say nothing."""
    told = sorted({text for text in texts if text})
    meanings = {meaning for text in told for meaning in _READ[fact](text)}
    return Said(", ".join(told), frozenset(meanings)) if meanings else None


def say_memory(sizes: Mapping[int, int]) -> Said | None:
    """Return what sizes of cards, bytes, say: each with what the firmware keeps of it, which some leave out."""
    told = say("memory", *(f"{size / MIB:.0f} MiB" for size in sizes))
    if told is None:
        return None
    return Said(told.value, told.meanings | {float(size - kept) for size, kept in sizes.items()})


def say_sharing_by_driver(*modes: str) -> Said | None:
    """Return what the driver's modes say: `none` there excludes less than on a label."""
    told = sorted({mode for mode in modes if mode in _OF_DRIVER})
    meanings = {meaning for mode in told for meaning in _OF_DRIVER[mode]}
    return Said(", ".join(told), frozenset(meanings)) if told else None


def is_same(fact: str, left: Said, right: Said) -> bool:
    """Whether both may mean the same; a view that can name one card only is right with any card of the node."""
    if fact != "memory":
        return not left.meanings.isdisjoint(right.meanings)
    return any(_is_near(one, other) for one in left.meanings for other in right.meanings)


def read_number(text: str) -> float | None:
    """Return the number that a label holds; None for anything else."""
    return float(text) if text.isascii() and text.isdigit() else None


def _is_near(one: Meaning, other: Meaning) -> bool:
    if not isinstance(one, float) or not isinstance(other, float):
        return False
    return abs(one - other) <= _TOLERATED * max(one, other)


def _read_count(text: str) -> tuple[Meaning, ...]:
    try:
        return (float(text),)
    except ValueError:
        return ()


def _read_product(text: str) -> tuple[Meaning, ...]:
    words = [word for word in _WORD.findall(text.lower()) if word not in _NOISE]
    return ("".join(words),) if words else ()


def _read_memory(text: str) -> tuple[Meaning, ...]:
    size = read_number(text.removesuffix(" MiB"))
    return () if not size else (size * MIB,)


def _read_version(text: str) -> tuple[Meaning, ...]:
    """Read 610.43.02, 610.43.2 and 13.3, 13.3.0 as the same: ResourceSlices write versions without zeros in front."""
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return (tuple(numbers),) if numbers else ()


def _read_sharing(text: str) -> tuple[Meaning, ...]:
    return _OF_LABELS.get(text, ())


def _read_mig(text: str) -> tuple[Meaning, ...]:
    return (text,)


_READ: Final[Mapping[str, Callable[[str], tuple[Meaning, ...]]]] = {
    "count": _read_count,
    "product": _read_product,
    "memory": _read_memory,
    "driver": _read_version,
    "cuda": _read_version,
    "sharing": _read_sharing,
    "replicas": _read_count,
    "mig": _read_mig,
}
