"""Whether Lanewatch can read what it reads: a source that fails takes its series away, and silence is no health."""

from typing import Final

from alerts.promql import PLACE, bridged, indent
from alerts.rare import again, lately
from alerts.rule import Alert, Group, Record
from exporter.catalogue import (
    CONFIG_RELOAD_OK,
    GPUS,
    READER_STUCK,
    SOURCE_ERRORS,
    SOURCE_LAST_SUCCESS,
    SOURCE_UP,
)
from exporter.errors import SOURCE_ERROR_KINDS
from exporter.notable import MISSED_READINGS

EXPORTER_NODE: Final = "lanewatch:exporter_node:info"

_BY: Final = "cluster, instance"
_REMEMBERED: Final = "15m"  # as long as what an exporter said before it was replaced is alerted
_TELLS_OF: Final = f"group by ({_BY}, node) (last_over_time({GPUS}[{_REMEMBERED}]))"


# `instance` and `pod` stay: the source is one of this exporter, and its place is the name of the patient.
_DOWN: Final = lately(str(again(SOURCE_UP)))
# A machine without a card or a kubelet is no failure. It is one that it worked before it failed, or that it is there
# and refuses: `absent` is the only kind of error that says that there is nothing to read.
_ONCE_WORKED: Final = "lanewatch:source_that_worked:down"
_WORKED: Final = Record(
    name=_ONCE_WORKED,
    expr=(
        f"{_DOWN}\nand (\n  last_over_time({SOURCE_LAST_SUCCESS}[{_REMEMBERED}])\n"
        f"  or\n  last_over_time({_ONCE_WORKED}[{_REMEMBERED}])\n)"
    ),
    labels=("source",),
)
_THERE: Final = again(SOURCE_ERRORS).where(kind="~" + "|".join(kind for kind in SOURCE_ERROR_KINDS if kind != "absent"))
_REFUSES: Final = f"sum without (kind) (increase({_THERE}[10m])) > 0"


def named_by_node(expr: str) -> str:
    """Return `expr`, whose series have `instance`, by the node of that exporter instead, where it tells of one.

    An exporter that was replaced is the same patient then.
    """
    inner = indent(expr, 4)
    return (
        f"max without ({', '.join(PLACE)}) (\n"
        f"  (\n{inner}\n  ) * on ({_BY}) group_left (node) {EXPORTER_NODE}\n"
        f"  or\n"
        f"  (\n{inner}\n  ) unless on ({_BY}) {EXPORTER_NODE}\n"
        f")"
    )


OF_NODE: Final = "{{ with $labels.node }} of node {{ . }}{{ end }}"  # the watcher tells of no node of its own

GROUP: Final = Group(
    name="lanewatch-sources",
    rules=(
        Record(
            name=EXPORTER_NODE,
            # one address that stands for several nodes, as behind a proxy, is none: it could not be joined
            expr=f"{_TELLS_OF}\nunless on ({_BY}) (\n  count by ({_BY}) (\n    {_TELLS_OF}\n  ) > 1\n)",
            labels=("node",),
        ),
        _WORKED,
        Alert(
            name="LanewatchSourceDown",
            expr=f"{_ONCE_WORKED}\nor\n{_DOWN}\n  and {_REFUSES}",
            for_="5m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="A source of Lanewatch cannot be read",
            description=(
                "Source {{ $labels.source }} of exporter {{ $labels.instance }} fails for 5 minutes. Its series are "
                "absent, not healthy; the exporter's log says what it expected and found."
            ),
        ),
        Alert(
            name="LanewatchSourceStale",
            expr=named_by_node(lately(str(again(SOURCE_LAST_SUCCESS)))),
            for_="2m",
            severity="ticket",
            layer="exporter",
            action="restore_source",
            summary="A source of Lanewatch says nothing new",
            description=(
                f"The exporter{OF_NODE} last read source {{{{ $labels.source }}}} at "
                f"{{{{ $value | humanizeTimestamp }}}}, more than {MISSED_READINGS} of its intervals before its "
                "newest reading of another, and says that it works. What it shows of it is old."
            ),
        ),
        Alert(
            name="LanewatchConfigRefused",
            expr=named_by_node(f"{bridged(str(CONFIG_RELOAD_OK))} == 0"),
            for_="10m",  # a file that is written in two steps, or is just being mended, is not worth a ticket
            severity="ticket",
            layer="exporter",
            action="fix_configuration",
            summary="A changed configuration of Lanewatch is not taken",
            description=(
                f"The exporter{OF_NODE} refuses its changed file ({{{{ $labels.file }}}}) for 10 minutes. The one "
                "before still holds, and the next start may fail; the log says which key, what was expected and found."
            ),
        ),
        Alert(
            name="LanewatchReaderStuck",
            expr=named_by_node(f"{bridged(str(READER_STUCK))} > 0"),
            for_="1m",
            severity="ticket",
            layer="driver",
            action="reboot_node",
            summary="A call into the driver never returns",
            description=(
                f"Reader processes{OF_NODE} that hang in a driver call and do not end when told to: {{{{ $value }}}}. "
                "Whatever else calls the driver there may hang as well; only a reboot of the node clears it."
            ),
        ),
    ),
)
