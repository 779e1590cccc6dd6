"""Xid errors by whose they are and what is to be done: the card, the driver, the program, or nobody knows.

A code pages where the card cannot be used before somebody acts (reset, drain, reboot); where it works on, it is a
ticket. What the table calls `info`, or where nothing is to be done, alerts nobody.
"""

from typing import Final

from alerts.counters import rose_or_appeared
from alerts.found import found_once
from alerts.promql import PLACE, indent, latest, tell
from alerts.rare import Rare, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_OWNER_INFO,
    GPU_XID_ERRORS,
    GPU_XID_LAST,
    GPU_XID_OWNER_INFO,
    NVSWITCH_SXID_ERRORS,
)

# Long enough to be seen by whoever is paged, and to bridge a pod that was replaced.
_RECENT_SECONDS: Final = 1800
_RECENT: Final = f"{_RECENT_SECONDS // 60}m"
_DAY_SECONDS: Final = 86400
_XID: Final = "on (cluster, node, gpu_uuid, xid)"
_LABELS: Final = ("node", "gpu_uuid", "xid", "class", "action")

URGENT: Final = "~drain_and_inspect|drain_and_reset|reboot_node|reset_gpu"
PATIENT: Final = "~inspect_hardware|look_up|restart_app|update_software"
TO_DO: Final = f"{URGENT}|{PATIENT.removeprefix('~')}"
OF_A_CARD: Final = "~driver|hardware|link|unknown"
_BLAMED: Final = "~application|driver|hardware|link|unknown"  # all but `info`


# By the clock of their node; what is older than a day is asked for by nobody.
_AGE: Final = Record(
    name="lanewatch:gpu_xid_age:seconds",
    expr=f"time() - {latest(GPU_XID_LAST.where())} < {_DAY_SECONDS}",
    labels=("node", "gpu_uuid", "xid"),
)
XIDS: Final = Rare(
    name="gpu_xid_errors",
    picked=told(GPU_XID_ERRORS),
    known=GPU_XID_ERRORS.where(xid="79"),
    within=_RECENT,
    labels=_LABELS,
)
_RISE: Final = Record(name="lanewatch:gpu_xid_errors:increase30m", expr=XIDS.rose(), labels=_LABELS)
_GROWTH: Final = Record(name="lanewatch:gpu_xid_errors:growth30m", expr=XIDS.grew(_RECENT), labels=_LABELS)


def _of_blamed(record: Record) -> str:
    return f'{record.name}{{class=~"{_BLAMED.removeprefix("~")}"}}'


_COUNTED: Final = _of_blamed(XIDS.now)


def _age(seconds: int) -> str:
    """Return the Xids that were seen last within that time."""
    return f"{_AGE.name} < {seconds}"


def _had(class_: str, action: str) -> str:
    """Return the Xids that happened lately; a series that is born at 1 has no increase, its time speaks for it."""
    rise, counted = (_of(record, class_, action) for record in (_RISE, XIDS.now))
    lately = f"max_over_time({counted}[{_RECENT}])\nand {_XID}\n{_age(_RECENT_SECONDS)}"
    return f"{rise}\nor\n(\n{indent(lately)}\n)"


def _of(record: Record, class_: str, action: str) -> str:
    return f'{record.name}{{class=~"{class_.removeprefix("~")}",action=~"{action.removeprefix("~")}"}}'


# Several cards within an hour are no chance: what they have in common is the driver, or a program. Two may be, in a
# fleet.
_MANY: Final = 3
_CARDS: Final = Record(
    name="lanewatch:gpu_xid_cards:count1h",
    expr=f"count without (node, gpu_uuid) (\n{indent(_age(3600))}\n  and {_XID} last_over_time({_COUNTED}[1h])\n)",
    labels=("xid",),
)
_SPREAD: Final = f"{_CARDS.name} >= {_MANY}"

# What comes back on the same card within a day was not mended by what was done about it.
_AGAIN: Final = 3
_NOW: Final = f"last_over_time({_COUNTED}[2m])"  # a missed scrape is bridged
_YESTERDAY: Final = f"last_over_time({_COUNTED}[1h] offset 1d)"
_IN_A_DAY: Final = f"{_NOW} - (\n{indent(f'{_YESTERDAY} or {_NOW} * 0')}\n)"  # one that is younger was 0 then
_BACK: Final = f"(\n{indent(_IN_A_DAY)}\n  >= {_AGAIN}\n  or\n  {_of_blamed(_GROWTH)} >= {_AGAIN} and {_RISE.name}\n)"
_REPEATED: Final = f"{_BACK}\nand {_XID}\n{_AGE.name}\nunless on (cluster, xid)\n  {_SPREAD}"

