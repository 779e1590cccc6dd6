"""The PCIe link of a card, judged under load only: an idle card lowers its link on purpose."""

from typing import Final

from alerts.figures import figure
from alerts.found import found_once
from alerts.promql import PLACE
from alerts.rare import Rare, again, only, told, told_lately
from alerts.rule import Alert, Group
from exporter.catalogue import (
    GPU_PCIE_ERRORS,
    GPU_PCIE_GENERATION,
    GPU_PCIE_REPLAYS,
    GPU_PCIE_WIDTH,
)
from exporter.metric import Metric

_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_SAME: Final = ("node", "gpu_uuid")
_REPLAYS_A_MINUTE: Final = 8  # what DCGM's own health check takes as the limit
_RATE: Final = only(f"rate({again(GPU_PCIE_REPLAYS)}[15m]) * 60", f"> {_REPLAYS_A_MINUTE}")
_ERRORS: Final = Rare(
    name="gpu_pcie_errors",
    picked=told(GPU_PCIE_ERRORS, kind="~fatal|non_fatal"),
    known=GPU_PCIE_ERRORS.where(kind="fatal"),
    within="1h",
    labels=(*_SAME, "kind"),
)


def _below_max(link: Metric) -> str:
    return told_lately(link, (*PLACE, "view"))


GROUP: Final = Group(
    name="lanewatch-pcie",
    rules=found_once(
        "pcie",
        *_ERRORS.records,
        Alert(
            name="LanewatchGpuPcieNarrow",
            expr=_below_max(GPU_PCIE_WIDTH),
            for_="15m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="The PCIe link of a card has fewer lanes than it could",
            description=(
                f"{_CARD} had at most {{{{ $value }}}} PCIe lanes under load within the last hour, and could have "
                f"{figure(GPU_PCIE_WIDTH, same=_SAME, view='max')}. Loading a model takes longer by as much."
            ),
        ),
        Alert(
            name="LanewatchGpuPcieSlow",
            expr=_below_max(GPU_PCIE_GENERATION),
            for_="15m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="The PCIe link of a card stays slow under load",
            description=(
                f"{_CARD} reached PCIe generation {{{{ $value }}}} under load within the last hour, and could reach "
                f"{figure(GPU_PCIE_GENERATION, same=_SAME, view='max')}. Each generation less halves the link."
            ),
        ),
        Alert(
            name="LanewatchGpuPcieReplays",
            expr=_RATE,
            for_="15m",
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="PCIe packets of a card are sent again all the time",
            description=(
                f"{_CARD} sends {{{{ $value | humanize }}}} PCIe packets a minute again, more than "
                f"{_REPLAYS_A_MINUTE}: a bad slot, riser or cable."
            ),
        ),
        Alert(
            name="LanewatchGpuPcieErrors",
            expr=_ERRORS.rose(),
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="A card had PCIe errors that are never normal",
            description=(
                f"{_CARD} counted PCIe errors of kind {{{{ $labels.kind }}}} within the last hour. Its data may not "
                "have arrived, and it may fall off the bus next."
            ),
        ),
    ),
)
