"""Is memory held for nothing: cards that are owned, hold a model and do no work."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, BYTES, CARD
from dashboards.series import chosen, most, rate
from exporter import catalogue as c

_IDLE: Final = f"clamp_max(max by ({BY_CARD}) ({rate(c.GPU_OWNED_IDLE)}), 1)"  # minutes of quiet are counted at once
_WHO: Final = "node, gpu_uuid, owner_namespace, owner_pod, lane"
ROW: Final = Row(
    "Is memory held for nothing?",
    (
        Panel(
            kind="timeseries",
            title="How much memory is held while idle?",
            about="Bytes in use on a card times the share of time in which it was owned and did no work. Equal to the "
            "memory in use: nobody asks the lane. Utilisation says nothing of this.",
            queries=(Query(f"{most(BY_CARD, c.GPU_MEMORY_USED)} * {_IDLE}", CARD),),
            look=BYTES,
            links=TO_CARD,
        ),
        Panel(
            kind="table",
            title="For how long did whose card idle?",
            about="Seconds of the time shown in which the card was owned, its memory held, and no work ran on it, with "
            "the owners of now.",
            queries=(
                Query(
                    f"sort_desc(max by ({_WHO}) ({chosen(c.GPU_OWNER_INFO)})\n"
                    f"* on ({BY_CARD}) group_left ()\n"
                    f"max by ({BY_CARD}) (increase({chosen(c.GPU_OWNED_IDLE)}[$__range])))"
                ),
            ),
            look=Look(
                unit="none",
                columns=(
                    Column("node", "Node"),
                    Column("gpu_uuid", "Card"),
                    Column("owner_namespace", "Namespace"),
                    Column("owner_pod", "Pod"),
                    Column("lane", "Lane"),
                    Column("Value", "Idle", "s"),
                ),
            ),
            links=TO_CARD,
        ),
    ),
)
