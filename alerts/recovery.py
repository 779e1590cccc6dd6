"""What the driver itself wants done about a card, and what it reported besides Xids."""

from typing import Final

from alerts.found import found_once
from alerts.promql import tell
from alerts.rare import Rare, held, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_EVENTS,
    GPU_OWNER_INFO,
    GPU_RECOVERY_ACTION,
)

_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, ['owner_namespace', 'owner_pod', 'owner_container'], same='gpu_uuid')}."
# The card is of no use before that is done; with the others its work may end first.
AT_ONCE: Final = "~reboot_node|reboot_system|reset_bus|reset_gpu"
AFTER_DRAIN: Final = "~drain_and_reset|drain_p2p|recover_imex|unknown"
# Not `ecc_storm` and `memory_retirement`, which the alerts of memory tell of, nor what is no fault.
REPORTED: Final = "~gpu_unavailable|memory_poison|memory_poison_fatal|memory_retirement_failed"


_WISH: Final = Record(
    name="lanewatch:gpu_recovery_wish:now",
    expr=told(GPU_RECOVERY_ACTION, action=f"{AT_ONCE}|{AFTER_DRAIN[1:]}"),
    labels=("node", "gpu_uuid", "action"),
)
_EVENTS: Final = Rare(
    name="gpu_events",
    picked=told(GPU_EVENTS, event=REPORTED),
    known=GPU_EVENTS.where(event="gpu_unavailable"),
    within="30m",
    labels=("node", "gpu_uuid", "event"),
)


def _wants(actions: str) -> str:
    wish = f'{_WISH.name}{{action=~"{actions.removeprefix("~")}"}}'
    return held(wish)


GROUP: Final = Group(
    name="lanewatch-recovery",
    rules=found_once(
        "recovery",
        _WISH,
        *_EVENTS.records,
        Alert(
            name="LanewatchGpuRecoveryNeeded",
            expr=_wants(AT_ONCE),
            for_="1m",
            of="card",
            severity="page",
            layer="card",
            action=None,  # the series says it
            summary="The driver wants a card reset or its node rebooted",
            description=(
                f"{_CARD} is of no use until this is done, as its driver says: {{{{ $labels.action }}}}. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuDrainNeeded",
            expr=_wants(AFTER_DRAIN),
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action=None,
            summary="The driver wants a card drained",
            description=(
                f"{_CARD} should get no new work, as its driver says for 5 minutes: {{{{ $labels.action }}}}. {_OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuEvent",
            expr=_EVENTS.rose(),
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="The driver reported that a card or its memory failed",
            description=f"{_CARD}: the driver reported {{{{ $labels.event }}}} within the last 30 minutes. {_OWNERS}",
        ),
    ),
)
