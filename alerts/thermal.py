"""How near a card is to the point at which it slows itself down, by its own limits: a limit it does not tell is none.

No alert holds degrees of one model of card: 85 C is cool for one and the end for another.
"""

from typing import Final

from alerts.card_words import CARD, OWNERS
from alerts.found import found_once
from alerts.promql import PLACE
from alerts.rare import told_lately
from alerts.rule import Alert, Group, Record
from exporter.catalogue import GPU_FAN, GPU_TEMPERATURE, GPU_TEMPERATURE_MARGIN
from exporter.notable import NEAR_MEMORY_LIMIT_CELSIUS, NEAR_SLOWDOWN_CELSIUS

_NEAR_CELSIUS: Final = 5  # a warm day, or one neighbour more in the rack
_MARGIN: Final = Record(
    name="lanewatch:gpu_margin:celsius", expr=told_lately(GPU_TEMPERATURE_MARGIN), labels=("node", "gpu_uuid")
)

GROUP: Final = Group(
    name="lanewatch-thermal",
    rules=found_once(
        "thermal",
        _MARGIN,
        Alert(
            name="LanewatchGpuNearSlowdown",
            expr=f"{_MARGIN.name} < {_NEAR_CELSIUS}",
            for_="10m",
            of="card",
            severity="ticket",
            layer="card",
            action="improve_cooling",
            summary="A card is about to slow down because of heat",
            description=(
                f"{CARD} has {{{{ $value | humanize }}}} C left to its own slowdown point, and less than "
                f"{_NEAR_CELSIUS} C for 10 minutes. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuMemoryHot",
            expr=told_lately(GPU_TEMPERATURE, (*PLACE, "sensor"), sensor="memory"),
            for_="10m",
            of="card",
            severity="ticket",
            layer="card",
            action="improve_cooling",
            summary="The memory of a card is near its highest temperature",
            description=(
                f"The memory of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} is at "
                f"{{{{ $value | humanize }}}} C, and less than {NEAR_MEMORY_LIMIT_CELSIUS} C below its limit for 10 "
                f"minutes. The chip beside it may be cool. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuFanStopped",
            expr=f"{told_lately(GPU_FAN)}\nand on (cluster, node, gpu_uuid) {_MARGIN.name}",
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A fan of a hot card stands still",
            description=(
                f"Fan {{{{ $labels.fan }}}} of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} stands "
                f"still for 5 minutes, and the card has less than {NEAR_SLOWDOWN_CELSIUS} C left to its slowdown "
                f"point. {OWNERS}"
            ),
        ),
    ),
)