_OF_A_PROGRAM: Final = Record(
    name="lanewatch:gpu_xid_of_program:recent30m",
    expr=f"max without (class, action) (\n{indent(_had('application', TO_DO))}\n)",
    labels=("node", "gpu_uuid", "xid"),
)
_TEAMS: Final = latest(GPU_XID_OWNER_INFO.where(), (*PLACE, "owner_pod", "owner_container"), back=_RECENT)
# One ticket for each team that held the card then; one without a team where nobody knows.
_BY_TEAM: Final = f"{_TEAMS}\nand {_XID}\n  {_OF_A_PROGRAM.name}\nor\n{_OF_A_PROGRAM.name}\nunless {_XID}\n{_TEAMS}"

_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_WHO: Final = ["owner_namespace", "owner_pod", "owner_container"]
_OWNERS: Final = f"Owners:{tell(GPU_OWNER_INFO, _WHO, same='gpu_uuid')}."
_HELD_BY: Final = f"It was held by:{tell(GPU_XID_OWNER_INFO, _WHO, same='gpu_uuid', part='xid')}."
_HAD: Final = f"{_CARD} had Xid {{{{ $labels.xid }}}} within the last 30 minutes."
_FIRST: Final = "First thing to do: {{ $labels.action }}."

GROUP: Final = Group(
    name="lanewatch-xid",
    rules=found_once(
        "xid",
        *XIDS.records,
        _RISE,
        _GROWTH,
        _AGE,
        _CARDS,
        _OF_A_PROGRAM,
        Alert(
            name="LanewatchGpuXid",
            expr=_had("~hardware|link", URGENT),
            of="card",
            severity="page",
            layer="card",
            action=None,  # the series says it
            summary="The driver reported a hardware error of a card",
            description=f"{_HAD} {_FIRST} {_OWNERS}",
        ),
        Alert(
            name="LanewatchGpuDriverXid",
            expr=_had("driver", URGENT),
            of="card",
            severity="page",
            layer="driver",
            action=None,
            summary="Driver or firmware of a card failed",
            description=f"{_HAD} It is an error of driver or firmware. {_FIRST} {_OWNERS}",
        ),
        Alert(
            name="LanewatchGpuXidInspect",
            expr=_had("~driver|hardware|link", PATIENT),
            of="card",
            severity="ticket",
            layer="card",
            action=None,
            summary="The driver reported an error of a card that works on",
            description=f"{_HAD} It is of class {{{{ $labels.class }}}}, and the card may work on. {_FIRST} {_OWNERS}",
        ),
        Alert(
            name="LanewatchGpuXidUnknown",
            expr=_had("unknown", TO_DO),
            of="card",
            severity="ticket",
            layer="card",
            action=None,
            summary="The driver reported an error that no table of ours knows",
            description=f"{_HAD} The code is newer than this Lanewatch: look it up. {_OWNERS}",
        ),
        Alert(
            name="LanewatchGpuXidApplication",
            expr=_BY_TEAM,
            of="card",
            severity="ticket",
            layer="server",
            action="restart_app",
            summary="A program on a card made an error",
            description=(
                f"{_HAD} It is the program's own error"
                "{{ with $labels.owner_namespace }}, a matter of whoever runs namespace {{ . }}{{ end }}. "
                f"{_HELD_BY}"
            ),
        ),
        Alert(
            name="LanewatchGpuXidRepeated",
            expr=_REPEATED,
            of="card",
            severity="ticket",
            layer="card",
            action="inspect_hardware",
            summary="The same error comes back on one card, and on no others",
            description=(
                f"{_CARD} had Xid {{{{ $labels.xid }}}} at least {_AGAIN} times within a day, and it is not spread "
                "over other cards: the card is ill, or it alone runs the program that fails. "
                f"{_HELD_BY}"
            ),
        ),
        Alert(
            name="LanewatchXidOnManyGpus",
            expr=_SPREAD,
            severity="ticket",
            layer="driver",
            action="investigate",
            summary="Many cards had the same error",
            description=(
                "{{ $value }} cards had Xid {{ $labels.xid }} within the last hour. What they have in common is not "
                "one card: compare driver versions, and what ran on them, before any card is replaced."
            ),
        ),
        Alert(
            name="LanewatchNvswitchSxid",
            expr=rose_or_appeared(NVSWITCH_SXID_ERRORS.where(), _RECENT),
            severity="ticket",
            layer="node",
            action="look_up",
            summary="An NVSwitch reported an error",
            description=(
                "The NVSwitch at {{ $labels.pci_bus_id }} of node {{ $labels.node }} had SXid {{ $labels.sxid }} "
                "within the last 30 minutes. Traffic between its cards may fail while each card is well."
            ),
        ),
    ),
)
