"""Whether a lane's model, as its annotation declares it, fits into the memory that it was given.

The size of the file is the least that a server needs: context and buffers come on top. A server that keeps part of the
model in the memory of the node needs less on the card; it becomes ready, and is not accused.
"""

from typing import Final

from alerts.card_words import read_out
from alerts.promql import WATCHER_PLACE, bridged, indent, latest, recent
from alerts.rare import again
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_HOLDER_MEMORY,
    GPU_MEMORY_PART,
    GPU_MEMORY_TOTAL,
    GPU_OWNER_INFO,
    LANE_MODEL_BYTES,
    LANE_POD_INFO,
    LANE_READY,
)

_CARD: Final = "cluster, node, gpu_uuid"
_POD: Final = "cluster, owner_namespace, owner_pod"
_LANE: Final = "cluster, pool, lane_namespace, lane"

# Once for each lane, whoever scrapes the watcher; what was said is bridged over a missed scrape.
_NEED: Final = Record(
    name="lanewatch:lane_model:bytes",
    expr=f"max by ({_LANE}) ({bridged(str(LANE_MODEL_BYTES))})",
    labels=("pool", "lane_namespace", "lane"),
)
_NOT_READY: Final = f"{recent(LANE_READY.where(), WATCHER_PLACE)} == 0"
_STARTS: Final = Record(
    name="lanewatch:lane_pod_starts:info",
    expr=(
        f"max by ({_LANE}, owner_namespace, owner_pod) (\n"
        f'  label_replace({LANE_POD_INFO}, "owner_namespace", "$1", "lane_namespace", "(.*)")\n)\n'
        f"and on ({_LANE}) {_NEED.name}\nand on ({_LANE}) (\n{indent(_NOT_READY)}\n)"
    ),
    labels=("pool", "lane_namespace", "lane", "owner_namespace", "owner_pod"),
)
# The kubelet of the card knows the pod, the watcher its lane.
_GIVEN: Final = GPU_OWNER_INFO.where(source="~device_plugin|dra")
_CARDS: Final = Record(
    name="lanewatch:gpu_of_pod_that_starts:info",
    expr=f"max by ({_CARD}, owner_namespace, owner_pod) (\n  {_GIVEN}\n  and on ({_POD}) {_STARTS.name}\n)",
    labels=("node", "gpu_uuid", "owner_namespace", "owner_pod"),
)
_OF_THESE: Final = f"and on ({_CARD}) {_CARDS.name}"
# What is not lost to others: the pod's own share may be in sight (pods) or not (unresolved, unattributed).
_PARTS: Final = Record(
    name="lanewatch:gpu_memory_in_reach:bytes",
    expr=(
        f"max by ({_CARD}, part) (\n  {GPU_MEMORY_PART.where(part='~free|pods')} {_OF_THESE}\n  or\n"
        f"  {again(GPU_MEMORY_PART)} {_OF_THESE}\n)"
    ),
    labels=("node", "gpu_uuid", "part"),
)
# A pod that is known by its name and was not given the card; what has a colon in it may be the owner, yet without one.
_HELD: Final = (
    f"max by ({_CARD}, owner_namespace, owner_pod, process) (\n"
    f"  {GPU_HOLDER_MEMORY.where(owner_pod='~[^:]+')} {_OF_THESE}\n)"
)
_TAKEN: Final = f"sum by ({_CARD}) (\n{indent(_HELD)}\n  unless on ({_CARD}, owner_namespace, owner_pod) {_GIVEN}\n)"
# Taken off as one part more: written as a difference, cards of which nothing is taken would be left out.
_LESS: Final = f'label_replace(\n{indent(_TAKEN)}\n  * -1 and on ({_CARD}) {_PARTS.name},\n  "part", "taken", "", ""\n)'
_ROOM_OF_CARD: Final = f"sum by ({_CARD}) (\n  {_PARTS.name}\n  or\n{indent(_LESS)}\n)"
_ROOM_OF_POD: Final = (
    f"sum by ({_POD}) (\n  {_CARDS.name}\n  * on ({_CARD}) group_left () (\n{indent(_ROOM_OF_CARD, 4)}\n  )\n)"
)
_ROOM: Final = Record(
    name="lanewatch:lane_pod_room:bytes",
    expr=f"{_STARTS.name}\n* on ({_POD}) group_left ()\n{_ROOM_OF_POD}",
    labels=_STARTS.labels,
)
_LARGEST: Final = Record(
    name="lanewatch:largest_node_memory:bytes",
    expr=f"max by (cluster) (\n  sum by (cluster, node) (\n    max by ({_CARD}) ({GPU_MEMORY_TOTAL})\n  )\n)",
    labels=(),
)
# Cards that did not answer for a while are still there, and a model that is larger than the rest may be meant for them.
_LATELY_LARGEST: Final = f"max_over_time({_LARGEST.name}[1h])"
_SIZE: Final = read_out(LANE_MODEL_BYTES.where(lane="%s"), "humanize1024", of="lane")
_LANE_WORDS: Final = "lane {{ $labels.lane_namespace }}/{{ $labels.lane }}"

GROUP: Final = Group(
    name="lanewatch-lane-fit",
    rules=(
        _NEED,
        _STARTS,
        _CARDS,
        _PARTS,
        _ROOM,
        _LARGEST,
        Alert(
            name="LanewatchLaneDoesNotFit",
            expr=(
                f"(\n{indent(latest(_ROOM.name))}\n  < on ({_LANE}) group_left ()\n  {_NEED.name}\n)\n"
                f"and on ({_LANE})\n{_NOT_READY}"
            ),
            for_="2m",
            severity="ticket",
            layer="allocation",
            action="free_memory",
            summary="A lane that starts does not fit into the memory of its cards",
            description=(
                f"The model of {_LANE_WORDS} is a file of {_SIZE}B, and the cards of its pod "
                "{{ $labels.owner_pod }} have {{ $value | humanize1024 }}B that others do not hold. It is not ready "
                "for 2 minutes, and will not be unless part of it stays in the memory of the node."
            ),
        ),
        Alert(
            name="LanewatchLaneFitsNoNode",
            expr=f"{_NEED.name}\n  > on (cluster) group_left ()\n{_LATELY_LARGEST}",
            for_="1h",
            severity="info",
            layer="lane",
            action="fix_configuration",
            summary="The model of a lane is larger than all cards of any node",
            description=(
                f"The model of {_LANE_WORDS} is a file of {{{{ $value | humanize1024 }}}}B, more than all cards of the "
                "largest GPU node together. Raised, it cannot start unless part of it stays in the memory of the node."
            ),
        ),
    ),
)
