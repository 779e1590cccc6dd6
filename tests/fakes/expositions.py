"""What recorded and golden pages hold: the names on them, their labels and the values of those."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).resolve().parents[1]
GOLDEN: Final = (*sorted(TESTS.glob("exporter/golden/*.prom")), *sorted(TESTS.glob("probes/golden/*.prom")))
RECORDED: Final = (
    *sorted(TESTS.glob("fixtures/dcgm/*.prom")),
    *sorted(TESTS.glob("fixtures/backends/*.prom")),
    *sorted(TESTS.glob("fixtures/third_party/*.prom")),
)
_SAMPLE: Final = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
Labels = Mapping[str, frozenset[str]]  # and the values that each was seen with


def samples(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield name and labels of every sample of a page."""
    return ((name, labels) for name, labels, _ in valued(text))


def valued(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, labels and value of every sample of a page."""
    for found in _SAMPLE.finditer(text):
        yield found[1], dict(_LABEL.findall(found[2] or "")), float(found[3])


@cache
def emitted(paths: tuple[Path, ...]) -> Mapping[str, Labels]:
    """Return the labels of each name on these pages."""
    seen: dict[str, dict[str, set[str]]] = {}
    for name, labels in (one for path in paths for one in samples(path.read_text(encoding="utf-8"))):
        values = seen.setdefault(name, {})
        for label, value in labels.items():
            values.setdefault(label, set()).add(value)
    return {name: {label: frozenset(values) for label, values in labels.items()} for name, labels in seen.items()}


def both_spellings(pages: Mapping[str, Labels]) -> dict[str, Labels]:
    """Add what Python's client calls a name with a colon for who asks for OpenMetrics without the names of UTF-8."""
    return {name.replace(":", "_", 1) if escaped else name: labels for name, labels, escaped in _each(pages)}


def _each(pages: Mapping[str, Labels]) -> Iterable[tuple[str, Labels, bool]]:
    return [(name, labels, escaped) for name, labels in pages.items() for escaped in (False, True)]
