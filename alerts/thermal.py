"""How near a card is to the point at which it slows itself down, by its own limits: a limit it does not tell is none.

No alert holds degrees of one model of card: 85 C is cool for one and the end for another.
"""

from typing import Final

from alerts.card_words import CARD, OWNERS
from alerts.found import found_once
from alerts.promql import bridged, latest
from alerts.rare import only
from alerts.rule import Alert, Group, Record
from exporter.catalogue import GPU_FAN, GPU_TEMPERATURE, GPU_TEMPERATURE_LIMIT, GPU_TEMPERATURE_MARGIN

_NEAR_CELSIUS: Final = 5  # a warm day, or one neighbour more in the rack
# Cards that stop their fans on purpose do so when cool, 30 degrees and more below the point at which they slow down.
_HOT_CELSIUS: Final = 20


def _left(limit: str, sensor: str, less_than: int) -> str:
    """Return the degrees between a sensor and a limit of the card, where they are fewer than so many."""
    highest, now = bridged(GPU_TEMPERATURE_LIMIT.where(limit=limit)), bridged(GPU_TEMPERATURE.where(sensor=sensor))
    return only(f"{highest} - ignoring (limit, sensor) {now}", f"< {less_than}", pick="min")


# The card's own word first: some count from where they begin to slow down, which is below the limit that they tell.
_MARGIN: Final = Record(
    name="lanewatch:gpu_margin:celsius",
    expr=(
        f"{only(bridged(str(GPU_TEMPERATURE_MARGIN)), f'< {_HOT_CELSIUS}', pick='min')}\n"
        f"or\n{_left('slowdown', 'gpu', _HOT_CELSIUS)}\n"
        f"  unless on (cluster, node, gpu_uuid) {bridged(str(GPU_TEMPERATURE_MARGIN))}"
    ),
    labels=("node", "gpu_uuid"),
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
            expr=_left("memory_max", "memory", _NEAR_CELSIUS),
            for_="10m",
            of="card",
            severity="ticket",
            layer="card",
            action="improve_cooling",
            summary="The memory of a card is near its highest temperature",
            description=(
                f"The memory of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} has "
                f"{{{{ $value | humanize }}}} C left to its limit, and less than {_NEAR_CELSIUS} C for 10 minutes. The "
                f"chip beside it may be cool. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuFanStopped",
            expr=f"{latest(GPU_FAN.where())} == 0\nand on (cluster, node, gpu_uuid) {_MARGIN.name}",
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A fan of a hot card stands still",
            description=(
                f"Fan {{{{ $labels.fan }}}} of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} stands "
                f"still for 5 minutes, and the card has less than {_HOT_CELSIUS} C left to its slowdown point. {OWNERS}"
            ),
        ),
    ),
)
