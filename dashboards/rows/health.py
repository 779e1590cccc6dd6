"""Did anything of a card break: errors of memory, of links, and what the driver wants done."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, COUNT, HOLDS
from dashboards.series import chosen, increase, most
from exporter import catalogue as c

ROW: Final = Row(
    "Did anything break?",
    (
        Panel(
            kind="bargauge",
            title="Which Xid errors were there?",
            about="Xid errors by code since counting began, and their class. hardware: the card; application: the "
            "owner's program. Empty is good.",
            queries=(
                Query(
                    f"sort_desc(max by ({BY_CARD}, xid, class) ({chosen(c.GPU_XID_ERRORS)}) > 0)",
                    f"{CARD} Xid {{{{xid}}}} ({{{{class}}}})",
                ),
            ),
            look=Look(unit="short", least=0, base="orange"),
            links=TO_CARD,
        ),
        Panel(
            kind="state-timeline",
            title="What does the driver want done?",
            about="The recovery action that holds. Anything but none: drain the card and do it.",
            queries=(
                Query(f"max by ({BY_CARD}, action) ({chosen(c.GPU_RECOVERY_ACTION)} == 1)", f"{CARD}: {{{{action}}}}"),
            ),
            look=Look(unit="none", words=HOLDS),
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Does the memory have errors?",
            about="ECC errors between two points. uncorrected: a program got wrong data and was stopped; drain the "
            "card. Empty: the card has no ECC, or it is off.",
            queries=(Query(f"sum by ({BY_CARD}, kind) ({increase(c.GPU_ECC_ERRORS)})", f"{CARD} {{{{kind}}}}"),),
            look=COUNT,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Was memory taken out of use?",
            about="Rows that spare ones replaced, pages that were retired, and cards whose spare rows are used up. "
            "Failed: replace the card; pending: plan a reset.",
            queries=(
                Query(most(f"{BY_CARD}, cause", c.GPU_ROW_REMAPS), f"{CARD} rows ({{{{cause}}}})"),
                Query(most(f"{BY_CARD}, cause", c.GPU_RETIRED_PAGES), f"{CARD} pages ({{{{cause}}}})"),
                Query(most(BY_CARD, c.GPU_REMAP_PENDING), f"{CARD} pending"),
                Query(most(BY_CARD, c.GPU_REMAP_FAILED), f"{CARD} failed"),
            ),
            look=COUNT,
            width=8,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Do the links between cards have errors?",
            about="NVLink errors between two points by kind, and links that are not up. crc rising: a bad link. Empty: "
            "the card has no NVLink.",
            queries=(
                Query(f"sum by ({BY_CARD}, kind) ({increase(c.GPU_NVLINK_ERRORS)})", f"{CARD} {{{{kind}}}}"),
                Query(f"sum by ({BY_CARD}) (1 - {most(f'{BY_CARD}, link', c.GPU_NVLINK_UP)})", f"{CARD} links down"),
            ),
            look=COUNT,
            width=8,
            links=TO_CARD,
        ),
    ),
)
