"""Memory of a card that nobody answers for."""

from typing import Final

from alerts.promql import latest
from alerts.rule import Alert, Group
from exporter.catalogue import GPU_OWNERSHIP

# Not an unreadable kubelet: then the state is `unknown` and this selector is 0, so that blindness fires nothing.
_UNOWNED: Final = latest(GPU_OWNERSHIP.where(state="unowned_memory"))

GROUP: Final = Group(
    name="lanewatch-vram",
    rules=(
        Alert(
            name="LanewatchVramUnowned",
            expr=f"{_UNOWNED} == 1",
            for_="5m",  # a container that ends gives its memory back within seconds, a stuck one within minutes
            severity="ticket",
            layer="allocation",
            summary="Memory of a card is held by no pod",
            description=(
                "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }} has memory in use for 5 minutes, "
                "and the kubelet gave the card to no container. The next lane may not fit."
            ),
        ),
    ),
)
