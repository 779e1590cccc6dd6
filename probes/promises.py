"""What was promised of the times of one attempt, and whether it was kept. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from probes.outcome import Slo, measured, misses, threshold
from probes.report import Report


class Promise(NamedTuple):
    """One promised time that the attempt has."""

    slo: Slo
    seconds: float
    promised_seconds: float
    is_met: bool


def promises(report: Report) -> Iterator[Promise]:
    """Yield every promised time, judged as the objective's counters are."""
    if report.alias is None:
        return
    missed = misses(report.attempt, report.alias)
    for slo, seconds in measured(report.attempt, report.alias).items():
        yield Promise(slo, seconds, threshold(report.alias, slo) or 0.0, slo not in missed)
