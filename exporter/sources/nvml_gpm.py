"""GPM: how busy the parts of the chip were between two samples, on cards of Hopper's generation and later.

It takes no profiling lock. Older cards have these numbers only with the lock that a profiler needs too: not for us.
"""

from typing import Any, Final

from exporter.sources.nvml import Card, UnsupportedError, Values

_RATIOS: Final = {
    1: "graphics_active",
    2: "sm_active",
    3: "sm_occupancy",
    5: "tensor_active",
    10: "dram_active",
    11: "fp64_active",
    12: "fp32_active",
    13: "fp16_active",
}


class Gpm:
    """Two samples of one card, the newer one overwriting the older: the driver owns their memory."""

    def __init__(self) -> None:
        self._before: Any = None
        self._spare: Any = None

    def read(self, card: Card) -> Values:
        """Return the ratios since the reading before; nothing at the first one."""
        if self._spare is None:
            self._refuse_without_support(card)
            self._spare = card.driver.call("nvmlGpmSampleAlloc")
        newest = card.call("nvmlGpmSampleGet", self._spare)
        before, self._before = self._before, newest
        if before is None:
            self._spare = card.driver.call("nvmlGpmSampleAlloc")
            return {}
        self._spare = before
        found = card.gpm_ratios((before, newest), _RATIOS)
        return {"gpm_ratio": {_RATIOS[number]: ratio for number, ratio in found.items()}}

    def _refuse_without_support(self, card: Card) -> None:
        support = card.driver.call("nvmlGpmQueryDeviceSupport", card.handle)
        if not support.isSupportedDevice:
            raise UnsupportedError("GPM")
