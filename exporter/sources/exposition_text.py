"""Prometheus text of others as samples: all of an answer, or none of it.

With `exposition.py` the importer of prometheus_client: its parser accepts what Prometheus accepts, such as a last line
without an end and HELP lines apart from their samples. It is fed small batches of lines, for it holds a whole family
at once. Comments are left out: HELP texts lie about units, and a type changes no value.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from prometheus_client.parser import text_fd_to_metric_families

from exporter.errors import SourceError

LARGEST_LINE: Final = 16 << 10  # bytes
MOST_LINES: Final = 50_000
_BATCH: Final = 256  # lines


@dataclass(frozen=True, slots=True)
class TextSample:
    """One line: a name, its labels, its value."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(body: bytes, *, prefixes: tuple[str, ...]) -> tuple[TextSample, ...]:
    """Return the samples whose names begin so; every line must be well formed, and at least one must be of these."""
    lines = _sample_lines(io.BytesIO(body))
    wanted: list[TextSample] = []
    words: dict[str, str] = {}  # every line repeats most of its labels: each is kept once
    while batch := list(islice(lines, _BATCH)):
        found = (sample for sample in _parse_batch(batch) if sample.name.startswith(prefixes))
        wanted += (_shared(sample, words) for sample in found)
    if not wanted:
        raise SourceError("bad_answer", f"expected samples named {' or '.join(prefixes)}…, found none")
    return tuple(wanted)


def _shared(sample: TextSample, words: dict[str, str]) -> TextSample:
    labels = {words.setdefault(name, name): words.setdefault(text, text) for name, text in sample.labels.items()}
    return TextSample(words.setdefault(sample.name, sample.name), labels, sample.value)


def _sample_lines(body: io.BytesIO) -> Iterator[str]:
    for number, line in enumerate(iter(lambda: body.readline(LARGEST_LINE + 1), b""), start=1):
        if number > MOST_LINES:
            raise SourceError("too_large", f"expected at most {MOST_LINES} lines, found more")
        if len(line) > LARGEST_LINE:
            raise SourceError("too_large", f"line {number}: expected at most {LARGEST_LINE} bytes, found more")
        text = _decode(line, number).strip()
        if text and not text.startswith("#"):
            yield text


def _decode(line: bytes, number: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            "bad_answer", f"line {number}: expected UTF-8, found byte 0x{line[error.start]:02x}"
        ) from error


def _parse_batch(batch: Iterable[str]) -> list[TextSample]:
    try:
        return [
            TextSample(sample.name, sample.labels, sample.value)
            for family in text_fd_to_metric_families(batch)  # type: ignore[arg-type]  # it only iterates over lines
            for sample in family.samples
        ]
    except (ValueError, IndexError, KeyError) as error:  # the parser raises any of them for a line it cannot read
        raise SourceError(
            "bad_answer", f"expected lines of the form name{{labels}} value, found: {str(error)[:120]!r}"
        ) from error
