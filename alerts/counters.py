"""That a counter rose, from its first event on, and over the restart of whoever counts.

`increase` alone sees neither the event that a series is born with, nor one that happened while nobody was scraped.
"""

from typing import Final

from alerts.promql import PLACE

_PLACE: Final = ", ".join(PLACE)
AWAY: Final = "1h"  # an exporter that was away for longer begins anew; each hour more costs every series 120 samples
_REMEMBERED: Final = "1d"  # of the few series that are born by an event


def rose(counter: str, within: str) -> str:
    """Return what is there where `counter` rose within that time; one that is new and not 0 is old: its driver's."""
    increased = f"max without ({_PLACE}) (increase({counter}[{within}]) > 0)"
    return f"{increased}\nor\n{_highest(counter, within)}\n  > {_before(counter, AWAY, within)}"


def rose_or_appeared(counter: str, within: str) -> str:
    """Return the same for a counter that is born by its first event, which counts then."""
    appeared = f"{_highest(counter, within)}\n  unless {_before(counter, _REMEMBERED, within)}"
    return f"{rose(counter, within)}\nor\n{appeared}"


def _highest(counter: str, within: str) -> str:
    """Return the highest count of that time, if any: an exporter that restarts may begin at 0 again."""
    return f"max without ({_PLACE}) (max_over_time({counter}[{within}]) > 0)"


def _before(counter: str, back: str, within: str) -> str:
    return f"max without ({_PLACE}) (last_over_time({counter}[{back}] offset {within}))"
