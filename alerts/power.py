"""Whether a card keeps to its power limit, and whether what is said of its power can be true.

A reading that cannot be true is a fault of whoever reads it, not of the card: no cost and no other alert may trust it.
"""

from typing import Final

from alerts.card_words import CARD, OWNERS, read_out
from alerts.found import found_once
from alerts.promql import recent, tell
from alerts.rare import told_lately
from alerts.rule import Alert, Group, Record
from exporter.catalogue import GPU_ENERGY, GPU_INFO, GPU_POWER, GPU_POWER_LIMIT
from exporter.notable import LEAST_WATTS

_OVER: Final = 1.05  # a limit is kept on average, and sensors are good to a few percent

# The counter misses no spike between two scrapes. Merged first, a replaced agent and a second scraper change nothing.
ENERGY: Final = Record(
    name="lanewatch:gpu_energy_joules:max",
    expr=f"max without (instance, pod) ({GPU_ENERGY})",
    labels=("node", "gpu_uuid"),
)
_MEAN: Final = (
    f"(\n  rate({ENERGY.name}[10m])\n  or\n  max without (instance, pod) (avg_over_time({GPU_POWER}[10m]))\n)"
)
_LEAST: Final = f"min_over_time({GPU_POWER}[10m])"
_SOURCE: Final = f"Source:{tell(GPU_INFO, ['source'], same='gpu_uuid')}."

GROUP: Final = Group(
    name="lanewatch-power",
    rules=found_once(
        "power",
        ENERGY,
        Alert(
            name="LanewatchGpuPowerAboveLimit",
            expr=f"{_MEAN}\n  > {_OVER} *\n{recent(GPU_POWER_LIMIT.where())}",
            for_="10m",
            of="card",
            severity="ticket",
            layer="card",
            action="check_power",
            summary="A card draws more power than it may",
            description=(
                f"{CARD} drew {{{{ $value | humanize }}}} W on average over 10 minutes, its limit is "
                f"{read_out(GPU_POWER_LIMIT.where(gpu_uuid='%s'))} W. The limit does not hold it: supply and cooling "
                f"are not made for that. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuPowerImplausible",
            expr=told_lately(GPU_POWER),
            for_="10m",
            of="card",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="What is said of a card's power cannot be true",
            description=(
                f"{CARD} is said to draw {{{{ $value | humanize }}}} W for 10 minutes, which no working card does. "
                f"Its power, its energy and its cost are not to be trusted. {_SOURCE}"
            ),
        ),
        Alert(
            name="LanewatchGpuEnergyStuck",
            expr=f"rate({ENERGY.name}[10m]) == 0\nand on (cluster, node, gpu_uuid)\n{_LEAST} > {LEAST_WATTS}",
            for_="10m",
            of="card",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="The energy counter of a card stands still while it draws power",
            description=(
                f"{CARD} draws {read_out(GPU_POWER.where(gpu_uuid='%s'))} W, and its energy counter has not moved for "
                f"10 minutes. Every cost and mean power that is made of it is wrong. {_SOURCE}"
            ),
        ),
    ),
)
