"""What has the memory of the card: by part, by holder, by number of processes."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import BY_CARD, CARD, COUNT
from dashboards.series import most
from exporter import catalogue as c

_HOLDER: Final = "node, gpu_uuid, part, owner_namespace, owner_pod, process"
ROW: Final = Row(
    "What has its memory?",
    (
        Panel(
            kind="timeseries",
            title="Which part has how much?",
            about="Bytes; the parts add up to the card. dead: of processes that ended; unresolved: nobody could look "
            "at the process; unattributed: in use, and no process in sight owns to it; dashed, the whole card.",
            queries=(
                Query(most(f"{BY_CARD}, part", c.GPU_MEMORY_PART), f"{CARD} {{{{part}}}}"),
                Query(most(BY_CARD, c.GPU_MEMORY_TOTAL), f"{CARD} has", is_limit=True),
            ),
            look=Look(unit="bytes", is_stacked=True),
        ),
        Panel(
            kind="table",
            title="Who holds how much?",
            about="Bytes by pod and process; the largest have a row each, the rest is other. A pod that never asked "
            "for a card shows here too.",
            queries=(Query(f"sort_desc({most(_HOLDER, c.GPU_HOLDER_MEMORY)})"),),
            look=Look(
                unit="none",
                columns=(
                    Column("part", "Part"),
                    Column("owner_namespace", "Namespace"),
                    Column("owner_pod", "Pod"),
                    Column("process", "Process"),
                    Column("Value", "Memory", "bytes"),
                ),
            ),
        ),
        Panel(
            kind="timeseries",
            title="How many processes hold memory?",
            about="Processes by part. dead above 0 for minutes: memory that only a reset of the card gives back.",
            queries=(Query(most(f"{BY_CARD}, part", c.GPU_PART_PROCESSES), f"{CARD} {{{{part}}}}"),),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="How much of the memory window is in use?",
            about="Bytes of the window (BAR1) through which others reach the card; dashed, its size.",
            queries=(
                Query(most(BY_CARD, c.GPU_BAR1_USED), CARD),
                Query(most(BY_CARD, c.GPU_BAR1_TOTAL), f"{CARD} has", is_limit=True),
            ),
            look=Look(unit="bytes", least=0),
        ),
    ),
)
