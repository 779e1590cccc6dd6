"""The NVLinks of a card: one that went down, and one that fails more and more."""

from typing import Final

from alerts.found import found_once
from alerts.promql import bridged
from alerts.rare import Rare, held, told
from alerts.rule import Alert, Group, Record
from exporter.catalogue import GPU_NVLINK_ERRORS, GPU_NVLINK_UP

_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_REMEMBERED_DAYS: Final = 7
# Links are told of together, so one of them says whether a card tells of its links.
_KNOWN: Final = GPU_NVLINK_UP.where(link="0")

_DOWN: Final = Rare(
    name="gpu_nvlink_down",
    picked=told(GPU_NVLINK_UP),
    known=_KNOWN,
    within="",  # it is asked for by the time at which it went down
    labels=("node", "gpu_uuid", "link"),
    away=(1, 6),  # a node that is mended may come back without a link
)
# A link that leads nowhere is down for ever: what counts is when one that was up went down.
_WENT: Final = "lanewatch:gpu_nvlink_went_down:timestamp"
_WENT_DOWN: Final = Record(
    name=_WENT,
    expr=f"{_DOWN.new.name} + time()\nor\nlast_over_time({_WENT}[{_REMEMBERED_DAYS}d]) and {_DOWN.now.name}",
    labels=_DOWN.labels,
)
_LATELY: Final = f"time() - {bridged(_WENT)} < {_REMEMBERED_DAYS * 86400}"
_IS_DOWN: Final = f"{held(_DOWN.now.name)}\nand\n{_LATELY}"

# Of kinds that a good link has now and then, what goes on for 15 minutes; of the others, any. `symbol` errors and
# recoveries that succeeded are how such a link works.
_MINUTES: Final = 15
_A_MINUTE: Final = 1
_OFTEN: Final = 'kind=~"crc|effective|replay"'
_EVER: Final = 'kind=~"recovery|recovery_failed"'
_ERRORS: Final = Rare(
    name="gpu_nvlink_errors",
    picked=told(GPU_NVLINK_ERRORS),
    known=_KNOWN,
    within=f"{_MINUTES}m",
    labels=(*_DOWN.labels, "kind"),
)
_GREW: Final = Record(
    name="lanewatch:gpu_nvlink_errors:increase15m", expr=_ERRORS.grew(_ERRORS.within), labels=_ERRORS.labels
)
_ROSE: Final = Record(name="lanewatch:gpu_nvlink_errors:rose15m", expr=_ERRORS.rose(), labels=_ERRORS.labels)
_FAILS: Final = f"{_GREW.name}{{{_OFTEN}}} > {_A_MINUTE * _MINUTES}\nor\n{_ROSE.name}{{{_EVER}}}"

GROUP: Final = Group(
    name="lanewatch-nvlink",
    rules=found_once(
        "nvlink",
        *_DOWN.records,
        _WENT_DOWN,
        *_ERRORS.records,
        _GREW,
        _ROSE,
        Alert(
            name="LanewatchGpuNvlinkDown",
            expr=_IS_DOWN,
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="drain_and_inspect",
            summary="An NVLink of a card went down",
            description=(
                f"{_CARD}: NVLink {{{{ $labels.link }}}} is down for 5 minutes, and it was up within the last week. A "
                "lane over several cards is slower, or hangs."
            ),
        ),
        Alert(
            name="LanewatchGpuNvlinkErrors",
            expr=_FAILS,
            for_="5m",
            of="card",
            severity="ticket",
            layer="card",
            action="drain_and_inspect",
            summary="An NVLink of a card fails again and again",
            description=(
                f"{_CARD}: NVLink {{{{ $labels.link }}}} has errors of kind {{{{ $labels.kind }}}} for 5 minutes. A "
                "bad link makes a lane over several cards slow before it stops it."
            ),
        ),
    ),
)
