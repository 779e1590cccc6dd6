"""Who keeps a card for nothing, by how much of a day it was idle: one look in five minutes is enough for that."""

from typing import Final

from alerts.card_words import CARD, OWNERS, read_out
from alerts.found import found_once
from alerts.power import ENERGY
from alerts.rule import Alert, Group, Record
from alerts.vram import owned
from exporter.catalogue import GPU_OWNED_IDLE

_IDLE_SHARE: Final = 0.9  # of a day: a lane that people ask in their working hours is idle for two thirds of it
_JOULES_OF_A_KWH: Final = 3_600_000

# Counted by the agent: a new one begins at 0 and a second one counts beside it, so they are merged before the rate.
_IDLE: Final = Record(
    name="lanewatch:gpu_owned_idle_seconds:max",
    expr=f"max without (instance, pod) ({GPU_OWNED_IDLE})",
    labels=("node", "gpu_uuid"),
)
_IDLE_SHARE_OF_DAY: Final = Record(
    name="lanewatch:gpu_owned_idle:share1d", expr=f"rate({_IDLE.name}[1d])", labels=("node", "gpu_uuid")
)
_KWH: Final = read_out(f'increase({ENERGY.name}{{gpu_uuid="%s"}}[1d]) / {_JOULES_OF_A_KWH}', 'printf "%.2f"')

GROUP: Final = Group(
    name="lanewatch-idle",
    interval="5m",
    rules=found_once(
        "idle",
        _IDLE,
        _IDLE_SHARE_OF_DAY,
        Alert(
            name="LanewatchGpuOwnedIdle",
            expr=(
                f"{_IDLE_SHARE_OF_DAY.name} > {_IDLE_SHARE}\nand on (cluster, node, gpu_uuid)\n{owned('idle_owned')}"
            ),
            of="card",
            severity="info",
            layer="allocation",
            action="give_back_card",
            summary="A card is owned and does next to nothing",
            description=(
                f"{CARD} was owned, its memory held, and idle for {{{{ $value | humanizePercentage }}}} of the last "
                f"day, in which it used {_KWH} kWh. {OWNERS}"
            ),
        ),
    ),
)
