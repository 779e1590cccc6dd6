"""Whether a card answers, and whether its driver reported an error that is the card's own."""

from typing import Final

from alerts.places import in_pool_of_card
from alerts.promql import indent, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import GPU_OWNER_INFO, GPU_UNAVAILABLE, GPU_UP, GPU_XID_ERRORS, GPU_XID_LAST

_OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, ['owner_namespace', 'owner_pod', 'owner_container'], same='gpu_uuid')}."
_CARD: Final = "on (node, gpu_uuid)"
_LOST: Final = f"{latest(GPU_UP.where(), pick='min')} == 0"
_WHY: Final = f"{latest(GPU_UNAVAILABLE.where())} == 1"

# Long enough to be seen by whoever is paged, and to bridge a pod that was replaced.
_XID_RECENT_SECONDS: Final = 1800
_HARDWARE: Final = GPU_XID_ERRORS.where(**{"class": "hardware"})
_ROSE: Final = f"max without (instance, pod) (increase({_HARDWARE}[{_XID_RECENT_SECONDS // 60}m])) > 0"
# A series that is born at 1 has no increase: the time at which the Xid was seen last speaks for the first one.
_SEEN: Final = (
    f"{latest(_HARDWARE)} > 0\n"
    f"and on (node, gpu_uuid, xid)\n"
    f"time() - {latest(GPU_XID_LAST.where())} < {_XID_RECENT_SECONDS}"
)

GROUP: Final = Group(
    name="lanewatch-card",
    rules=(
        Alert(
            name="LanewatchGpuUnavailable",
            # A join by `and` takes several reasons without an error; a card without any reason pages all the same.
            expr=in_pool_of_card(f"(\n{indent(_WHY)}\n  and {_CARD}\n{indent(_LOST)}\n)\nor {_CARD}\n{_LOST}"),
            for_="1m",
            severity="page",
            layer="card",
            action="inspect_hardware",
            summary="A card does not answer",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} does not answer for 1 minute: "
                f"{{{{ or $labels.reason `no reason known` }}}}. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuXid",
            expr=in_pool_of_card(f"{_ROSE}\nor\n(\n{indent(_SEEN)}\n)"),
            severity="page",
            layer="card",
            action=None,  # the series says it
            summary="The driver reported a hardware error of a card",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} had Xid {{ $labels.xid }} within the last "
                f"30 minutes. First thing to do: {{{{ $labels.action }}}}. {_OWNERS}"
            ),
        ),
    ),
)
