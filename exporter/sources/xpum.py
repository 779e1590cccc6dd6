"""Intel's exporters: xpumanager (`xpum_*`) and its successor xpumd (`hw_*`), told in our words.

HELP of xpumanager says percent for ratios that are 0..1. It gives no size of the memory, and an Arc card no
temperature: they are absent. Names after xpumanager 1.3.7 and the dashboards of xpumd 2.
"""

import asyncio
import dataclasses
import logging
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from exporter.errors import SourceError
from exporter.snapshot import Device, Gpus
from exporter.sources.device_values import nest
from exporter.sources.exposition_text import TextSample, parse
from exporter.sources.fetch import Answer, fetch

_SOURCE: Final = "xpum"
_IDENTITY: Final = {  # field -> labels that hold it, xpumanager's and xpumd's
    "uuid": ("uuid", "hw_id"),
    "model": ("dev_name", "hw_model"),
    "pci_bus_id": ("pci_bdf",),
}
_PART: Final = ("sub_dev", "tile")  # labels that make a sample one of a part of the card
_MOST_CARDS: Final = 256
_log = logging.getLogger(__name__)


class _Row(NamedTuple):
    """One quantity: where it stands and what it is to us; parts of a card add up, or the highest is told."""

    name: str
    labels: Mapping[str, str]
    field: str
    scale: float = 1.0
    is_summed: bool = False


_ROWS: Final = (
    _Row("xpum_power_watts", {}, "power_watts", is_summed=True),
    _Row("xpum_energy_joules_total", {}, "energy_joules", is_summed=True),
    _Row("xpum_engine_ratio", {}, "utilization_ratio"),
    *(
        _Row("xpum_engine_group_ratio", {"type": engine}, f"engine_utilization_ratio.{engine}")
        for engine in ("compute", "copy", "media", "render")
    ),
    _Row("xpum_frequency_mhz", {"location": "gpu", "type": "actual"}, "clocks_hertz.graphics", 1e6),
    _Row("xpum_memory_used_bytes", {}, "memory_used_bytes", is_summed=True),
    _Row("xpum_temperature_celsius", {"location": "gpu"}, "temperatures_celsius.gpu"),
    _Row("xpum_temperature_celsius", {"location": "memory"}, "temperatures_celsius.memory"),
    _Row("hw_power_watts", {}, "power_watts"),
    _Row("hw_energy_joules_total", {}, "energy_joules"),
    _Row("hw_gpu_utilization_ratio", {"hw_gpu_task": "all"}, "utilization_ratio"),
    *(
        _Row("hw_gpu_utilization_ratio", {"hw_gpu_task": f"{engine}-all"}, f"engine_utilization_ratio.{engine}")
        for engine in ("compute", "copy", "media", "render")
    ),
    _Row("hw_frequency_hertz", {"hw_frequency_domain": "gpu", "aggregation": "avg"}, "clocks_hertz.graphics"),
    _Row("hw_memory_size_bytes", {"hw_memory_location": "device"}, "memory_total_bytes", is_summed=True),
    _Row("hw_memory_usage_bytes", {"hw_memory_location": "device"}, "memory_used_bytes", is_summed=True),
    _Row("hw_temperature_celsius", {"hw_sensor_location": "gpu"}, "temperatures_celsius.gpu"),
    _Row("hw_temperature_celsius", {"hw_sensor_location": "memory"}, "temperatures_celsius.memory"),
)
_NAMES: Final = frozenset(row.name for row in _ROWS)


class Xpum:
    """Reads one of Intel's exporters; says once that metrics came under the name of HTML."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._has_said_html = False
        self._calls = 0

    async def read(self) -> Gpus:
        """Return every card that the exporter names."""
        self._calls += 1
        answer = await fetch(self._url)
        samples = await asyncio.to_thread(parse, answer.body, prefixes=("xpum_", "hw_"))
        self._say_html(answer)
        return dataclasses.replace(read_gpus(samples), calls=self._calls)

    def _say_html(self, answer: Answer) -> None:
        if self._has_said_html or "html" not in answer.content_type.lower():
            return
        self._has_said_html = True
        _log.warning(
            "source xpum: %s calls its metrics %s, as xpumanager does up to 1.2.38; they are read, but Prometheus 3 "
            "refuses them without fallback_scrape_protocol",
            self._url,
            answer.content_type[:80],
        )


def read_gpus(samples: Iterable[TextSample]) -> Gpus:
    """Return the cards of one answer, in the order of their places on the bus."""
    by_card: dict[str, list[TextSample]] = {}
    for sample in samples:
        if uuid := _label(sample.labels, "uuid"):
            by_card.setdefault(uuid, []).append(sample)
    if not 0 < len(by_card) <= _MOST_CARDS:
        raise SourceError("bad_answer", f"expected 1 to {_MOST_CARDS} cards with a uuid, found {len(by_card)}")
    cards = [(_identity(samples), _fields(samples)) for samples in by_card.values()]
    cards.sort(key=lambda card: (card[0]["pci_bus_id"], card[0]["uuid"]))
    devices = (Device(index=index, **identity, **fields) for index, (identity, fields) in enumerate(cards))
    return Gpus(source=_SOURCE, devices=tuple(devices))


def _label(labels: Mapping[str, str], field: str) -> str:
    return next((labels[name] for name in _IDENTITY[field] if labels.get(name)), "")


def _identity(samples: Iterable[TextSample]) -> dict[str, Any]:
    found = dict.fromkeys(_IDENTITY, "")
    for sample in samples:
        found = {field: known or _label(sample.labels, field) for field, known in found.items()}
    return found


def _fields(samples: Iterable[TextSample]) -> dict[str, Any]:
    samples = [sample for sample in samples if sample.name in _NAMES and math.isfinite(sample.value)]
    values = {row.field: value for row in _ROWS if (value := _value(row, samples)) is not None}
    return nest(values)


def _value(row: _Row, samples: Iterable[TextSample]) -> float | None:
    """Return the card's own value, else what its parts make together."""
    found = [sample for sample in samples if sample.name == row.name and row.labels.items() <= sample.labels.items()]
    whole = [sample for sample in found if not any(sample.labels.get(name) for name in _PART)]
    values = [sample.value * row.scale for sample in whole or found]
    if not values:
        return None
    return sum(values) if row.is_summed else max(values)
