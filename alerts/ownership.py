"""Who is on a card without being of its pool, who was given one for nothing, and whether it is shared otherwise now."""

from typing import Final

from alerts.card_words import CARD, OWNERS
from alerts.found import found_once
from alerts.places import BY_CARD, BY_NODE
from alerts.promql import WATCHER_PLACE, indent, merged, recent
from alerts.rare import ANSWERING, again, told_lately, watched
from alerts.rule import Alert, Group
from alerts.vram import owned
from exporter.catalogue import (
    GPU_SHARING,
    GPU_UP,
    NODE_CARD_VIEW_INFO,
    POOL_VIOLATION,
    POOL_VIOLATOR_INFO,
)

_POOL: Final = "{{ $labels.pool }}{{ with $labels.unit }} on {{ . }}{{ end }}"  # of a pool that is one unit, its name
_WHO: Final = (
    f"{{{{ range printf `{POOL_VIOLATOR_INFO.where(pool='%s', unit='~|%s', reason='intruder')} == 1` "
    "$labels.pool $labels.unit | query | sortByLabel `violator` }}"
    " {{ .Labels.kind }} {{ with .Labels.violator_namespace }}{{ . }}/{{ end }}{{ .Labels.violator }}"
    "{{ else }} unknown{{ end }}"
)


def _before(selector: str) -> str:
    return f"last_over_time({selector}[10m] offset 1h)"


# What it was an hour ago is all that there is to compare with, so that each of these lasts an hour.
# The driver sees MPS only while somebody uses the card: `mps` and `none` come and go, and are no change.
_MODE: Final = told_lately(GPU_SHARING, mode="~mig|vgpu")
_MODE_BEFORE: Final = merged(_before(again(GPU_SHARING).where(mode="~mig|vgpu")))
_ON: Final = f"{_MODE}\nunless\n{_MODE_BEFORE}\nand on ({BY_CARD}) {_before(GPU_SHARING.where(mode='none'))}"
_OFF: Final = (
    f"{_MODE_BEFORE} * 0\nunless\n{_MODE}\nunless on ({BY_CARD}) {again(GPU_UP)}\nand on ({BY_NODE}) {ANSWERING}"
)
_UNUSED: Final = owned("allocated_no_process")
_SHARING_FACTS: Final = NODE_CARD_VIEW_INFO.where(fact="~mig|replicas|sharing", view="~allocatable|labels")
_NOW: Final = recent(_SHARING_FACTS)
_BEFORE: Final = merged(_before(_SHARING_FACTS))

GROUP: Final = Group(
    name="lanewatch-ownership",
    rules=found_once(
        "ownership",
        Alert(
            name="LanewatchPoolIntruder",
            expr=watched(POOL_VIOLATION, WATCHER_PLACE, reason="intruder"),
            for_="5m",
            severity="ticket",
            layer="allocation",
            action="evict_intruder",
            summary="Somebody who is not of the pool is on its card",
            description=(
                f"For 5 minutes somebody outside the lanes holds the card of pool {_POOL}, or asks for it. The lane "
                f"shares memory and time with it, or the next one cannot start. Who:{_WHO}."
            ),
        ),
        Alert(
            name="LanewatchGpuAllocatedUnused",
            expr=f"max without (state) (\n{indent(_UNUSED)}\n)",
            for_="30m",
            of="card",
            severity="info",
            layer="allocation",
            action="give_back_card",
            summary="A card was given to a pod that has no process on it",
            description=(
                f"{CARD} is allocated for 30 minutes and no process uses it: its owner computes elsewhere, waits, or "
                f"failed to find the card. Nobody else can have it. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuSharingChanged",
            expr=f"(\n{indent(_ON)}\n)\nor\n(\n{indent(_OFF)}\n)",
            for_="1m",
            of="card",
            severity="info",
            layer="driver",
            action="investigate",
            summary="A card is shared in another way than an hour ago",
            description=(
                f"{CARD} had mode {{{{ $labels.mode }}}} switched "
                "{{ if eq $value 1.0 }}on{{ else }}off{{ end }} within the last hour, by the driver's word. If nobody "
                f"meant that, memory and time of its lanes are no longer what they were planned for. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchNodeSharingChanged",
            expr=f"{_NOW}\nunless\n{_BEFORE}\nand on (cluster, node, fact, view)\n{_before(_SHARING_FACTS)}",
            for_="5m",
            severity="info",
            layer="allocation",
            action="investigate",
            summary="A node offers its cards shared in another way than an hour ago",
            description=(
                "Node {{ $labels.node }} says {{ $labels.fact }} {{ $labels.value }} by its {{ $labels.view }} now, "
                "and said something else an hour ago: its device plugin or its labels were configured anew. Replicas "
                "of one card share its memory, and nothing keeps them apart."
            ),
        ),
    ),
)
