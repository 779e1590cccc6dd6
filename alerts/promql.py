"""The few PromQL shapes that every rule shares: how to survive a restart, a missed scrape and a missing series."""

from collections.abc import Sequence
from typing import Final

from exporter.metric import Metric

# Labels that Prometheus adds and that change when a pod is replaced: kept, each restart would start `for` anew.
# Everything else stays, `cluster` too where there is one, so that one rule file serves one machine and a fleet.
PLACE: Final = ("instance", "pod")
# The watcher may come back on another node; what it says of pools and aliases is the same wherever it runs.
WATCHER_PLACE: Final = (*PLACE, "node")

# A count in the text: what `increase` extrapolates is no whole number.
WHOLE: Final = '{{ $value | printf "%.0f" }}'

# Two scrapes of 60 s: a missed one is bridged, and a single sample is too short to fire a `for` of 2m.
MISSED_SCRAPE: Final = "2m"


def bridged(selector: str) -> str:
    """Return the last value within a missed scrape, of each page that is scraped."""
    return f"last_over_time({selector}[{MISSED_SCRAPE}])"


def merged(values: str, drop: Sequence[str] = PLACE, *, pick: str = "max") -> str:
    """Return `values` once, whoever is scraped."""
    return f"{pick} without ({', '.join(drop)}) ({values})"


def latest(selector: str, drop: Sequence[str] = PLACE, *, pick: str = "max", back: str = MISSED_SCRAPE) -> str:
    """Return the value now, or where there is none the last within `back`; what is now always wins."""
    now = merged(selector, drop, pick=pick)
    before = merged(f"last_over_time({selector}[{back}])", drop, pick=pick)
    return f"(\n{indent(now)}\n  or\n{indent(before)}\n)"


def recent(selector: str, drop: Sequence[str] = PLACE, *, pick: str = "max") -> str:
    """Return the last value within a missed scrape, at half the price of `latest`.

    After a restart what the process before said counts for as long: for what a card is, and for what must last anyway.
    """
    return merged(bridged(selector), drop, pick=pick)


def recent_that(selector: str, test: str, drop: Sequence[str] = PLACE, *, pick: str = "max") -> str:
    """Return the last values within a missed scrape that pass the test, which each scraped page has to pass by itself.

    Whoever does not pass is sorted out first, and costs no more. After a restart what the process before said counts
    for as long, so it is for what must last for minutes anyway.
    """
    return merged(f"{bridged(selector)} {test}", drop, pick=pick)


def indent(text: str, by: int = 2) -> str:
    """Return `text` with each line moved to the right."""
    return "\n".join(" " * by + line for line in text.splitlines())


def in_order(show: Sequence[str]) -> str:
    """Return the pipe of a template that sorts by all of `show`, the last first: no two evaluations differ in it."""
    return " | ".join(f"sortByLabel `{label}`" for label in show)


def tell(metric: Metric, show: Sequence[str], *, same: str, part: str = "") -> str:
    """Return a template that names the series of `metric` whose `same` label is the alert's: an owner, a reason.

    Where the alert may be about a `part`, what is said of that part and what is said of the whole is named. A look-up
    in the text cannot multiply the alert, as a join with several owners of one card would.
    """
    selector = metric.where(**{same: "%s"}, **({part: "~|%s"} if part else {}))
    given = " ".join(f"$labels.{label}" for label in sorted({same, part} - {""}))
    shown = "/".join(f"{{{{ .Labels.{label} }}}}" for label in show)
    found = f"{{{{ range printf `{selector} == 1` {given} | query | {in_order(show)} }}}}"
    return f"{found} {shown}{{{{ else }}}} unknown{{{{ end }}}}"
