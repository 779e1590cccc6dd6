"""Which card, and who owns it: allocation, memory, heat, power and what holds the clock down."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row, Word
from dashboards.links import TO_CARD
from dashboards.looks import CARD, COUNT
from dashboards.series import chosen, increase, numbered, rate
from exporter import catalogue as c

OWNERSHIP_STATES: Final = (
    Word(0, "owned", "green"),
    Word(1, "shared", "yellow"),
    Word(2, "idle_owned", "purple"),
    Word(3, "allocated_no_process", "orange"),
    Word(4, "process_no_allocation", "red"),
    Word(5, "host_process", "red"),
    Word(6, "orphan", "red"),
    Word(7, "unallocated", "blue"),
    Word(8, "unknown", "gray"),
)

_OWNERS: Final = "node, gpu_uuid, owner_namespace, owner_pod, owner_container, lane, source"
OWNERS: Final = Panel(
    kind="table",
    title="Who owns which card?",
    about="A row for each container that was given a card, and for each pod that uses one without (source "
    "process), with the memory in use on the whole card.",
    queries=(
        Query(
            f"max by ({_OWNERS}) ({chosen(c.GPU_OWNER_INFO)})\n"
            "* on (node, gpu_uuid) group_left ()\n"
            f"max by (node, gpu_uuid) ({chosen(c.GPU_MEMORY_USED)})"
        ),
    ),
    look=Look(
        unit="bytes",
        columns=(
            Column("node", "Node"),
            Column("gpu_uuid", "Card"),
            Column("owner_namespace", "Namespace"),
            Column("owner_pod", "Pod"),
            Column("owner_container", "Container"),
            Column("lane", "Lane"),
            Column("source", "Known by"),
            Column("Value", "Memory in use on the card"),
        ),
    ),
    width=14,
    links=TO_CARD,
)
OWNERSHIP: Final = Panel(
    kind="state-timeline",
    title="Is the memory in use owned?",
    about="red: used by a pod or a process of the host that was not given it, or by nobody alive. idle_owned: "
    "memory is held, and for 5 minutes no work was done.",
    queries=(
        Query(
            numbered(c.GPU_OWNERSHIP, "state", [word.text for word in OWNERSHIP_STATES], "node, gpu_uuid"),
            CARD,
        ),
    ),
    look=Look(unit="none", words=OWNERSHIP_STATES),
    width=10,
    links=TO_CARD,
)
ROW: Final = Row(
    "Which card, and who owns it?",
    (
        OWNERS,
        OWNERSHIP,
        Panel(
            kind="timeseries",
            title="Where did the memory go?",
            about="used + free + reserved is the whole card. Much used is normal: a server takes its memory at start.",
            queries=(
                Query(f"sum by (node, gpu_uuid) ({chosen(c.GPU_MEMORY_USED)})", f"{CARD} used"),
                Query(f"sum by (node, gpu_uuid) ({chosen(c.GPU_MEMORY_RESERVED)})", f"{CARD} reserved"),
                Query(f"sum by (node, gpu_uuid) ({chosen(c.GPU_MEMORY_FREE)})", f"{CARD} free"),
            ),
            look=Look(unit="bytes", least=0, is_stacked=True),
        ),
        Panel(
            kind="timeseries",
            title="Does the card answer, and with which errors?",
            about="Xid errors between two points, by code, and cards that do not answer, by reason. Empty is good.",
            queries=(
                Query(
                    f"sum by (node, gpu_uuid, xid, class) ({increase(c.GPU_XID_ERRORS)}) > 0",
                    f"{CARD} Xid {{{{xid}}}} ({{{{class}}}})",
                ),
                Query(
                    f"max by (node, gpu_uuid, reason) ({chosen(c.GPU_UNAVAILABLE)} == 1)",
                    f"{CARD} {{{{reason}}}}",
                ),
            ),
            look=COUNT,
        ),
        Panel(
            kind="timeseries",
            title="How hot is it?",
            about="Temperature by sensor. What matters is whether the clock is held down for it, beside.",
            queries=(
                Query(f"max by (node, gpu_uuid, sensor) ({chosen(c.GPU_TEMPERATURE)})", f"{CARD} {{{{sensor}}}}"),
            ),
            look=Look(unit="celsius"),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="What holds the clock down?",
            about="Share of time for each reason, counted by the driver. idle is normal; thermal, power_brake are not.",
            queries=(Query(f"max by (node, gpu_uuid, reason) ({rate(c.GPU_THROTTLE)}) > 0", f"{CARD} {{{{reason}}}}"),),
            look=Look(unit="percentunit", least=0, most=1),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="How much power, of how much?",
            about="Power drawn beside the limit that is enforced.",
            queries=(
                Query(f"max by (node, gpu_uuid) ({chosen(c.GPU_POWER)})", f"{CARD} drawn"),
                Query(f"max by (node, gpu_uuid) ({chosen(c.GPU_POWER_LIMIT)})", f"{CARD} limit"),
            ),
            look=Look(unit="watt", least=0),
            width=8,
        ),
    ),
)
