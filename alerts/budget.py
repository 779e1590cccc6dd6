"""The error budget of 30 days of every objective: what is left, how fast it goes, when it is gone.

A slot in which nobody asked spends nothing, in the budget as in the burn rates; `UNJUDGED` says how much of the 30 days
that is, so that a budget nobody watched is not taken for one that was kept.
"""

from typing import Final

from alerts import budget_sums
from alerts.rule import Group, Record
from alerts.slo import BUDGET, INTERVAL, bad_ratio

_SECONDS: Final = 30 * 86400
_KEPT: Final = "25m"  # the sums come each 10 minutes, and one may be missed

LEFT: Final = "lanewatch:probe_budget_left:ratio30d"
BURN: Final = "lanewatch:probe_burn:ratio1h"
EXHAUSTED_IN: Final = "lanewatch:probe_budget_exhausted_in:seconds"
UNJUDGED: Final = "lanewatch:probe_unjudged:ratio30d"
_DUE: Final = "lanewatch:probe_due:sum30d"
_ANSWERS: Final = f'{budget_sums.EVENTS}{{slo="availability"}}'


def _known(name: str) -> str:
    return f"last_over_time({name}[{_KEPT}])"


_GAP: Final = f"clamp_min({_SECONDS} / {INTERVAL} - {_known(budget_sums.ATTEMPTS)}, 0)"
_JUDGED: Final = f"{_known(_ANSWERS)} * ignoring (slo) {INTERVAL}"

GROUP: Final = Group(
    name="lanewatch-budget",
    rules=(
        Record(name=_DUE, expr=f"{_known(budget_sums.EVENTS)}\n+ ignoring (slo) group_left () {_GAP}"),
        Record(name=LEFT, expr=f"1 - {_known(budget_sums.BAD)} / ({BUDGET} * {_DUE} > 0)"),
        Record(name=BURN, expr=f"{bad_ratio('1h')} / {BUDGET}"),
        # How long what is left lasts if the last hour goes on; nothing burns: no series, not for ever.
        Record(name=EXHAUSTED_IN, expr=f"{_SECONDS} * clamp_min({LEFT}, 0) / ({BURN} > 0)"),
        Record(name=UNJUDGED, expr=f"clamp_min(1 - {_JUDGED} / {_SECONDS}, 0)", labels=("alias",)),
    ),
)
