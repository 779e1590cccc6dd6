"""What holds the clock of a card down, as a share of time, and whether somebody lowered its power limit.

Heat and a failing supply are faults; a power cap under full load is how cards work, and information.
"""

from typing import Final

from alerts.card_words import CARD, OWNERS, read_out
from alerts.found import found_once
from alerts.promql import indent
from alerts.rare import NOW, looked, only, told, told_lately
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    GPU_CLOCK_EVENT,
    GPU_POWER_LIMIT,
    GPU_POWER_LIMITS,
    GPU_THROTTLE,
    GPU_UTILIZATION,
)

_JOIN: Final = "on (cluster, node, gpu_uuid)"
_LABELS: Final = ("node", "gpu_uuid", "reason")
_REASONS: Final = "hw_slowdown|hw_thermal|power_brake|power_cap|sw_thermal|thermal"

_ODD_SPIKES: Final = 0.05  # of the time: what is less is a load that begins, and nobody feels it
_FELT: Final = 0.25  # while a card slows itself down its clock is halved or worse: an eighth of all work is gone
_WARM_ROOM: Final = 0.2
_CAPPED: Final = 0.5
# Of an idle card the driver may say for hours that its clock is held down; it harms nobody.
_IDLE_RATIO: Final = 0.1

# Whoever tells them, the driver's counters are one: merged first, a replaced agent and a second scraper change nothing.
_SECONDS: Final = Record(
    name="lanewatch:gpu_throttle_seconds:max",
    expr=told(GPU_THROTTLE, reason=f"~{_REASONS}"),
    labels=_LABELS,
)
_EVENTS: Final = Record(
    name=f"lanewatch:gpu_clock_event{NOW}",
    expr=told(GPU_CLOCK_EVENT, reason=f"~{_REASONS}"),
    labels=_LABELS,
)
_LOOKS: Final = looked("gpu_clock_event")
# Not every driver counts every reason: of what it only shows, the share of looks. What is less than a spike now and
# then nobody asks for.
SHARE: Final = Record(
    name="lanewatch:gpu_throttle:share10m",
    expr=(
        f"rate({_SECONDS.name}[10m]) > {_ODD_SPIKES}\n"
        f"or\nsum_over_time({_EVENTS.name}[10m]) / scalar(sum_over_time({_LOOKS.name}[10m])) > {_ODD_SPIKES}\n"
        f"  unless last_over_time({_SECONDS.name}[10m])"
    ),
    labels=_LABELS,
)
_IDLE: Final = Record(
    name="lanewatch:gpu_idle:mean10m",
    expr=only(f"avg_over_time({GPU_UTILIZATION}[10m])", f"< {_IDLE_RATIO}"),
    labels=("node", "gpu_uuid"),
)


def _share(reasons: str) -> str:
    return f'{SHARE.name}{{reason=~"{reasons}"}}'


def _under_load(reason: str) -> str:
    """Return the share of time of this reason, unless the card is known to be idle."""
    return f"(\n  {_share(reason)}\n  unless {_JOIN} {_IDLE.name}\n)"


# `hw_slowdown` is set beside the reason for it, where the card knows one; `thermal` is the sum of heat of both kinds.
_BY_HARDWARE: Final = Record(
    name="lanewatch:gpu_hardware_throttle:share10m",
    expr=(
        f"{_share('hw_thermal|power_brake')}\n"
        f"or\n{_share('thermal')}\n"
        f"or\n(\n{indent(_under_load('hw_slowdown'))}\n"
        f"  unless {_JOIN}\n  {_share('hw_thermal|power_brake|thermal')}\n)"
    ),
    labels=_LABELS,
)
# `thermal` alone may be the driver's own foresight, and pages nobody.
_SLOWED: Final = f'{_BY_HARDWARE.name}{{reason!="thermal"}} > {_FELT}'


def _with_action(expr: str) -> str:
    """Return `expr` with what to do first as a label: it follows from the reason."""
    cooled = f'label_replace(\n{indent(expr)},\n  "action", "improve_cooling", "reason", ".*thermal"\n)'
    return f'label_replace(\n{indent(cooled)},\n  "action", "check_power", "reason", "power_brake|hw_slowdown"\n)'


_SHARE_OF_TIME: Final = "{{ $value | humanizePercentage }} of the last 10 minutes"

GROUP: Final = Group(
    name="lanewatch-throttle",
    rules=found_once(
        "throttle",
        _SECONDS,
        _EVENTS,
        _LOOKS,
        SHARE,
        _IDLE,
        _BY_HARDWARE,
        Alert(
            name="LanewatchGpuSlowedByHardware",
            expr=_with_action(_SLOWED),
            for_="2m",
            of="card",
            severity="page",
            layer="card",
            action=None,  # it follows from the reason
            summary="A card slows itself down so much that users feel it",
            description=(
                f"{CARD} held its own clock down for {_SHARE_OF_TIME}, because of {{{{ $labels.reason }}}}: "
                f"it protects itself. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuThrottledByHardware",
            expr=_with_action(f"{_BY_HARDWARE.name}\nunless\n{_SLOWED}"),
            for_="10m",
            of="card",
            severity="ticket",
            layer="card",
            action=None,
            summary="A card slows itself down time and again",
            description=(
                f"{CARD} held its own clock down for {_SHARE_OF_TIME}, because of {{{{ $labels.reason }}}}, and has "
                f"done so for 10 minutes. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuThrottledForHeat",
            expr=f"{_under_load('sw_thermal')} > {_WARM_ROOM}",
            for_="30m",
            of="card",
            severity="ticket",
            layer="card",
            action="improve_cooling",
            summary="The driver slows a card down so that it does not get too hot",
            description=(
                f"The driver held the clock of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} down for "
                f"{_SHARE_OF_TIME} because of heat, and has done so for 30 minutes. The card is well; the air around "
                f"it is not. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuPowerCapped",
            expr=f"{_under_load('power_cap')} > {_CAPPED}",
            for_="1h",
            of="card",
            severity="info",
            layer="card",
            action="none",
            summary="The power limit decides how fast a card is",
            description=(
                f"{CARD} was held at its power limit for {_SHARE_OF_TIME}, for an hour. That is normal under full "
                f"load; more speed needs more watts or another card. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchGpuPowerLimitLowered",
            expr=told_lately(GPU_POWER_LIMIT),
            for_="15m",
            of="card",
            severity="ticket",
            layer="card",
            action="fix_configuration",
            summary="The power limit of a card is below its default",
            description=(
                f"{CARD} may draw {{{{ $value | humanize }}}} W, its default is "
                f"{read_out(GPU_POWER_LIMITS.where(bound='default', gpu_uuid='%s'))} W. Somebody lowered it, or the "
                f"card fell back to less after a fault of its supply. {OWNERS}"
            ),
        ),
    ),
)
