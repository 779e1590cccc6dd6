"""Memory of a card that nobody answers for."""

from typing import Final

from alerts.promql import PLACE, latest, tell
from alerts.rule import Alert, Group
from exporter.catalogue import GPU_OWNER_INFO, GPU_OWNERSHIP

# Not an unreadable kubelet: then the state is `unknown` and this selector is 0, so that blindness fires nothing.
# Without `state`: memory of a pod becomes that of a dead one, and begins no new wait by that.
_UNOWNED: Final = latest(
    GPU_OWNERSHIP.where(state="~orphan|host_process|process_no_allocation"), drop=(*PLACE, "state")
)
_STATE: Final = f"State:{tell(GPU_OWNERSHIP, ['state'], same='gpu_uuid')}."
_OWNERS: Final = f"Who has it:{tell(GPU_OWNER_INFO, ['source', 'owner_namespace', 'owner_pod'], same='gpu_uuid')}."

GROUP: Final = Group(
    name="lanewatch-vram",
    rules=(
        Alert(
            name="LanewatchVramUnowned",
            expr=f"{_UNOWNED} == 1",
            for_="5m",  # a container that ends gives its memory back within seconds, a stuck one within minutes
            severity="ticket",
            layer="allocation",
            action="free_memory",
            summary="Memory of a card is held by nobody whom it was given to",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} has been used for 5 minutes by something that "
                f"the kubelet did not give it to. The next lane may not fit. {_STATE} {_OWNERS}"
            ),
        ),
    ),
)
