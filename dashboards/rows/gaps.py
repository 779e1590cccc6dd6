"""Is anything left out or wrong: series that were dropped, readings that were missed, aliases that nobody asks."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_ALIAS, TO_CARD
from dashboards.looks import BY_CARD, CARD, COUNT, HOLDS, SECONDS
from dashboards.series import chosen, increase, most, rate, spoken
from exporter import catalogue as c

ROW: Final = Row(
    "Is anything left out, or wrong?",
    (
        Panel(
            kind="bargauge",
            title="Which series were dropped?",
            about="Series left out because a family passed its budget or could not be rendered. Above 0: something "
            "explodes. Empty is good.",
            queries=(Query(f"sum by (instance, family) ({spoken(c.SERIES_DROPPED)}) > 0", "{{instance}} {{family}}"),),
            look=Look(unit="short", least=0, base="red"),
        ),
        Panel(
            kind="bargauge",
            title="Which nodes are left out of a family?",
            about="GPU nodes, and lanes, without series of their own because the fleet is larger than the budget of "
            "the family. What is odd comes first and stays.",
            queries=(Query(f"max by (family) ({spoken(c.NODES_LEFT_OUT)})", "{{family}}"),),
            look=Look(unit="short", least=0, steps=((1, "orange"),)),
        ),
        Panel(
            kind="timeseries",
            title="Are cards read as often as they should?",
            about="Readings a second of each card that gave values; dashed, those that were due.",
            queries=(
                Query(f"max by ({BY_CARD}) ({rate(c.GPU_READINGS)})", CARD),
                Query(f"max by ({BY_CARD}) ({rate(c.GPU_READINGS_DUE)})", f"{CARD} due", is_limit=True),
            ),
            look=COUNT,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Is each alias still asked?",
            about="Seconds since the alias had its turn; dashed, the interval. Far above it: nobody asks any more, and "
            "whether the alias answers is unknown.",
            queries=(
                Query(f"time() - {most('alias', c.PROBE_LAST_TURN)}", "{{alias}}"),
                Query(most("alias", c.PROBE_INTERVAL), "{{alias}}: interval", is_limit=True),
            ),
            look=SECONDS,
            width=8,
            links=TO_ALIAS,
        ),
        Panel(
            kind="timeseries",
            title="Was a line of the kernel log missed?",
            about="Lines between two points that were overwritten before they were read, and times that the file of "
            "Xid counts could not be kept. An Xid may be missing.",
            queries=(
                Query(f"sum by (node) ({increase(c.KERNEL_LOG_LOST)})", "{{node}} lines"),
                Query(f"sum by (node) ({increase(c.XID_STORE_ERRORS)})", "{{node}} counts not kept"),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="state-timeline",
            title="Do two sources contradict each other?",
            about="Fields on which NVML and DCGM do, and a source that repeats itself while the other moves. Trust "
            "neither before you know which is wrong. Empty is good.",
            queries=(
                Query(f"max by ({BY_CARD}, field) ({chosen(c.GPU_SOURCES_DISAGREE)} == 1)", f"{CARD}: {{{{field}}}}"),
                Query(
                    f"max by ({BY_CARD}, source) ({chosen(c.GPU_SOURCE_FROZEN)} == 1)",
                    f"{CARD}: {{{{source}}}} stands still",
                ),
            ),
            look=Look(unit="none", words=HOLDS),
            width=24,
            links=TO_CARD,
        ),
    ),
)
