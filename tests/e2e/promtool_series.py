"""The series of a promtool test: read, spelt out, and completed by what a page tells again of them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.tools import ROOT
from exporter.notable import NOTABLE

Values = tuple[str, ...]  # one a scrape: a number, `_` (nothing was scraped) or `stale` (the target was lost)
GONE: Final = ("_", "stale")

_REPEATED: Final = re.compile(r"(?P<first>[^x+]+?|_)(?P<step>[+-][\d.eE]+)?x(?P<times>\d+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COUNTERS: Final = ("_total", "_bucket", "_sum", "_count")
_LINE: Final = re.compile(r"^(?P<indent> *)- (?:&\w+ )?(?P<series>\{series: .*\})(?: *#.*)?$", re.MULTILINE)
_AGAIN: Final = {str(metric): notable for metric, notable in NOTABLE.items()}


@dataclass(frozen=True, slots=True)
class Series:
    """One series and what each scrape gave."""

    name: str
    labels: Mapping[str, str]
    values: Values

    @property
    def is_counter(self) -> bool:
        """Whether a new process begins it at 0."""
        return self.name.endswith(_COUNTERS)

    @property
    def is_scraped(self) -> bool:
        """Whether it comes from an exporter; what Prometheus writes of alerts does not."""
        return self.name != "ALERTS"

    def moved(self, instance: str) -> "Series":
        """Return it as another process gives it."""
        return replace(self, labels={**self.labels, "instance": f"{instance}:1", "pod": instance})

    def written(self) -> dict[str, str]:
        """Return it as promtool reads it."""
        inner = ",".join(f'{label}="{value}"' for label, value in self.labels.items())
        return {"series": f"{self.name}{{{inner}}}", "values": " ".join(self.values)}


def read(given: Mapping[str, str]) -> Series:
    """Return a series as a promtool file has it."""
    name, _, rest = given["series"].partition("{")
    return Series(name.strip(), dict(_LABEL.findall(rest)), expand(given["values"]))


def expand(notation: str) -> Values:
    """Return each value of promtool's short notation; `axN` is N + 1 values and `_xN` is N gaps."""
    return tuple(value for token in notation.split() for value in _expand_one(token))


def _expand_one(token: str) -> Iterator[str]:
    repeated = _REPEATED.fullmatch(token)
    if repeated is None:
        yield token
        return
    first, step, times = repeated["first"], float(repeated["step"] or 0), int(repeated["times"])
    if first == "_":
        yield from ["_"] * times
        return
    yield from (f"{float(first) + step * number:.10g}" for number in range(times + 1))


def as_scraped(series: Iterable[Series]) -> Iterator[Series]:
    """Yield each, followed by what a page tells again of it: none has one alone, and nobody writes both by hand."""
    for one in series:
        yield one
        if (again := _AGAIN.get(one.name)) is None:
            continue
        told = tuple(value in GONE or again.is_in(one.labels.values(), float(value)) for value in one.values)
        if any(is_told and value not in GONE for is_told, value in zip(told, one.values, strict=True)):
            yield replace(one, name=str(again.metric), values=tuple(_told(one.values, told)))


def _told(values: Values, told: Iterable[bool]) -> Iterator[str]:
    """Yield the values that are told; the first page without the series ends it."""
    was_there = False
    for value, is_told in zip(values, told, strict=True):
        if not is_told:
            yield "stale" if was_there else "_"
            was_there = False
        else:
            was_there = value not in GONE or (was_there and value == "_")
            yield value


def completed(path: Path, directory: Path) -> Path:
    """Write a promtool file into a directory, with what a page tells again beside each series; return where it lies.

    Raises `AssertionError` for a series that is told again and is not written on a line of its own.
    """
    text = path.read_text(encoding="utf-8")
    given = {one["series"] for test in loaded(text)["tests"] for one in test["input_series"]}
    lost = given - {loaded(line["series"])["series"] for line in _LINE.finditer(text)}
    told_again = [series for series in lost if series.partition("{")[0] in _AGAIN]
    assert not told_again, f"expected each on a line of its own, found not one for {told_again}"
    written = directory / path.name
    written.write_text(_LINE.sub(_completed, text).replace("../../..", str(ROOT)), encoding="utf-8")
    return written


def _completed(line: re.Match[str]) -> str:
    _, *again = as_scraped([read(loaded(line["series"]))])
    return "\n".join([line[0], *(f"{line['indent']}- {json.dumps(one.written())}" for one in again)])


def loaded(text: str) -> Any:  # noqa: ANN401  # YAML
    """Return what a promtool file holds."""
    # all are texts, as for promtool: to YAML, `0x22` is a number
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # a loader of plain texts
