"""Which cards are there: identity, whether each answers, and how many of them each view counts."""

from typing import Final

from dashboards.board import Column, Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, COUNT, HOLDS, YES_OR_NO
from dashboards.series import chosen, most
from exporter import catalogue as c

_IDENTITY: Final = "node, gpu_uuid, index, model, driver_version, cuda_version, pci_bus_id, source"
ROW: Final = Row(
    "Which cards are there, and do they answer?",
    (
        Panel(
            kind="stat",
            title="How many cards are known?",
            about="Cards that an exporter tells of, and how many of them answer. Less "
            "answering than known: see the reason below.",
            queries=(
                Query(f"count({most(BY_CARD, c.GPU_UP)})", "known"),
                Query(f"sum({most(BY_CARD, c.GPU_UP)})", "answering"),
            ),
            look=COUNT,
            width=6,
        ),
        Panel(
            kind="stat",
            title="Does each card answer?",
            about="no: lost, or a driver call hangs; its other values are absent until it answers again.",
            queries=(Query(f"min by ({BY_CARD}) ({chosen(c.GPU_UP)})", CARD),),
            look=Look(unit="none", words=YES_OR_NO),
            width=18,
            links=TO_CARD,
        ),
        Panel(
            kind="table",
            title="Which card is which?",
            about="Identity of each card, and the source that tells of it: nvml, dcgm or xpum. A card that is lost "
            "keeps its row.",
            queries=(Query(most(_IDENTITY, c.GPU_INFO)),),
            look=Look(
                unit="none",
                columns=(
                    Column("node", "Node"),
                    Column("index", "Index"),
                    Column("gpu_uuid", "Card"),
                    Column("model", "Model"),
                    Column("driver_version", "Driver"),
                    Column("cuda_version", "CUDA"),
                    Column("pci_bus_id", "PCI address"),
                    Column("source", "Told by"),
                ),
            ),
            width=24,
            links=TO_CARD,
        ),
        Panel(
            kind="state-timeline",
            title="Why does a card not answer?",
            about="The reason that holds, for each card that does not answer. Empty is good.",
            queries=(
                Query(
                    f"max by ({BY_CARD}, reason) ({chosen(c.GPU_UNAVAILABLE)} == 1)",
                    f"{CARD}: {{{{reason}}}}",
                ),
            ),
            look=Look(unit="none", words=HOLDS),
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Does every view count the same cards?",
            about="Cards of a node as the configuration expects them, the PCI bus shows them, the driver lists them, "
            "and telemetry hears them. The first view that counts less names the layer that lost a card.",
            queries=(Query(most("node, view", c.GPUS), "{{node}} {{view}}"),),
            look=COUNT,
        ),
    ),
)
