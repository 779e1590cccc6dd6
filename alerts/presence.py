"""Whether every card is there: on the bus, and in the driver's list, against what is expected."""

from typing import Final

from alerts.counters import rose_or_appeared
from alerts.figures import figure
from alerts.promql import PLACE, latest
from alerts.rule import Alert, Group
from alerts.xid import OF_A_CARD, TO_DO
from exporter.catalogue import GPU_MISSING_INFO, GPU_UNLISTED_XID_ERRORS, GPUS

_NODE: Final = "on (cluster, node)"


def _counted(view: str) -> str:
    return latest(GPUS.where(view=view), (*PLACE, "view"))


_NOT_ON_BUS: Final = f"{_counted('pci')}\n  < {_counted('expected')}"
_EXPECTED: Final = figure(GPUS, same=["node"], view="expected")
_UNLISTED: Final = GPU_UNLISTED_XID_ERRORS.where(**{"class": OF_A_CARD, "action": TO_DO})

GROUP: Final = Group(
    name="lanewatch-presence",
    rules=(
        Alert(
            name="LanewatchGpuNotOnBus",
            expr=_NOT_ON_BUS,
            for_="5m",
            severity="page",
            layer="card",
            action="inspect_hardware",
            summary="A card that is expected is not on the PCI bus",
            description=(
                f"Cards on the PCI bus of node {{{{ $labels.node }}}} for 5 minutes: {{{{ $value }}}}; expected: "
                f"{_EXPECTED}. One is lost by the hardware, or not passed through by the hypervisor."
            ),
        ),
        Alert(
            name="LanewatchGpuNotDriven",
            expr=f"{_counted('nvml')}\n  < {_counted('expected')}\nunless {_NODE} (\n{_NOT_ON_BUS}\n)",
            for_="5m",
            severity="page",
            layer="driver",
            action="investigate",
            summary="A card that is expected is on the PCI bus, and the driver does not list it",
            description=(
                "Cards that the driver of node {{ $labels.node }} lists for 5 minutes: {{ $value }}; expected: "
                f"{_EXPECTED}. The PCI bus has them: one is not bound, could not be initialised, or was lost."
            ),
        ),
        Alert(
            name="LanewatchGpuNotListed",
            # Where it is said how many there should be, the number decides: a card beyond it may be none of ours.
            expr=f"{latest(GPU_MISSING_INFO.where())} == 1\nunless {_NODE}\n{_counted('expected')}",
            for_="10m",
            severity="ticket",
            layer="driver",
            action="investigate",
            summary="The driver does not list a card that is on the PCI bus",
            description=(
                "The card at {{ $labels.pci_bus_id }} of node {{ $labels.node }} has been on the PCI bus for 10 "
                "minutes, and the driver, which answers, does not list it: not bound, not initialised, or lost."
            ),
        ),
        Alert(
            name="LanewatchGpuUnlistedXid",
            expr=rose_or_appeared(_UNLISTED, "30m"),
            severity="ticket",
            layer="card",
            action=None,  # the series says it
            summary="A card that the driver does not list had an Xid",
            description=(
                "The card at {{ $labels.pci_bus_id }} of node {{ $labels.node }}, which the driver does not list, had "
                "Xid {{ $labels.xid }} (class {{ $labels.class }}) within the last 30 minutes. First thing to do: "
                "{{ $labels.action }}."
            ),
        ),
    ),
)
