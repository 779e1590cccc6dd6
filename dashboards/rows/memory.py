"""How full the memory of the cards is."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, BYTES, CARD, SHARE
from dashboards.series import most
from exporter import catalogue as c

ROW: Final = Row(
    "How full is the memory?",
    (
        Panel(
            kind="bargauge",
            title="What share of the memory is in use?",
            about="Share of each card, 0..1. High alone is normal: a server takes its memory when it starts. Who holds "
            "it is what matters.",
            queries=(
                Query(f"sort_desc({most(BY_CARD, c.GPU_MEMORY_USED)} / {most(BY_CARD, c.GPU_MEMORY_TOTAL)})", CARD),
            ),
            look=Look(unit="percentunit", least=0, most=1, base="blue"),
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How much memory is in use, of how much?",
            about="Bytes in use by processes; dashed, the memory that the card has.",
            queries=(
                Query(most(BY_CARD, c.GPU_MEMORY_USED), CARD),
                Query(most(BY_CARD, c.GPU_MEMORY_TOTAL), f"{CARD} has", is_limit=True),
            ),
            look=BYTES,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How high was memory between two scrapes?",
            about="Most memory in use over the peak window, bytes: a peak that no scrape saw. NVML alone tells it.",
            queries=(Query(most(BY_CARD, c.GPU_MEMORY_USED_PEAK), CARD),),
            look=BYTES,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Is the window to the memory full?",
            about="Share of the window (BAR1) through which others reach the card. Full: mapping more memory fails, as "
            "does peer to peer.",
            queries=(Query(f"{most(BY_CARD, c.GPU_BAR1_USED)} / {most(BY_CARD, c.GPU_BAR1_TOTAL)}", CARD),),
            look=SHARE,
            links=TO_CARD,
        ),
    ),
)
