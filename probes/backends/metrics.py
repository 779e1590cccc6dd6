"""The metrics page of an engine, whichever it is, under one name a fact.

Counters only: llama-server's gauges of throughput reset at each read, so a second reader would zero them. Refuses to
guess: a name that stands in no table is nobody's, and what is no finite number from 0 on is absent.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from exporter.backend import Engine
from probes.backends import llamacpp, sglang, vllm
from probes.backends.rows import Row

if TYPE_CHECKING:
    from exporter.sources.exposition_text import TextSample

_TABLES: Final[Mapping[str, Sequence[Row]]] = {
    "llamacpp": llamacpp.ROWS,
    "vllm": vllm.ROWS,
    "sglang": sglang.ROWS,
}
_RANKS: Final = frozenset({"tp_rank", "pp_rank", "moe_ep_rank", "pid"})  # each repeats the numbers of its replica
_REASONS: Final = frozenset({"stop", "length", "abort", "error", "repetition", "finished"})  # others are `other`

_Found = Mapping[str, Mapping[str, float]]
"""Field -> key -> value; a fact without kinds has the empty key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one page says; some number of `pulse` changes while the engine works."""

    kind: str = ""
    engine: Engine = field(default_factory=Engine)
    pulse: Mapping[str, float] = field(default_factory=dict)
    is_asleep: bool = False


def read_engine(samples: Iterable["TextSample"]) -> Reading:
    """Return what a page says; samples of no known engine say nothing."""
    by_name: dict[str, list[TextSample]] = {}
    for sample in samples:
        by_name.setdefault(_plain_name(sample.name), []).append(sample)
    for kind, rows in _TABLES.items():
        if any(name.startswith(f"{kind}:") for name in by_name):
            return _reading(kind, _found(rows, by_name))
    return Reading()


def _reading(kind: str, found: _Found) -> Reading:
    tokens = found.get("tokens", {})
    engine = Engine(
        waiting=_single(found, "waiting"),
        running=_single(found, "running"),
        kv_used_ratio=_single(found, "kv_used_ratio"),
        preemptions=_single(found, "preemptions"),
        tokens=tokens,
        busy_seconds=found.get("busy_seconds", {}),
        requests=found.get("requests", {}),
    )
    return Reading(
        kind=kind, engine=engine, pulse={**tokens, **found.get("pulse", {})}, is_asleep=_single(found, "awake") == 0
    )


def _single(found: _Found, name: str) -> float | None:
    return found.get(name, {}).get("")


def _found(rows: Sequence[Row], by_name: Mapping[str, Sequence["TextSample"]]) -> _Found:
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        values = found.setdefault(row.field, {})
        samples = next((by_name[name] for name in row.names if name in by_name), ())
        for key, value in _facts(row, samples):
            values.setdefault(key, value)
    return found


def _facts(row: Row, samples: Sequence["TextSample"]) -> Iterator[tuple[str, float]]:
    """Yield the row's facts, one a key."""
    by_key: dict[str, list[TextSample]] = {}
    for sample in samples:
        if _counts(row, sample):
            by_key.setdefault(_key(row, sample), []).append(sample)
    join = max if row.field == "kv_used_ratio" else math.fsum  # the fullest cache is the one that preempts
    return ((key, join(_replicas(group))) for key, group in by_key.items())


def _counts(row: Row, sample: "TextSample") -> bool:
    is_meant = row.where is None or sample.labels.get(row.where[0]) == row.where[1]
    return is_meant and math.isfinite(sample.value) and sample.value >= 0


def _key(row: Row, sample: "TextSample") -> str:
    if not row.by:
        return row.key
    key = sample.labels.get(row.by, "")
    return key if key in _REASONS else "other"


def _replicas(samples: Iterable["TextSample"]) -> list[float]:
    """Return one value a replica: replicas add up, the ranks of one do not."""
    largest: dict[frozenset[tuple[str, str]], float] = {}
    for sample in samples:
        labels = frozenset((name, text) for name, text in sample.labels.items() if name not in _RANKS)
        largest[labels] = max(sample.value, largest.get(labels, 0.0))
    return list(largest.values())


def _plain_name(name: str) -> str:
    """Return a name as the tables have it; escaped for OpenMetrics, its colon became an underscore."""
    engine, colon, fact = name.partition(":")
    if not colon:
        engine, _, fact = name.partition("_")
    return f"{engine}:{fact.removesuffix('_total')}"
