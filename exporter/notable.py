"""What is not as on a well card, or node, told once more under a name of its own.

Nearly all series of a fleet say that nothing happened: 0 of each Xid, up of each link, as many lanes as there could be.
Each is there for whoever asks, and for the first event to be a rise. Who asks for what is wrong with thousands of
cards would look at all of them: what is told here again is all that there is to look at.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.metric import Metric, Sample

Told = Mapping[Metric, Sequence[Sample]]

NEAR_SLOWDOWN_CELSIUS: Final = 20  # a card that stops its fans on purpose does so when cooler
NEAR_MEMORY_LIMIT_CELSIUS: Final = 5
LITTLE_LEFT: Final = 0.05  # of the memory of a card
FULL: Final = 0.95  # of the window through which others reach it
LOWERED: Final = 0.99  # of the default: power limits are set in whole watts
FANTASTIC: Final = 2  # times the highest power limit of the card: nothing draws that for minutes
LEAST_WATTS: Final = 1  # the most frugal card draws more while it does nothing
WORKS: Final = 0.1  # of the time: what does less may sleep
# What an agent, an exporter and a log shipper ask for together: on the reference node 0.05 are 0.75 cores and 2.7 GiB.
LEAST_FREE: Final = 0.05
FILLS_NODE: Final = 1 - LEAST_FREE
DRIFTED: Final = 0.05  # a kubelet that reserves a little more is no news
MISSED_READINGS: Final = 3
GRACE_SECONDS: Final = 30  # the longest deadline of a reading, and the page that is made of it

_SUBJECT: Final = 2  # a card is known by its node and its name, a source by its name, which is all of its labels

Test = Callable[[Sample, Told], bool]


def _beside(sample: Sample, told: Told, metric: Metric, part: str = "") -> float | None:
    """Return what the same page tells of the same card or source: the value of `metric`, of that part of it."""
    subject = sample.labels[:_SUBJECT]
    wanted = (*subject, part) if part else subject
    return next((one.value for one in told.get(metric, ()) if one.labels == wanted), None)


def _unlike(usual: float, state: str = "") -> Test:
    """Return whether a value is not the usual one, and its series not that of the usual state."""
    return lambda sample, _told: sample.value != usual and not (state and _is_of(sample, state))


def _below(metric: Metric, share: float, *, part: str = "", other: str = "") -> Test:
    """Return whether the value of a series, of this part, is below a share of that of `metric`, of its other part."""
    return lambda sample, told: (
        _is_of(sample, part) and sample.value < share * (_beside(sample, told, metric, other) or 0.0)
    )


def _is_of(sample: Sample, part: str) -> bool:
    return not part or sample.labels[-1] == part


def _is_nobodys(sample: Sample, _told: Told) -> bool:
    return sample.value != 0 and (_is_of(sample, "unattributed") or _is_of(sample, "unresolved"))


def _is_full(sample: Sample, told: Told) -> bool:
    whole = _beside(sample, told, c.GPU_BAR1_TOTAL)
    return whole is not None and sample.value > FULL * whole


def _is_near_memory_limit(sample: Sample, told: Told) -> bool:
    limit = _beside(sample, told, c.GPU_TEMPERATURE_LIMIT, "memory_max")
    return _is_of(sample, "memory") and limit is not None and limit - sample.value < NEAR_MEMORY_LIMIT_CELSIUS


def _is_implausible(sample: Sample, told: Told) -> bool:
    """Whether no card draws so many watts, or so few while it works."""
    highest, busy = _beside(sample, told, c.GPU_POWER_LIMITS, "max"), _beside(sample, told, c.GPU_UTILIZATION)
    is_too_much = highest is not None and sample.value > FANTASTIC * highest
    return is_too_much or (sample.value < LEAST_WATTS and busy is not None and busy > WORKS)


def _is_throttled(sample: Sample, told: Told) -> bool:
    """Whether there was any; the sum of heat of both kinds says nothing where the card tells the worse kind apart."""
    if sample.value == 0 or not _is_of(sample, "thermal"):
        return sample.value != 0
    return all(_beside(sample, told, metric, "hw_thermal") is None for metric in (c.GPU_THROTTLE, c.GPU_CLOCK_EVENT))


def _is_stale(sample: Sample, told: Told) -> bool:
    """Whether a source that says that it works was read long before another one of the same page."""
    newest = max(one.value for one in told[c.SOURCE_LAST_SUCCESS])
    interval, is_up = _beside(sample, told, c.SOURCE_INTERVAL), _beside(sample, told, c.SOURCE_UP)
    return bool(is_up) and interval is not None and newest - sample.value > MISSED_READINGS * interval + GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class Notable:
    """The metric under which it is told again, and which series of it; whether the lowest of several is the worst."""

    metric: Metric
    is_told: Test
    is_low: bool = False


_NOT_ZERO: Final = _unlike(0.0)
_NOT_ONE: Final = _unlike(1.0)

NOTABLE: Final[Mapping[Metric, Notable]] = {
    c.SOURCE_UP: Notable(c.NOTABLE_SOURCE_UP, _NOT_ONE, is_low=True),
    c.SOURCE_ERRORS: Notable(c.NOTABLE_SOURCE_ERRORS, _unlike(0.0, state="absent")),
    c.SOURCE_LAST_SUCCESS: Notable(c.NOTABLE_SOURCE_LAST_SUCCESS, _is_stale),
    c.POOL_VIOLATION: Notable(c.NOTABLE_POOL_VIOLATION, _NOT_ZERO),
    c.NODE_CARD_AGREEMENT: Notable(c.NOTABLE_NODE_CARD_AGREEMENT, _unlike(0.0, state="agree")),
    c.NODE_CARD_ODD_VIEW: Notable(c.NOTABLE_NODE_CARD_ODD_VIEW, _NOT_ZERO),
    c.NODE_BASELINE: Notable(c.NOTABLE_NODE_BASELINE, _NOT_ONE, is_low=True),
    c.LANE_REQUEST_RATIO: Notable(c.NOTABLE_LANE_REQUEST_RATIO, lambda sample, _told: sample.value >= FILLS_NODE),
    c.LANE_REQUEST_DRIFT: Notable(c.NOTABLE_LANE_REQUEST_DRIFT, lambda sample, _told: abs(sample.value) > DRIFTED),
    c.AGENT_UP: Notable(c.NOTABLE_AGENT_UP, _NOT_ONE, is_low=True),
    c.GPU_UP: Notable(c.NOTABLE_UP, _NOT_ONE, is_low=True),
    c.GPU_UNAVAILABLE: Notable(c.NOTABLE_UNAVAILABLE, _NOT_ZERO),
    c.GPU_SHARING: Notable(c.NOTABLE_SHARING, _unlike(0.0, state="none")),
    c.GPU_MEMORY_FREE: Notable(c.NOTABLE_MEMORY_FREE, _below(c.GPU_MEMORY_TOTAL, LITTLE_LEFT), is_low=True),
    c.GPU_MEMORY_PART: Notable(c.NOTABLE_MEMORY_PART, _is_nobodys),
    c.GPU_BAR1_USED: Notable(c.NOTABLE_BAR1_USED, _is_full),
    c.GPU_POWER: Notable(c.NOTABLE_POWER, _is_implausible),
    c.GPU_POWER_LIMIT: Notable(
        c.NOTABLE_POWER_LIMIT, _below(c.GPU_POWER_LIMITS, LOWERED, other="default"), is_low=True
    ),
    c.GPU_TEMPERATURE: Notable(c.NOTABLE_TEMPERATURE, _is_near_memory_limit),
    c.GPU_TEMPERATURE_MARGIN: Notable(
        c.NOTABLE_TEMPERATURE_MARGIN, lambda sample, _told: sample.value < NEAR_SLOWDOWN_CELSIUS, is_low=True
    ),
    c.GPU_FAN: Notable(c.NOTABLE_FAN, lambda sample, _told: sample.value == 0.0),
    c.GPU_PCIE_GENERATION: Notable(
        c.NOTABLE_PCIE_GENERATION, _below(c.GPU_PCIE_GENERATION, 1.0, part="under_load", other="max"), is_low=True
    ),
    c.GPU_PCIE_WIDTH: Notable(
        c.NOTABLE_PCIE_WIDTH, _below(c.GPU_PCIE_WIDTH, 1.0, part="under_load", other="max"), is_low=True
    ),
    c.GPU_PCIE_REPLAYS: Notable(c.NOTABLE_PCIE_REPLAYS, _NOT_ZERO),
    c.GPU_PCIE_ERRORS: Notable(c.NOTABLE_PCIE_ERRORS, _NOT_ZERO),
    c.GPU_ECC_ERRORS: Notable(c.NOTABLE_ECC_ERRORS, _NOT_ZERO),
    c.GPU_RETIRED_PAGES: Notable(c.NOTABLE_RETIRED_PAGES, _NOT_ZERO),
    c.GPU_ROW_REMAPS: Notable(c.NOTABLE_ROW_REMAPS, _NOT_ZERO),
    c.GPU_REMAP_PENDING: Notable(c.NOTABLE_REMAP_PENDING, _NOT_ZERO),
    c.GPU_REMAP_FAILED: Notable(c.NOTABLE_REMAP_FAILED, _NOT_ZERO),
    c.GPU_RECOVERY_ACTION: Notable(c.NOTABLE_RECOVERY_ACTION, _unlike(0.0, state="none")),
    c.GPU_NVLINK_UP: Notable(c.NOTABLE_NVLINK_UP, _NOT_ONE, is_low=True),
    c.GPU_NVLINK_ERRORS: Notable(c.NOTABLE_NVLINK_ERRORS, _NOT_ZERO),
    c.GPU_XID_ERRORS: Notable(c.NOTABLE_XID_ERRORS, _NOT_ZERO),
    c.GPU_EVENTS: Notable(c.NOTABLE_EVENTS, _NOT_ZERO),
    c.GPU_OWNERSHIP: Notable(c.NOTABLE_OWNERSHIP, _NOT_ZERO),
    c.GPU_PART_PROCESSES: Notable(
        c.NOTABLE_PART_PROCESSES, lambda sample, _told: _is_of(sample, "dead") and sample.value > 0
    ),
    c.GPU_CLOCK_EVENT: Notable(c.NOTABLE_CLOCK_EVENT, _unlike(0.0, state="idle")),
    c.GPU_THROTTLE: Notable(c.NOTABLE_THROTTLE, _is_throttled),
}


def told_again(told: Told) -> Iterator[tuple[Metric, Sequence[Sample]]]:
    """Yield all that is told, each followed by what of it is told again."""
    for metric, samples in told.items():
        yield metric, samples
        if (again := NOTABLE.get(metric)) is not None:
            yield again.metric, [one for one in samples if again.is_told(one, told)]
