"""Several reports brought together: a row for each way by which an alias was asked. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from probes.clocks import Spread, added, spreads
from probes.outcome import Grade
from probes.question import Target
from probes.report import Report, worst_grade


@dataclass(frozen=True, slots=True)
class Row:
    """All reports on one alias by one way."""

    alias: str
    target: Target
    reports: tuple[Report, ...]

    @property
    def grade(self) -> Grade:
        """The worst of its grades."""
        return worst_grade(self.reports)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How often each outcome came, the most frequent first."""
        return dict(Counter(report.outcome for report in self.reports).most_common())

    @property
    def clocks(self) -> Mapping[str, Spread]:
        """The spread of each number."""
        return spreads(report.attempt for report in self.reports)

    @property
    def worst(self) -> Report:
        """The first report with the worst grade: the one to explain."""
        return next(report for report in self.reports if report.grade == self.grade)


def rows(reports: Iterable[Report]) -> tuple[Row, ...]:
    """Return a row for each alias and way, in the order in which they were asked."""
    grouped: dict[tuple[str, Target], list[Report]] = {}
    for report in reports:
        grouped.setdefault((report.attempt.alias, report.attempt.target), []).append(report)
    return tuple(Row(alias, target, tuple(members)) for (alias, target), members in grouped.items())


def gateway_adds(rows: Iterable[Row]) -> Mapping[str, Mapping[str, float]]:
    """Return by alias what the gateway adds to the times of the lane itself."""
    by_way = {(row.alias, row.target): row for row in rows}
    return {
        alias: added(row.clocks, by_way[alias, "direct"].clocks)
        for (alias, target), row in by_way.items()
        if target == "gateway" and (alias, "direct") in by_way
    }
