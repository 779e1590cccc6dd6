"""Histories of an alias as input series of a promtool test."""

from collections.abc import Collection, Iterator
from itertools import groupby


def series_of_alias(
    alias: str, interval: int, objective: float, failures: Collection[int], *, seconds: int, scrape: int
) -> Iterator[dict[str, str]]:
    """Yield what an exporter shows of an alias whose probes with these numbers fail, at a scrape each `scrape` s."""
    per_probe, scrapes = interval // scrape, seconds // scrape
    labels = f'job="lanewatch",instance="w:1",pod="w-1",alias="{alias}"'
    bad, failed = [], 0
    for number in range(scrapes // per_probe + 1):
        failed += number in failures
        bad += [failed] * per_probe
    made = [number for number in range(scrapes // per_probe + 1) for _ in range(per_probe)]
    slo = f'{labels},slo="availability"'
    yield _series(f"lanewatch_probe_interval_seconds{{{labels}}}", f"{interval}x{scrapes}")
    yield _series(f"lanewatch_probe_slo_objective_ratio{{{slo}}}", f"{objective:g}x{scrapes}")
    counted = f"0+1x{scrapes}" if per_probe == 1 else _runs(made)
    yield _series(f"lanewatch_probes_total{{{labels}}}", counted)
    yield _series(f'lanewatch_probe_attempts_total{{{labels},kind="chat",outcome="ok"}}', counted)
    yield _series(f"lanewatch_probe_slo_events_total{{{slo}}}", counted)
    yield _series(f"lanewatch_probe_slo_bad_events_total{{{slo}}}", _runs(bad))


def _series(name: str, values: str) -> dict[str, str]:
    return {"series": name, "values": values}


def _runs(values: list[int]) -> str:
    return " ".join(f"{value}x{len(list(run)) - 1}" for value, run in groupby(values))
