"""Whether probes can ask at all: what keeps them from it hides every fault of the alias behind it."""

from typing import Final

from alerts.found import found_once
from alerts.promql import WATCHER_PLACE, WHOLE, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import (
    ALIAS_INFO,
    ALIAS_ROOT_CAUSE,
    PROBE_ATTEMPTS,
    PROBE_BUDGET_LEFT,
    PROBE_LAST_OUTCOME,
)

_PLACE: Final = ", ".join(WATCHER_PLACE)
_LANE: Final = f"Lane:{tell(ALIAS_INFO, ['lane'], same='alias')}."
_CAUSE: Final = f"Cause:{tell(ALIAS_ROOT_CAUSE, ['cause'], same='alias')}."


def _last(outcome: str) -> str:
    return f"{latest(PROBE_LAST_OUTCOME.where(outcome=outcome), (*WATCHER_PLACE, 'outcome'))} == 1"


_BUSY: Final = f"max without ({_PLACE}, kind, outcome) (increase({PROBE_ATTEMPTS.where(outcome='skipped_busy')}[30m]))"
_ALL: Final = f"sum without (outcome) (max without ({_PLACE}, kind) (increase({PROBE_ATTEMPTS}[30m])))"
_FEW: Final = 3  # turns, below which always says nothing

GROUP: Final = Group(
    name="lanewatch-probes",
    rules=found_once(
        "probes",
        Alert(
            name="LanewatchProbesSkippedBusy",
            expr=f"{_BUSY} >= {_FEW}\nand\n{_BUSY} >= {_ALL}",
            of="alias",
            for_="5m",
            severity="info",
            layer="alias",
            action="scale_out",
            summary="An alias is never probed, for its lane is always busy",
            description=(
                f"All {WHOLE} probes of alias {{{{ $labels.alias }}}} within 30 minutes were left out, for its "
                f"lane worked for others. A fault of the alias alone is hidden for as long. {_LANE}"
            ),
        ),
        Alert(
            name="LanewatchProbeBudgetSpent",
            expr=f"{latest(PROBE_BUDGET_LEFT.where(), WATCHER_PLACE, pick='min')} == 0",
            of="alias",
            for_="5m",
            severity="ticket",
            layer="exporter",
            action="fix_configuration",
            summary="An alias is not probed any more today: the tokens for it are spent",
            description=(
                "The tokens that probes of alias {{ $labels.alias }} may cost in a day are spent. Until midnight UTC "
                "nobody asks it, and no alert says that it fails."
            ),
        ),
        Alert(
            name="LanewatchProbesRateLimited",
            expr=_last("rate_limited"),
            of="alias",
            for_="5m",
            severity="ticket",
            layer="gateway",
            action="fix_configuration",
            summary="Probes of an alias are refused: too many requests",
            description=(
                "Probes of alias {{ $labels.alias }} have been refused for 5 minutes for too many requests. Where the "
                f"cause is gateway_key it is their own key's limit, else the lane's, which users meet too. {_CAUSE}"
            ),
        ),
        Alert(
            name="LanewatchProbesBroken",
            expr=_last("error"),
            of="alias",
            for_="5m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="Probes of an alias fail by themselves",
            description=(
                "Probes of alias {{ $labels.alias }} have failed for 5 minutes before they asked anything: a key file "
                "or a certificate that cannot be read, or a fault of ours. Whether the alias answers is unknown."
            ),
        ),
    ),
)
