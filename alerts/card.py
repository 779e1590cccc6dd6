"""Whether a card answers, and whether it does in time."""

from typing import Final

from alerts.found import found_once
from alerts.promql import PLACE, bridged, indent, tell
from alerts.rare import LAST, NOW, held, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_OWNER_INFO,
    GPU_READINGS,
    GPU_READINGS_DUE,
    GPU_UNAVAILABLE,
    GPU_UP,
    GPU_UTILIZATION,
)

_OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, ['owner_namespace', 'owner_pod', 'owner_container'], same='gpu_uuid')}."
_BY: Final = "on (cluster, node, gpu_uuid)"
_PLACE: Final = ", ".join(PLACE)
_LABELS: Final = ("node", "gpu_uuid")
LOST_NOW: Final = Record(name=f"lanewatch:gpu_lost{NOW}", expr=told(GPU_UP), labels=_LABELS)
_LOST: Final = Record(name=f"lanewatch:gpu_lost{LAST}", expr=held(LOST_NOW.name), labels=_LABELS)
WHY: Final = Record(
    name=f"lanewatch:gpu_unavailable{NOW}",
    expr=told(GPU_UNAVAILABLE),
    labels=(*_LABELS, "reason"),
)
# One that is there no more stays for a moment, unless another one has come.
_REASONS: Final = f"(\n  {WHY.name}\n  or\n  {bridged(WHY.name)}\n    unless {_BY} {WHY.name}\n)"

# Failing memory stalls the driver under load, and leaves no other trace: a reporter lost 18 to 82 % of the readings of
# an hour, and none while idle (NVIDIA/DCGM issue 313). Without load a driver that sleeps answers late, and is well.
_COMPLETE_ENOUGH: Final = 0.8
_UNDER_LOAD: Final = 0.5
_WHILE: Final = "30m"
_SHARE: Final = f"increase({GPU_READINGS}[{_WHILE}]) / (increase({GPU_READINGS_DUE}[{_WHILE}]) > 0)"
_BUSY: Final = f"max without ({_PLACE}) (avg_over_time({GPU_UTILIZATION}[{_WHILE}])) >= {_UNDER_LOAD}"
_INCOMPLETE: Final = f"max without ({_PLACE}) (\n  {_SHARE}\n) < {_COMPLETE_ENOUGH}\nand\n{_BUSY}"

GROUP: Final = Group(
    name="lanewatch-card",
    rules=found_once(
        "card",
        LOST_NOW,
        _LOST,
        WHY,
        Alert(
            name="LanewatchGpuUnavailable",
            # A join by `and` takes several reasons without an error; a card without any reason pages all the same.
            expr=f"(\n{indent(_REASONS)}\n  and {_BY} {_LOST.name}\n)\nor {_BY} {_LOST.name}",
            for_="1m",
            of="card",
            severity="page",
            layer="card",
            action="inspect_hardware",
            summary="A card does not answer",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} does not answer for 1 minute: "
                f"{{{{ or $labels.reason `no reason known` }}}}. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuReadingsIncomplete",
            expr=_INCOMPLETE,
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A card loses readings under load",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} gave {{ $value | humanizePercentage }} of the "
                f"readings that were due within 30 minutes, while it worked. Suspect its memory or driver. {_OWNERS}"
            ),
        ),
    ),
)
