"""The NVLinks of a card: one that went down, and one that fails more and more."""

from typing import Final

from alerts.counters import rose
from alerts.found import found_once
from alerts.promql import PLACE, latest_that
from alerts.rule import Alert, Group
from exporter.catalogue import GPU_NVLINK_ERRORS, GPU_NVLINK_UP

_CARD: Final = "Card {{ $labels.gpu_uuid }} on node {{ $labels.node }}"
_PLACE: Final = ", ".join(PLACE)
# A link that leads nowhere is down for ever. One look an hour: samples of a week of every link of a fleet are too many.
_WAS_UP: Final = f"max without ({_PLACE}) (max_over_time({GPU_NVLINK_UP}[7d:1h])) == 1"
_DOWN: Final = f"{latest_that(GPU_NVLINK_UP.where(), '== 0', pick='min')}\nand\n{_WAS_UP}"

# Of kinds that a good link has now and then, what goes on for 15 minutes; of the others, any. `symbol` errors and
# recoveries that succeeded are how such a link works.
_A_MINUTE: Final = 1
_OFTEN: Final = GPU_NVLINK_ERRORS.where(kind="~crc|effective|replay")
_EVER: Final = GPU_NVLINK_ERRORS.where(kind="~recovery|recovery_failed")
_FAILS: Final = f"max without ({_PLACE}) (rate({_OFTEN}[15m]) * 60 > {_A_MINUTE})\nor\n{rose(_EVER, '15m')}"

GROUP: Final = Group(
    name="lanewatch-nvlink",
    interval="1m",  # a week of every link is read
    rules=found_once(
        Alert(
            name="LanewatchGpuNvlinkDown",
            expr=_DOWN,
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
