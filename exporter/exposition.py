"""From families to the bytes of a page: Prometheus text and OpenMetrics, prepared before anyone asks.

A family that cannot be made or rendered is left out and counted; it never costs the rest of the page.
"""

import gzip
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from prometheus_client.exposition import choose_encoder, generate_latest, gzip_accepted
from prometheus_client.metrics_core import Metric as WireMetric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.utils import floatToGoString

from exporter import catalogue
from exporter.metric import Family, Metric, Sample
from exporter.notable import told_again
from exporter.poll import Isolation
from exporter.snapshot import Snapshot

Collector = Callable[[Snapshot, float], Iterable[Family]]
"""What gives families for one snapshot at one Unix time; `probes` plug in here."""

Select = Callable[[Snapshot], Snapshot]
"""What decides, before any collector runs, which of several sources speaks."""

SERIES_BUDGET: Final = 2000  # series a family; beyond it the rest is dropped and counted
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT_1: Final = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
_END: Final = b"# EOF\n"
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """One family as text in both formats."""

    family: Family
    text: bytes
    openmetrics: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """One format's bytes, plain and compressed."""

    plain: bytes
    gzipped: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that a scrape or a person can ask for, of one snapshot."""

    snapshot: Snapshot
    at: float
    families: Mapping[str, Family]
    text: Body
    openmetrics: Body

    def answer(self, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
        """Return body and headers for what a client accepts."""
        content_type = negotiate(accept[:1024])
        body = self.openmetrics if content_type is OPENMETRICS else self.text
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if _accepts_gzip(accept_encoding[:256]):
            return body.gzipped, {**headers, "Content-Encoding": "gzip"}
        return body.plain, headers


@lru_cache(maxsize=64)
def negotiate(accept: str) -> str:
    """Return the content type for an Accept header: one of `TEXT`, `TEXT_1` and `OPENMETRICS`."""
    try:
        _, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # the library compares versions that are no numbers
        return TEXT
    if content_type.startswith("application/openmetrics-text"):
        return OPENMETRICS
    return TEXT_1 if "version=1.0.0" in content_type else TEXT


@lru_cache(maxsize=64)
def _accepts_gzip(accept_encoding: str) -> bool:
    return bool(gzip_accepted(accept_encoding))


def as_it_is(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot unchanged: each source speaks for itself."""
    return snapshot


class Exposition:
    """Turns snapshots into pages; keeps what was rendered, so that an unchanged family is not rendered again."""

    def __init__(self, collectors: Mapping[str, Collector], select: Select = as_it_is) -> None:
        self._collectors = dict(collectors)
        self._select = select
        self._rendered: dict[str, Rendered] = {}
        self._dropped: dict[str, int] = {}
        self._isolation = Isolation()

    def exchange(self, collectors: Mapping[str, Collector], select: Select) -> None:
        """Ask these collectors from now on; what was dropped so far stays counted."""
        self._collectors = dict(collectors)
        self._select = select

    def prepare(self, snapshot: Snapshot, now: float) -> Page:
        """Return the page of `snapshot`, after `select`, at Unix time `now`."""
        snapshot = self._isolation.call("select", partial(self._select, snapshot)) or snapshot
        families = self._collect(snapshot, now)
        rendered = [one for family in families if (one := self._render(family)) is not None]
        dropped = catalogue.SERIES_DROPPED.of(
            catalogue.SERIES_DROPPED.sample(count, family=name) for name, count in self._dropped.items()
        )
        rendered += [_render_family(dropped)] if dropped.samples else []
        self._rendered = {one.family.metric.name: one for one in rendered}
        return Page(
            snapshot,
            now,
            {name: one.family for name, one in self._rendered.items()},
            _body(b"".join(one.text for one in rendered)),
            _body(b"".join(one.openmetrics for one in rendered) + _END),
        )

    def _collect(self, snapshot: Snapshot, now: float) -> list[Family]:
        merged: dict[Metric, list[Sample]] = {}
        for name, collector in self._collectors.items():
            # materialised inside the guard: half a collector's families would be half a truth
            families = self._isolation.call(f"collector {name}", partial(_materialise, collector, snapshot, now))
            if families is None:
                self._drop(name, 1)
            for family in families or ():
                merged.setdefault(family.metric, []).extend(family.samples)
        # what has no sample is not known here: a bare name on the page would say that it is
        return [self._within_budget(metric, samples) for metric, samples in told_again(merged) if samples]

    def _within_budget(self, metric: Metric, samples: Sequence[Sample]) -> Family:
        family = metric.of(sample for sample in samples if math.isfinite(sample.value))
        excess = len(family.samples) - SERIES_BUDGET
        if excess <= 0:
            return family
        self._drop(metric.name, excess)
        return Family(metric, family.samples[:SERIES_BUDGET])

    def _render(self, family: Family) -> Rendered | None:
        before = self._rendered.get(family.metric.name)
        if before is not None and before.family == family:
            return before
        rendered = self._isolation.call(f"family {family.metric}", partial(_render_family, family))
        if rendered is None:
            self._drop(family.metric.name, len(family.samples))
        return rendered

    def _drop(self, name: str, count: int) -> None:
        self._dropped[name] = self._dropped.get(name, 0) + count


def _materialise(collector: Collector, snapshot: Snapshot, now: float) -> list[Family]:
    return list(collector(snapshot, now))


def _render_family(family: Family) -> Rendered:
    one = _One(family)
    return Rendered(family, generate_latest(one), generate_openmetrics(one).removesuffix(_END))  # type: ignore[no-untyped-call]  # the library leaves it untyped


def as_text(families: Iterable[Family]) -> bytes:
    """Return families as Prometheus text, for a page of its own that is not prepared."""
    return b"".join(_render_family(family).text for family in families if family.samples)


def _body(plain: bytes) -> Body:
    # level 1: a fifth of the time of level 6 for a seventh more bytes
    return Body(plain, gzip.compress(plain, compresslevel=1, mtime=0))


class _One:
    """The one family as the client library wants to see it: a registry that collects it."""

    def __init__(self, family: Family) -> None:
        metric = family.metric
        base = metric.name.removesuffix(_SUFFIXES.get(metric.kind, ""))
        self._wire = WireMetric(base, metric.help, metric.kind)
        for sample in family.samples:
            labels = dict(zip(metric.labels, sample.labels, strict=True))
            if sample.suffix == "_bucket":
                labels["le"] = floatToGoString(sample.edge)  # type: ignore[no-untyped-call]  # the library leaves it untyped
            self._wire.add_sample(metric.name + sample.suffix, labels, sample.value)

    def collect(self) -> Iterator[WireMetric]:
        yield self._wire
