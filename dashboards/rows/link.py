"""Is the link to the card as fast as it should be, above all while the card works."""

from typing import Final

from dashboards.board import Look, Panel, Query, Row
from dashboards.links import TO_CARD
from dashboards.looks import BY_CARD, CARD, COUNT
from dashboards.series import increase, most
from exporter import catalogue as c

_OF_NOW: Final = "~now|under_load"
ROW: Final = Row(
    "Is the link to the card well?",
    (
        Panel(
            kind="timeseries",
            title="Which PCIe generation, also under load?",
            about="Generation now, and the highest of the last hour under load; dashed, what card and slot allow. Low "
            "while idle is normal; under_load below the dashed line is a fault.",
            queries=(
                Query(most(f"{BY_CARD}, view", c.GPU_PCIE_GENERATION, view=_OF_NOW), f"{CARD} {{{{view}}}}"),
                Query(most(f"{BY_CARD}, view", c.GPU_PCIE_GENERATION, view="max"), f"{CARD} max", is_limit=True),
            ),
            look=COUNT,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How many PCIe lanes, also under load?",
            about="Lanes now, and the most of the last hour under load; dashed, what card and slot allow. under_load "
            "below the dashed line: look at the slot.",
            queries=(
                Query(most(f"{BY_CARD}, view", c.GPU_PCIE_WIDTH, view=_OF_NOW), f"{CARD} {{{{view}}}}"),
                Query(most(f"{BY_CARD}, view", c.GPU_PCIE_WIDTH, view="max"), f"{CARD} max", is_limit=True),
            ),
            look=COUNT,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="Does the link have errors?",
            about="PCIe errors by kind, and packets that were sent again, between two points. fatal and non_fatal are "
            "never normal; replays that do not end: a bad slot, riser or cable.",
            queries=(
                Query(f"sum by ({BY_CARD}, kind) ({increase(c.GPU_PCIE_ERRORS)})", f"{CARD} {{{{kind}}}}"),
                Query(f"sum by ({BY_CARD}) ({increase(c.GPU_PCIE_REPLAYS)})", f"{CARD} sent again"),
            ),
            look=COUNT,
            links=TO_CARD,
        ),
        Panel(
            kind="timeseries",
            title="How much goes over the link?",
            about="Bytes a second as measured for 20 ms, rx and tx. Empty unless nvml.pcie_throughput asks for it, or "
            "DCGM tells it.",
            queries=(Query(most(f"{BY_CARD}, direction", c.GPU_PCIE_THROUGHPUT), f"{CARD} {{{{direction}}}}"),),
            look=Look(unit="Bps", least=0),
            links=TO_CARD,
        ),
    ),
)
