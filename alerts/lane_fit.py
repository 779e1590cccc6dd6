"""Whether a lane's model, as its annotation declares it, fits into the memory that it was given.

The size of the file is the least that a server needs: context and buffers come on top. A server that keeps part of the
model in the memory of the node needs less on the card; it becomes ready, and is not accused.
"""

from typing import Final

from alerts.card_words import read_out
from alerts.promql import WATCHER_PLACE, indent, latest
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

# What is not lost to others: the pod's own share may be in sight (pods) or not (unresolved, unattributed).
_PARTS: Final = GPU_MEMORY_PART.where(part="~free|pods|unattributed|unresolved")
_GIVEN: Final = f"max by ({_CARD}, owner_namespace, owner_pod) ({GPU_OWNER_INFO.where(source='~device_plugin|dra')})"
# A pod that is known by its name and was not given the card; what has a colon in it may be the owner, yet without one.
_HELD: Final = f"max by ({_CARD}, owner_namespace, owner_pod, process) ({GPU_HOLDER_MEMORY.where(owner_pod='~[^:]+')})"
_TAKEN: Final = (
    f"sum by ({_CARD}) (\n{indent(_HELD)}\n  unless on ({_CARD}, owner_namespace, owner_pod)\n{indent(_GIVEN)}\n)"
)
# Taken off as one part more: written as a difference, cards of which nothing is taken would be read again.
_OF_KNOWN: Final = f"* -1 and on ({_CARD}) {GPU_MEMORY_PART.where(part='free')}"
_LESS: Final = f'label_replace(\n{indent(_TAKEN)}\n  {_OF_KNOWN},\n  "part", "taken", "", ""\n)'
_ROOM_OF_CARD: Final = f"sum by ({_CARD}) (\n  max by ({_CARD}, part) ({_PARTS})\n  or\n{indent(_LESS)}\n)"
_ROOM_OF_POD: Final = (
    f"sum by ({_POD}) (\n{indent(_GIVEN)}\n  * on ({_CARD}) group_left () (\n{indent(_ROOM_OF_CARD, 4)}\n  )\n)"
)
_POD_OF_LANE: Final = (
    f"max by ({_LANE}, owner_namespace, owner_pod) (\n"
    f'  label_replace({LANE_POD_INFO}, "owner_namespace", "$1", "lane_namespace", "(.*)")\n)'
)
# The kubelet of the card knows the pod, the watcher its lane.
_ROOM: Final = Record(
    name="lanewatch:lane_pod_room:bytes",
    expr=f"{_POD_OF_LANE}\n* on ({_POD}) group_left ()\n{_ROOM_OF_POD}",
    labels=("pool", "lane_namespace", "lane", "owner_namespace", "owner_pod"),
)
# Cards that did not answer for a while are still there, and a model that is larger than the rest may be meant for them.
_LARGEST: Final = Record(
    name="lanewatch:largest_node_memory:bytes",
    expr=(
        "max by (cluster) (\n  sum by (cluster, node) (\n"
        f"    max by ({_CARD}) (last_over_time({GPU_MEMORY_TOTAL}[1h]))\n  )\n)"
    ),
    labels=(),
)
# Once for each lane, whoever scrapes the watcher; what was said is bridged over a missed scrape.
_NEED: Final = Record(
    name="lanewatch:lane_model:bytes",
    expr=f"max by ({_LANE}) (last_over_time({LANE_MODEL_BYTES}[2m]))",
    labels=("pool", "lane_namespace", "lane"),
)
_SIZE: Final = read_out(LANE_MODEL_BYTES.where(lane="%s"), "humanize1024", of="lane")
_LANE_WORDS: Final = "lane {{ $labels.lane_namespace }}/{{ $labels.lane }}"

GROUP: Final = Group(
    name="lanewatch-lane-fit",
    rules=(
        _ROOM,
        _LARGEST,
        _NEED,
        Alert(
            name="LanewatchLaneDoesNotFit",
            expr=(
                f"(\n{indent(latest(_ROOM.name))}\n  < on ({_LANE}) group_left ()\n  {_NEED.name}\n)\n"
                f"and on ({_LANE})\n{latest(LANE_READY.where(), WATCHER_PLACE)} == 0"
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
            expr=f"{_NEED.name}\n  > on (cluster) group_left ()\n{_LARGEST.name}",
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
