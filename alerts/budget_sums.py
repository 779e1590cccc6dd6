"""What 30 days come to, at a price that a fleet can pay: slots of 10 minutes are added up, never the scrapes.

At a scrape each 30 s that is 4320 samples of a series instead of 86400, read each 10 minutes instead of each 30 s. Each
slot is a third of what the last half hour saw. So each probe lies in three of them: an evaluation that is missed
loses a third of it, and the share that `increase` guesses at the edge of a window evens out.
"""

from typing import Final

from alerts.rule import Group, Record
from alerts.slo import attempt_increase, bad_increase, event_increase

INTERVAL: Final = "10m"
WINDOW: Final = "30m"
_SLOTS: Final = 3  # of the interval in the window
_BUDGET_WINDOW: Final = "30d"

BAD: Final = "lanewatch:probe_bad:sum30d"
EVENTS: Final = "lanewatch:probe_events:sum30d"
ATTEMPTS: Final = "lanewatch:probe_attempts:sum30d"


def _of_slots(name: str, seen: str, sums: str, *labels: str) -> tuple[Record, Record]:
    return (
        Record(name=name, expr=f"{seen} / {_SLOTS}", labels=labels),
        Record(name=sums, expr=f"sum_over_time({name}[{_BUDGET_WINDOW}])", labels=labels),
    )


GROUP: Final = Group(
    name="lanewatch-budget-sums",
    interval=INTERVAL,
    rules=(
        *_of_slots("lanewatch:probe_bad:slot10m", bad_increase(WINDOW), BAD, "alias", "slo"),
        *_of_slots("lanewatch:probe_events:slot10m", event_increase(WINDOW), EVENTS, "alias", "slo"),
        *_of_slots("lanewatch:probe_attempts:slot10m", attempt_increase(WINDOW), ATTEMPTS, "alias"),
    ),
)
