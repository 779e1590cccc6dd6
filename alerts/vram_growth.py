"""Memory of a card that grows above its owner's own steady level, and when it will be used up.

Never plain percent: a server that takes all its memory when it starts is steady at 95 %, and well. A card is compared
with itself, while it belongs to the same pods; one that was given to others begins anew.
"""

from typing import Final

from alerts.card_words import CARD, OWNERS, read_out
from alerts.found import found_once
from alerts.promql import indent, recent
from alerts.rare import told_lately
from alerts.rule import Alert, Group, Record
from exporter.catalogue import GPU_MEMORY_FREE, GPU_MEMORY_TOTAL, GPU_MEMORY_USED, GPU_OWNER_INFO

_KEY: Final = "cluster, node, gpu_uuid"
_LABELS: Final = ("node", "gpu_uuid")
_OF_OWNER: Final = (*_LABELS, "owner_namespace", "owner_pod")

# Of its time: high enough that the working hours of each day are part of the level, and a growth is seen for hours.
_USUAL: Final = 0.75
_GROWN: Final = 0.02  # of that: libraries and graphs take some hundred MiB after a server has become ready
_SOON_SECONDS: Final = 4 * 3600
_SLOPE_SECONDS: Final = 2 * 3600

_RIGHTFUL: Final = GPU_OWNER_INFO.where(source="~device_plugin|dra")
# What the whole card has in use, under the name of each owner: so that a window over it ends where the owner came.
_OWNED: Final = Record(
    name="lanewatch:gpu_memory_owned:bytes",
    expr=(
        f"max by ({_KEY}, owner_namespace, owner_pod) ({_RIGHTFUL})\n"
        f"* on ({_KEY}) group_left ()\nmax by ({_KEY}) ({GPU_MEMORY_USED})"
    ),
    labels=_OF_OWNER,
)
_OWNS: Final = f"present_over_time({_OWNED.name}[6m])"  # a look that missed a scrape is bridged


def _once_known(expr: str, seconds: int) -> str:
    """Return `expr`, by owner, as that of the card: once all who own it now have owned it for so long."""
    fresh = f"{_OWNS}\n  unless\n  present_over_time({_OWNED.name}[10m] offset {seconds // 60}m)"
    return f"max by ({_KEY}) (\n{indent(expr)}\n  and {_OWNS}\n)\nunless on ({_KEY})\n(\n  {fresh}\n)"


_STEADY: Final = Record(
    name="lanewatch:gpu_memory_steady:bytes",
    expr=_once_known(f"quantile_over_time({_USUAL}, {_OWNED.name}[1d])", 3600),
    labels=_LABELS,
)
# A step that is over, and memory that comes and goes, have a slope too: it counts while the lowest of the last half
# hour is above the highest of the first, and still rises.
_SLOPE: Final = Record(
    name="lanewatch:gpu_memory_growth:deriv2h",
    expr=_once_known(
        f"deriv({_OWNED.name}[{_SLOPE_SECONDS // 3600}h])\n"
        f"and min_over_time({_OWNED.name}[30m]) > max_over_time({_OWNED.name}[30m] offset 90m)\n"
        f"and deriv({_OWNED.name}[30m]) > 0",
        _SLOPE_SECONDS + 1800,
    ),
    labels=_LABELS,
)
_FREE: Final = recent(GPU_MEMORY_FREE.where(), pick="min")
_TOTAL: Final = recent(GPU_MEMORY_TOTAL.where())
_ABOVE: Final = f"(\n{indent(recent(GPU_MEMORY_USED.where()))}\n  - on ({_KEY}) group_left ()\n  {_STEADY.name}\n)"

GROUP: Final = Group(
    name="lanewatch-vram-growth",
    interval="5m",  # of each card a day is sorted by size
    rules=found_once(
        "vram_growth",
        _OWNED,
        _STEADY,
        _SLOPE,
        Alert(
            name="LanewatchVramNearlyFull",
            expr=(
                f"{_ABOVE}\n  > on ({_KEY}) group_left ()\n  {_GROWN} * {_STEADY.name}\n"
                f"and on ({_KEY})\n{told_lately(GPU_MEMORY_FREE)}"
            ),
            for_="10m",
            of="card",
            severity="ticket",
            layer="server",
            action="restart_lane",
            summary="The memory of a card grew above its steady level, and little is left",
            description=(
                f"{CARD} has {{{{ $value | humanize1024 }}}}B more in use than its owners held for three quarters "
                f"of the last day, and {read_out(GPU_MEMORY_FREE.where(gpu_uuid='%s'), 'humanize1024')}B left, for 10 "
                f"minutes. The next large request may fail. {OWNERS}"
            ),
        ),
        Alert(
            name="LanewatchVramRunsOut",
            expr=(
                f"(\n{indent(_FREE)}\n  / on ({_KEY}) group_left ()\n  {_SLOPE.name}\n)\n  < {_SOON_SECONDS}\n"
                f"and on ({_KEY})\n{_SLOPE.name} * {_SLOPE_SECONDS}\n  > on ({_KEY}) group_right ()\n"
                f"{_GROWN} *\n{_TOTAL}"
            ),
            for_="15m",
            of="card",
            severity="ticket",
            layer="server",
            action="restart_lane",
            summary="The memory of a card will be used up within hours",
            description=(
                f"The memory in use of card {{{{ $labels.gpu_uuid }}}} on node {{{{ $labels.node }}}} has grown for "
                f"2 hours; as it grows now, the {read_out(GPU_MEMORY_FREE.where(gpu_uuid='%s'), 'humanize1024')}B that "
                f"are left last for {{{{ $value | humanizeDuration }}}}. {OWNERS}"
            ),
        ),
    ),
)
