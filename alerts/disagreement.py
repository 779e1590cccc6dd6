"""Whether two readers of one card tell the same, and whether one of them stands still."""

from typing import Final

from alerts.found import found_once
from alerts.promql import latest
from alerts.rule import Alert, Group
from exporter.catalogue import GPU_SOURCE_FROZEN, GPU_SOURCES_DISAGREE

_FROZEN: Final = f"{latest(GPU_SOURCE_FROZEN.where())} == 1"
_DISAGREE: Final = f"{latest(GPU_SOURCES_DISAGREE.where())} == 1"
_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"

GROUP: Final = Group(
    name="lanewatch-disagreement",
    rules=found_once(
        "disagreement",
        Alert(
            name="LanewatchSourcesDisagree",
            # One that stands still differs sooner or later: that is the cause, and has its own alert.
            expr=f"{_DISAGREE}\nunless on (cluster, node, gpu_uuid)\n{_FROZEN}",
            for_="10m",
            of="card",
            severity="ticket",
            layer="exporter",
            action="investigate",
            summary="NVML and DCGM contradict each other about a card",
            description=(
                f"{_CARD}: for 10 minutes NVML and DCGM tell different things about its {{{{ $labels.field }}}}. Do "
                "not trust either before you know which is wrong."
            ),
        ),
        Alert(
            name="LanewatchSourceFrozen",
            expr=_FROZEN,
            for_="2m",
            of="card",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="A reader of a card repeats old values",
            description=(
                f"{_CARD}: source {{{{ $labels.source }}}} repeats the same values for minutes while the other sees "
                "them move. Its panels and alerts look healthy and are not fed."
            ),
        ),
    ),
)
