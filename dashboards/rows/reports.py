"""What the driver reported of the card: Xid errors with their owners, other events, cards that are missing."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import BY_CARD, CARD, COUNT, HOLDS
from dashboards.series import chosen, increase, most
from exporter import catalogue as c

_XID: Final = "node, gpu_uuid, xid, class, action"
_SEEN: Final = f"time() - {most('node, gpu_uuid, xid', c.GPU_XID_LAST)}"
_HELD: Final = most("node, gpu_uuid, xid, owner_namespace, owner_pod, owner_container", c.GPU_XID_OWNER_INFO)
ROW: Final = Row(
    "What did the driver report?",
    (
        Panel(
            kind="table",
            title="Which Xid, how often, and what to do?",
            about="Errors since counting began. hardware: the card; application: the owner's program. Empty is good.",
            queries=(
                Query(f"{most(_XID, c.GPU_XID_ERRORS)} > 0"),
                Query(_SEEN),
            ),
            look=Look(
                unit="none",
                columns=(
                    Column("gpu_uuid", "Card"),
                    Column("xid", "Xid"),
                    Column("class", "Class"),
                    Column("action", "First thing to do"),
                    Column("Value #A", "Times"),
                    Column("Value #B", "Seen last, ago", "s"),
                ),
            ),
        ),
        Panel(
            kind="table",
            title="Who held the card when an Xid came?",
            about="Containers that held the card when this Xid was seen last. They stay when the pod is gone.",
            queries=(Query(_HELD),),
            look=Look(
                unit="none",
                columns=(
                    Column("xid", "Xid"),
                    Column("owner_namespace", "Namespace"),
                    Column("owner_pod", "Pod"),
                    Column("owner_container", "Container"),
                ),
            ),
        ),
        Panel(
            kind="timeseries",
            title="When did Xid errors come?",
            about="Errors between two points by code. The very first is a mark over the graphs, not a step.",
            queries=(
                Query(
                    f"sum by ({BY_CARD}, xid) ({increase(c.GPU_XID_ERRORS)})\n"
                    f"and on ({BY_CARD}, xid) {most(f'{BY_CARD}, xid', c.GPU_XID_ERRORS)} > 0",
                    f"{CARD} Xid {{{{xid}}}}",
                ),
            ),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Which other events came?",
            about="Events between two points: ECC storms, memory retired or poisoned, changes of the recovery action. "
            "Only those that the card can report.",
            queries=(Query(f"sum by ({BY_CARD}, event) ({increase(c.GPU_EVENTS)})", f"{CARD} {{{{event}}}}"),),
            look=COUNT,
            width=8,
        ),
        Panel(
            kind="state-timeline",
            title="What does the driver ask for?",
            about="The recovery action that holds. Anything but none: drain the card and do it.",
            queries=(
                Query(f"max by ({BY_CARD}, action) ({chosen(c.GPU_RECOVERY_ACTION)} == 1)", f"{CARD}: {{{{action}}}}"),
            ),
            look=Look(unit="none", words=HOLDS),
            width=8,
        ),
        Panel(
            kind="timeseries",
            title="Did something reach us that names no card we know?",
            about="Xid and SXid errors in the kernel log of cards that the driver does not list and of switches, lines "
            "that were overwritten before they were read, and times that the counts could not be kept.",
            queries=(
                Query(
                    f"sum by (node, pci_bus_id, xid) ({increase(c.GPU_UNLISTED_XID_ERRORS)})",
                    "{{node}} {{pci_bus_id}} Xid {{xid}}",
                ),
                Query(
                    f"sum by (node, pci_bus_id, sxid) ({increase(c.NVSWITCH_SXID_ERRORS)})",
                    "{{node}} {{pci_bus_id}} SXid {{sxid}}",
                ),
                Query(f"sum by (node) ({increase(c.KERNEL_LOG_LOST)})", "{{node}} lines lost"),
                Query(f"sum by (node) ({increase(c.XID_STORE_ERRORS)})", "{{node}} counts not kept"),
            ),
            look=COUNT,
        ),
        Panel(
            kind="table",
            title="Which card is missing?",
            about="Cards on the PCI bus that the driver does not list: not bound, not initialised, or lost. Empty is "
            "good.",
            queries=(Query(most("node, pci_bus_id", c.GPU_MISSING_INFO)),),
            look=Look(unit="none", columns=(Column("node", "Node"), Column("pci_bus_id", "PCI address"))),
        ),
    ),
)
