"""One series of a simulated fleet over time: how it moves while all is well, and what a fault does to it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from exporter import catalogue as c
from exporter.metric import Metric
from exporter.notable import NOTABLE

CARD_NAME: Final = "a1b2c3d4"  # in the golden page's cards

_CAP: Final = "power_cap"
# What moves, each second; of attempts, those that went well, and of reasons to slow down the power limit.
_PER_SECOND: Final[Mapping[str, float]] = {
    str(c.GPU_ENERGY): 650.0,
    str(c.GPU_BUSY): 0.97,
    str(c.GPU_THROTTLE): 0.001,
    str(c.SOURCE_LAST_SUCCESS): 1.0,
    str(c.SOURCE_CALLS): 29.0,
    str(c.PROBE_LAST_TURN): 1.0,
    str(c.PROBE_LAST_ATTEMPT): 1.0,
    str(c.BACKEND_PROGRESS): 1.0,
    str(c.PROBE_SLO_EVENTS): 1 / 30,
    str(c.LANE_SERVED_EVENTS): 1 / 30,
    str(c.ENGINE_TOKENS): 40.0,
    str(c.ENGINE_BUSY): 0.3,
    str(c.PROBE_ATTEMPTS): 1 / 30,
    str(c.PROBES): 1 / 30,
    str(c.LANE_PROBE_ATTEMPTS): 1 / 30,
}
_SWINGS: Final = frozenset(
    str(metric)
    for metric in (
        c.GPU_UTILIZATION,
        c.GPU_MEMORY_COPY_UTILIZATION,
        c.GPU_POWER,
        c.GPU_POWER_AVERAGE,
        c.GPU_TEMPERATURE,
    )
)
_SWING: Final = (-0.02, -0.01, 0.0, 0.01, 0.02)  # of its value


@dataclass(frozen=True, slots=True)
class Clock:
    """When samples were taken, in whole seconds, what time it is, and in how many seconds faults begin."""

    times: range
    now: int
    ill_in: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its value at the clock's now, by how much a fault raises it, and whether it is there before."""

    name: str
    labels: Mapping[str, str]
    value: float
    raised: float = 0.0
    is_born_ill: bool = False

    def samples(self, clock: Clock) -> Iterator[tuple[int, float]]:
        """Yield milliseconds and values."""
        speed = self._speed()
        for number, at in enumerate(clock.times):
            is_ill = at >= clock.now + clock.ill_in
            if self.is_born_ill and not is_ill:
                continue
            swing = self.value * _SWING[number % len(_SWING)] if self.name in _SWINGS else 0.0
            raised = self.raised if is_ill else 0.0
            yield at * 1000, self.value + speed * (at - clock.now) + swing + raised

    def _speed(self) -> float:
        is_well = self.labels.get("outcome", "ok") == "ok" and self.labels.get("reason", _CAP) == _CAP
        return _PER_SECOND.get(self.name, 0.0) if is_well else 0.0


Fault = Callable[[Series], Iterator[Series]]


def _raised(by: float, metric: Metric, **labels: str) -> Fault:
    """Return a fault of the first card of a node, and what is told again of it from then on."""
    wanted = {**labels, "gpu_uuid": f"GPU-{CARD_NAME}-0000-4000-8000-{0:012}"}.items()
    again = str(NOTABLE[metric].metric)

    def fault(one: Series) -> Iterator[Series]:
        if one.name != str(metric) or not wanted <= one.labels.items():
            yield one
            return
        yield replace(one, raised=by)
        yield replace(one, name=again, raised=by, is_born_ill=True)

    return fault


# A handful; each is an alert, in a fleet where nothing else is.
FAULTS: Final[Mapping[str, Fault]] = {
    "LanewatchGpuXid": _raised(1.0, c.GPU_XID_ERRORS, xid="79"),
    "LanewatchGpuEccUncorrected": _raised(1.0, c.GPU_ECC_ERRORS, kind="uncorrected"),
    "LanewatchGpuUnavailable": _raised(-1.0, c.GPU_UP),
    "LanewatchGpuRowRemapFailed": _raised(1.0, c.GPU_REMAP_FAILED),
    "LanewatchGpuNvlinkDown": _raised(-1.0, c.GPU_NVLINK_UP, link="3"),
}
