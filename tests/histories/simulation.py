"""Every outage and every quiet month, through the real rules: what fired, and how long after the trouble began."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from histories.evaluation import Firing, Span, first_firings, rules, serving
from histories.openmetrics import BEGIN, LATE, History, text
from histories.outages import CONTROL, DAY, HOUR, OUTAGES, QUIET_SEEDS, Outage, control, quiet

Fired = Mapping[tuple[str, str], Mapping[str, float]]
"""Minutes from the onset to each alert, by cluster and alias."""

ALIAS: Final = "fast"
_AFTER_A_SCRAPE: Final = 20  # seconds of the minute at which rules are evaluated
_LONG: Final = 12 * HOUR
_QUIET: Final = ("availability", "first_token")


def outages() -> Fired:
    """Return what fired in each outage; its cluster is its name."""
    quick = [outage for outage in OUTAGES if len(outage.minutes) < _LONG]
    slow = [outage for outage in OUTAGES if len(outage.minutes) >= _LONG]
    return {**_outages(quick, step=30), **_outages(slow, step=60)}


def _outages(chosen: Sequence[Outage], *, step: int) -> Fired:
    histories = (one for outage in chosen for one in _of_outage(outage))
    ends = {outage.name: BEGIN + 60 * len(outage.minutes) for outage in chosen}
    firings = _evaluate(histories, minutes=max(len(outage.minutes) for outage in chosen), step=step)
    onsets = {outage.name: outage.onset for outage in chosen}
    return _fired((one for one in firings if one.at < ends[one.cluster]), onsets)


def quiet_months() -> Fired:
    """Return what fired in 30 days of a few failures by chance, by seed, and in the control, where something must."""
    months = {str(seed): quiet(seed) for seed in QUIET_SEEDS} | {CONTROL: control()}
    histories = (
        History(cluster=name, alias=ALIAS, minutes=minutes, scraped_at=(15,), slos=_QUIET)
        for name, minutes in months.items()
    )
    return _fired(_evaluate(histories, minutes=30 * DAY - 1, step=60), {})


def _of_outage(outage: Outage) -> Iterator[History]:
    unscraped = range(outage.onset + outage.unscraped.start, outage.onset + outage.unscraped.stop)
    yield History(
        cluster=outage.name,
        alias=ALIAS,
        minutes=outage.minutes,
        unscraped=unscraped,
        is_switch=outage.is_switch,
        slos=("availability", *(slo for letter, slo in LATE.items() if letter in outage.trouble)),
    )
    for alias in outage.well:
        yield History(cluster=outage.name, alias=alias, minutes="." * len(outage.minutes), is_alone=False, slos=_QUIET)


def _evaluate(histories: Iterable[History], *, minutes: int, step: int) -> Iterator[Firing]:
    span = Span(begin=BEGIN + _AFTER_A_SCRAPE, end=BEGIN + 60 * minutes, step=step)
    with tempfile.TemporaryDirectory() as directory:
        lines = (line for history in histories for line in text(history))
        with serving(lines, Path(directory)) as url:
            for rule in rules():
                yield from first_firings(url, rule, span)


def _fired(firings: Iterable[Firing], onsets: Mapping[str, int]) -> Fired:
    found: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for one in firings:
        found[one.cluster, one.alias][one.alert] = (one.at - BEGIN) / 60 - onsets.get(one.cluster, 0)
    return found
