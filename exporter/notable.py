"""What is not as on a well card, told once more under a name of its own.

Nearly all series of a fleet say that nothing happened: 0 of each Xid, up of each link, eight states that a card is not
in. Each is there for whoever asks, and for the first event to be a rise. Who asks for what is wrong with thousands of
cards would look at all of them: what is told here again is all that there is to look at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter import catalogue as c
from exporter.metric import Metric, Sample


@dataclass(frozen=True, slots=True)
class Notable:
    """The metric under which it is told again, the value of a well card, and the state of one, which is not told."""

    metric: Metric
    usual: float = 0.0
    state: str = ""

    def is_in(self, labels: Iterable[str], value: float) -> bool:
        """Whether a series with these label values and this value is told again."""
        return value != self.usual and not (self.state and self.state in labels)


NOTABLE: Final[Mapping[Metric, Notable]] = {
    c.GPU_UP: Notable(c.NOTABLE_UP, usual=1.0),
    c.GPU_UNAVAILABLE: Notable(c.NOTABLE_UNAVAILABLE),
    c.GPU_PCIE_ERRORS: Notable(c.NOTABLE_PCIE_ERRORS),
    c.GPU_ECC_ERRORS: Notable(c.NOTABLE_ECC_ERRORS),
    c.GPU_RETIRED_PAGES: Notable(c.NOTABLE_RETIRED_PAGES),
    c.GPU_ROW_REMAPS: Notable(c.NOTABLE_ROW_REMAPS),
    c.GPU_REMAP_PENDING: Notable(c.NOTABLE_REMAP_PENDING),
    c.GPU_REMAP_FAILED: Notable(c.NOTABLE_REMAP_FAILED),
    c.GPU_RECOVERY_ACTION: Notable(c.NOTABLE_RECOVERY_ACTION, state="none"),
    c.GPU_NVLINK_UP: Notable(c.NOTABLE_NVLINK_UP, usual=1.0),
    c.GPU_NVLINK_ERRORS: Notable(c.NOTABLE_NVLINK_ERRORS),
    c.GPU_XID_ERRORS: Notable(c.NOTABLE_XID_ERRORS),
    c.GPU_EVENTS: Notable(c.NOTABLE_EVENTS),
    c.GPU_OWNERSHIP: Notable(c.NOTABLE_OWNERSHIP),
    c.GPU_CLOCK_EVENT: Notable(c.NOTABLE_CLOCK_EVENT, state="idle"),
    c.GPU_THROTTLE: Notable(c.NOTABLE_THROTTLE),
}


def told_again(told: Mapping[Metric, list[Sample]]) -> Iterator[tuple[Metric, list[Sample]]]:
    """Yield all that is told, each followed by what of it is told again."""
    for metric, samples in told.items():
        yield metric, samples
        if (again := NOTABLE.get(metric)) is not None:
            yield again.metric, [one for one in samples if again.is_in(one.labels, one.value)]
