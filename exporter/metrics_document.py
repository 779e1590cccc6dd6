"""METRICS.md out of the catalogue: name, kind, unit, labels, and what it means to a person at 3 a.m."""

from typing import Final

from exporter.catalogue import METRICS
from exporter.metric import Metric

PATH: Final = "exporter/METRICS.md"
_UNITS: Final = ("seconds", "bytes", "ratio", "watts", "joules", "celsius", "hertz", "lanes")
_HEAD: Final = """# Metrics

Generated from `exporter/catalogue.py` by `make generate`; edit there. Base units: seconds, bytes, joules, watts, hertz,
degrees Celsius, ratios 0..1. What could not be read is absent, never 0. `lanewatch_notable_...` repeats what is not as
on a well card, for questions to a whole fleet: there, what is absent is as usual or unknown, and the family of which it
is a part tells which. Ownership is a series to join on
(`* on (node, gpu_uuid) group_left (owner_namespace, owner_pod, lane) lanewatch_gpu_owner_info`), never a label
of a value.

| series | kind | unit | labels | sources | meaning |
| --- | --- | --- | --- | --- | --- |
"""


def render() -> dict[str, str]:
    """Return the document by its path."""
    return {PATH: _HEAD + "".join(_row(metric) for metric in METRICS)}


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    sources = ", ".join(metric.sources)
    return f"| `{metric}` | {metric.kind} | {_unit(metric)} | {labels} | {sources} | {metric.help} |\n"


def _unit(metric: Metric) -> str:
    words = str(metric).removesuffix("_total").split("_")
    return next((unit for unit in _UNITS if unit in words), "")
