"""Upper edges of other programs' histograms as numbers, and what fell below one: PromQL cannot compare a label.

An edge that stands in no table is passed over, and the next one above it speaks in its place.
"""

from typing import Final

from alerts.promql import indent
from alerts.rule import Record

EDGE: Final = "lanewatch:edge:seconds"

# Every edge, in seconds, of the times that LiteLLM, vLLM and SGLang were recorded with, and of LiteLLM before 1.100.
EDGES: Final = (
    *(0.001, 0.002, 0.004, 0.005, 0.006, 0.00625, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05),
    *(0.06, 0.075, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.8, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5),
    *(6, 6.5, 7, 7.5, 8, 8.5, 9, 9.5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160, 180, 200, 240, 300, 400, 420),
    *(480, 600, 640, 960, 1200, 1800, 1920, 2400, 2560, 7680),
)

# le="1" before Prometheus 3 and le="1.0" after it are one edge; told apart first, for both may be in one window.
_PLAIN: Final = "(.+?)(\\\\.0)?"

RULER: Final = Record(
    name=EDGE,
    expr="\nor\n".join(f'label_replace(vector({edge:g}), "le", "{edge:g}", "", "")' for edge in EDGES),
    labels=("le",),
)


def by_edge(told: str, by: str) -> str:
    """Return the buckets of `told`, added up by `by` and by the edge without a trailing `.0`."""
    plain = f'label_replace(\n{indent(told)}\n, "edge", "$1", "le", "{_PLAIN}")'
    added = f"sum by ({by}, edge) (\n{indent(plain)}\n)"
    merged = f'label_replace({added}, "le", "$1", "edge", "(.*)")'
    return f"sum by ({by}, le) ({merged})"


def in_time(buckets: str, promises: str, by: str) -> str:
    """Return how many of each histogram came within its promise, at the first known edge that is not below it.

    Counts grow with their edge, so the smallest of those at or above the promise is the one at the next edge.
    """
    late_enough = f"{buckets} * 0 + on (le) group_left () {EDGE} >= on ({by}) group_left () {promises}"
    return f'min by ({by}) (\n  {buckets}{{le!="+Inf"}}\n  and\n  ({late_enough})\n)'
