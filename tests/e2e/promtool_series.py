"""The series of a promtool test: read, spelt out, and completed by what their pages tell besides."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.tools import ROOT
from exporter.catalogue import BUILD_INFO, GPUS, METRICS, PROBE_ATTEMPTS, PROBES
from exporter.metric import Metric, Sample
from exporter.notable import NOTABLE, told_again

Values = tuple[str, ...]  # one a scrape: a number, `_` (nothing was scraped) or `stale` (the target was lost)
GONE: Final = ("_", "stale")

ON_EACH_PAGE: Final = frozenset({str(GPUS), str(BUILD_INFO)})
_REPEATED: Final = re.compile(r"(?P<first>[^x+]+?|_)(?P<step>[+-][\d.eE]+)?x(?P<times>\d+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COUNTERS: Final = ("_total", "_bucket", "_sum", "_count")
_METRICS: Final = {str(metric): metric for metric in METRICS}


@dataclass(frozen=True, slots=True, eq=False)
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

    def at(self, scrape: int) -> str:
        """Return what that scrape gave."""
        return self.values[scrape] if scrape < len(self.values) else "_"

    def as_told(self, metric: Metric) -> tuple[str, ...]:
        """Return its label values in the order of that metric; one that a test leaves out is empty."""
        return tuple(self.labels.get(label, "") for label in metric.labels)

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
    """Yield all, then what their pages tell besides, which nobody writes by hand: what is told again, and of how many.

    What a page tells is asked of the exporter itself, scrape by scrape.
    """
    given = tuple(series)
    yield from given
    pages: dict[frozenset[tuple[str, str]], dict[Series, Metric]] = defaultdict(dict)
    for one in given:
        if (metric := _METRICS.get(one.name)) is not None:
            place = frozenset(item for item in one.labels.items() if item[0] not in metric.labels)
            pages[place][one] = metric
    for place, page in pages.items():
        yield from _told_again(page)
        yield from _counted(dict(place), page)
        yield from _introduced(dict(place), page)
        yield from _added_up(dict(place), page)


def _told_again(page: Mapping[Series, Metric]) -> Iterator[Series]:
    again = {one: notable for one, metric in page.items() if (notable := NOTABLE.get(metric)) is not None}
    told: dict[Series, list[bool]] = {one: [] for one in again}
    for scrape in range(max((len(one.values) for one in again), default=0)):
        there = {one: metric for one, metric in page.items() if one.at(scrape) not in GONE}
        samples: dict[Metric, list[Sample]] = defaultdict(list)
        for one, metric in there.items():
            samples[metric].append(Sample(one.as_told(metric), float(one.at(scrape))))
        found = {(metric, sample.labels) for metric, more in told_again(samples) for sample in more}
        for one, notable in again.items():
            told[one].append(one not in there or (notable.metric, one.as_told(notable.metric)) in found)
    for one, notable in again.items():
        values = tuple(one.at(scrape) for scrape in range(len(told[one])))
        if any(is_told and value not in GONE for is_told, value in zip(told[one], values, strict=True)):
            yield replace(one, name=str(notable.metric), values=tuple(_told(values, told[one])))


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


def _counted(place: Mapping[str, str], page: Mapping[Series, Metric]) -> Iterator[Series]:
    """Yield of each node how many cards answer, which is on each page that tells of cards, unless that is given."""
    nodes: dict[str, list[Series]] = defaultdict(list)
    for one, metric in page.items():
        if metric.labels[:2] == ("node", "gpu_uuid"):
            nodes[one.labels.get("node", "")].append(one)
    for node in sorted(nodes.keys() - {one.labels.get("node", "") for one, metric in page.items() if metric == GPUS}):
        named = {"node": node} if node else {}
        yield Series(str(GPUS), {**place, **named, "view": "telemetry"}, _scraped(nodes[node]))


def _introduced(place: Mapping[str, str], page: Mapping[Series, Metric]) -> Iterator[Series]:
    """Yield what each page says of its exporter, for one that tells more than of cards, unless it is given."""
    tells_again = {metric for metric in page.values() if metric in NOTABLE and "gpu_uuid" not in metric.labels}
    if tells_again and BUILD_INFO not in page.values():
        yield Series(str(BUILD_INFO), {**place, "version": "1", "simulated": "false"}, _scraped(page))


def _added_up(place: Mapping[str, str], page: Mapping[Series, Metric]) -> Iterator[Series]:
    """Yield the probes of each alias, which is the sum of their outcomes, unless it is given."""
    by_alias: dict[str, list[Values]] = defaultdict(list)
    for one, metric in page.items():
        if metric == PROBE_ATTEMPTS and PROBES not in page.values():
            by_alias[one.labels.get("alias", "")].append(one.values)
    for alias, attempts in by_alias.items():
        yield Series(str(PROBES), {**place, "alias": alias}, tuple(_sum(column) for column in _columns(attempts)))


def _sum(column: Sequence[str]) -> str:
    numbers = [float(value) for value in column if value not in GONE]
    return f"{sum(numbers):.10g}" if numbers else "stale" if "stale" in column else "_"


def _columns(rows: Iterable[Values]) -> Iterator[tuple[str, ...]]:
    return zip_longest(*rows, fillvalue="_")


def _scraped(some: Iterable[Series]) -> Values:
    """Return 1 for each page that tells any of these."""
    columns = map(set, _columns(one.values for one in some))
    return tuple("1" if column - set(GONE) else "stale" if "stale" in column else "_" for column in columns)


def completed(path: Path, directory: Path) -> Path:
    """Write a promtool file into a directory, with what the pages of its series tell besides; return where it lies."""
    text = path.read_text(encoding="utf-8")
    root = yaml.compose(text)
    done: set[int] = set()
    for test, node in zip(loaded(text)["tests"], _part(root, "tests").value, strict=True):
        series = _part(node, "input_series")
        if id(series) not in done:  # several tests may share one list
            done.add(id(series))
            given = [read(one) for one in test["input_series"]]
            series.value += [yaml.compose(json.dumps(one.written())) for one in [*as_scraped(given)][len(given) :]]
    written = directory / path.name
    written.write_text(yaml.serialize(root).replace("../../..", str(ROOT)), encoding="utf-8")
    return written


def _part(node: Any, key: str) -> Any:  # noqa: ANN401  # YAML
    return next(value for name, value in node.value if name.value == key)


def loaded(text: str) -> Any:  # noqa: ANN401  # YAML
    """Return what a promtool file holds."""
    # all are texts, as for promtool: to YAML, `0x22` is a number
    return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # a loader of plain texts
