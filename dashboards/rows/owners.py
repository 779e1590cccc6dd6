"""Whose is this card: what was given away, what was taken, and what is paid for nothing."""

from dataclasses import replace
from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.looks import BY_CARD, CARD, HOLDS, SHARE
from dashboards.rows.cards import OWNERS, OWNERSHIP
from dashboards.series import chosen, most, rate
from exporter import catalogue as c

_CLAIM: Final = "node, gpu_uuid, driver, device, claim_namespace, claim, owner_namespace, owner_pod, access"
_IDENTITY: Final = "node, gpu_uuid, index, model, driver_version, vbios_version, source"
ROW: Final = Row(
    "Whose is this card?",
    (
        replace(OWNERS, links=()),
        replace(OWNERSHIP, links=()),
        Panel(
            kind="table",
            title="Which card is this?",
            about="Identity of the card, and the source that tells of it.",
            queries=(Query(most(_IDENTITY, c.GPU_INFO)),),
            look=Look(
                unit="none",
                columns=(
                    Column("node", "Node"),
                    Column("index", "Index"),
                    Column("gpu_uuid", "Card"),
                    Column("model", "Model"),
                    Column("driver_version", "Driver"),
                    Column("vbios_version", "VBIOS"),
                    Column("source", "Told by"),
                ),
            ),
            width=16,
        ),
        Panel(
            kind="timeseries",
            title="What share of the time is it owned and idle?",
            about="Share of time in which it was owned, its memory held, and no work ran on it: paid for nothing. A "
            "lane that nobody asks is idle too.",
            queries=(Query(f"clamp_max(max by ({BY_CARD}) ({rate(c.GPU_OWNED_IDLE)}), 1)", CARD),),
            look=SHARE,
            width=8,
        ),
        Panel(
            kind="table",
            title="Which claims are on it?",
            about="Each pod of each claim (DRA) on a device of the node. admin: to look at, such as a monitor; use: to "
            "work with. Empty: the device plugin gives the cards away.",
            queries=(Query(most(_CLAIM, c.GPU_CLAIM_INFO)),),
            look=Look(
                unit="none",
                columns=(
                    Column("device", "Device"),
                    Column("driver", "Driver"),
                    Column("claim_namespace", "Namespace of the claim"),
                    Column("claim", "Claim"),
                    Column("owner_namespace", "Namespace"),
                    Column("owner_pod", "Pod"),
                    Column("access", "Access"),
                ),
            ),
            width=16,
        ),
        Panel(
            kind="state-timeline",
            title="Is it shared, or cut?",
            about="How the driver shares the card, and the MIG instances that are cut from one. Time-slicing is none "
            "here: only the device plugin knows of it.",
            queries=(
                Query(f"max by ({BY_CARD}, mode) ({chosen(c.GPU_SHARING)} == 1)", f"{CARD}: {{{{mode}}}}"),
                Query(
                    most("node, gpu_uuid, parent_uuid, profile", c.GPU_MIG_INFO),
                    f"{CARD}: {{{{profile}}}} of {{{{parent_uuid}}}}",
                ),
            ),
            look=Look(unit="none", words=HOLDS),
            width=8,
        ),
    ),
)
