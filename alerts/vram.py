"""Memory of a card that nobody answers for, and the window to it that is full."""

from typing import Final

from alerts.card_words import CARD, OWNERS, read_out
from alerts.found import found_once
from alerts.promql import PLACE, tell
from alerts.rare import LAST, NOW, Rare, held, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_BAR1_USED,
    GPU_MEMORY_PART,
    GPU_OWNER_INFO,
    GPU_OWNERSHIP,
    GPU_PART_PROCESSES,
)
from exporter.notable import FULL

_JOIN: Final = "on (cluster, node, gpu_uuid)"
_LABELS: Final = ("node", "gpu_uuid")
# Of nine states a card is in one: whoever asks for one of them asks here.
OWNERSHIP: Final = Record(name=f"lanewatch:gpu_ownership{NOW}", expr=told(GPU_OWNERSHIP), labels=(*_LABELS, "state"))


def owned(states: str) -> str:
    """Return the cards that are in one of these states; of one that is not heard, what it was a missed scrape ago."""
    return held(f'{OWNERSHIP.name}{{state=~"{states}"}}')


# Not an unreadable kubelet: then the state is `unknown`, so that blindness fires nothing.
# Without `state`: memory of a pod becomes that of a dead one, and begins no new wait by that.
_UNOWNED: Final = Record(
    name=f"lanewatch:gpu_unowned{LAST}",
    expr=owned("orphan|host_process|process_no_allocation"),
    labels=OWNERSHIP.labels,
)
_DEAD_NOW: Final = Record(
    name=f"lanewatch:gpu_dead_processes{NOW}",
    expr=told(GPU_PART_PROCESSES, (*PLACE, "part")),
    labels=_LABELS,
)
_DEAD: Final = Record(
    name=f"lanewatch:gpu_dead_processes{LAST}",
    expr=held(_DEAD_NOW.name),
    labels=_LABELS,
)
# What the dead left has an alert of its own, which says what to do; one cause must not be told twice.
_LEFT_BY_THE_DEAD: Final = f'(\n  {_UNOWNED.name}{{state="orphan"}}\n  and {_JOIN} {_DEAD.name}\n)'
_STATE: Final = f"State:{tell(GPU_OWNERSHIP, ['state'], same='gpu_uuid')}."
_HOLDERS: Final = f"Who has it:{tell(GPU_OWNER_INFO, ['source', 'owner_namespace', 'owner_pod'], same='gpu_uuid')}."

# Some drivers map all of the memory through the window when they start: one that is always full is full by design.
_BAR1: Final = Rare(
    name="gpu_bar_full",
    picked=told(GPU_BAR1_USED),
    known=str(GPU_BAR1_USED),
    within="1d",
    labels=_LABELS,
)
_BAR1_FILLED: Final = f"last_over_time({_BAR1.new.name}[{_BAR1.within}])"

GROUP: Final = Group(
    name="lanewatch-vram",
    rules=found_once(
        "vram",
        OWNERSHIP,
        _UNOWNED,
        _DEAD_NOW,
        _DEAD,
        *_BAR1.records,
        Alert(
            name="LanewatchVramUnowned",
            expr=f"max without (state) ({_UNOWNED.name})\nunless {_JOIN} {_LEFT_BY_THE_DEAD}",
            for_="5m",  # a container that ends gives its memory back within seconds, a stuck one within minutes
            of="card",
            severity="ticket",
            layer="allocation",
            action="free_memory",
            summary="Memory of a card is held by nobody whom it was given to",
            description=(
                f"{CARD} has been used for 5 minutes by something that the kubelet did not give it to. "
                f"The next lane may not fit. {_STATE} {_HOLDERS}"
            ),
        ),
        Alert(
            name="LanewatchVramOfDeadProcesses",
            expr=_DEAD.name,
            for_="5m",  # a process that ended a moment ago is dead for one reading
            of="card",
            severity="ticket",
            layer="driver",
            action="reset_gpu",
            summary="Processes that ended still hold memory of a card",
            description=(
                f"On card {{{{ $labels.gpu_uuid }}}} of node {{{{ $labels.node }}}} the driver keeps "
                f"{read_out(GPU_MEMORY_PART.where(part='dead', gpu_uuid='%s'), 'humanize1024')}B for "
                "{{ $value }} processes that ended, for 5 minutes. Nothing gives them back but the end of what holds "
                f"them open, or a reset of the card. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuBarFull",
            expr=f"{held(_BAR1.now.name)}\nand {_BAR1_FILLED}",
            for_="15m",
            of="card",
            severity="ticket",
            layer="card",
            action="restart_lane",
            summary="The window through which others reach a card is full",
            description=(
                f"{CARD} has {{{{ $value | humanize1024 }}}}B of its BAR1 in use, all but {1 - FULL:.0%} of it, for 15 "
                f"minutes, and had not within the last day. Mapping more memory fails, as does peer to peer. {OWNERS}"
            ),
        ),
    ),
)
