"""What the names of dcgm-exporter mean: the name of up to 4.8, that of 4.9, our field, and how old units become ours.

Read in etc/default-counters.csv of 4.8.2 and the release notes of 4.9.0; where a name of 4.9 is not confirmed it is
empty. Our field is one of `Device`, with a key where that is a mapping. NVLink bandwidth has no field of ours: it is a
rate of all links at once, in a unit that changed without its name.
"""

from collections.abc import Callable
from typing import Final, NamedTuple


class Row(NamedTuple):
    """One quantity; `old_units` turns a value in the units of up to 4.8 into base units, which 4.9 gives itself."""

    old: str
    new: str
    field: str
    old_units: Callable[[float], float] = float
    is_of_instance: bool = False  # of a MIG instance; else of the board, however many instances repeat it


def _percent(value: float) -> float:
    return value / 100


def _mega(value: float) -> float:
    return value * 1e6


def _mebi(value: float) -> float:
    return value * (1 << 20)


def _milli(value: float) -> float:
    return value / 1e3


def _nano(value: float) -> float:
    return value / 1e9


ROWS: Final = (
    Row("FI_DEV_SM_CLOCK", "FI_DEV_SM_CLOCK_HERTZ", "clocks_hertz.sm", _mega),
    Row("FI_DEV_MEM_CLOCK", "FI_DEV_MEMORY_CLOCK_HERTZ", "clocks_hertz.memory", _mega),
    Row("FI_DEV_VIDEO_CLOCK", "", "clocks_hertz.video", _mega),
    Row("FI_DEV_GPU_TEMP", "FI_DEV_GPU_TEMP_CELSIUS", "temperatures_celsius.gpu"),
    Row("FI_DEV_MEMORY_TEMP", "FI_DEV_MEMORY_TEMP_CELSIUS", "temperatures_celsius.memory"),
    Row("FI_DEV_POWER_USAGE", "FI_DEV_BOARD_POWER_WATTS", "power_watts"),
    Row("FI_DEV_POWER_MGMT_LIMIT", "", "power_limit_watts"),
    Row("FI_DEV_TOTAL_ENERGY_CONSUMPTION", "FI_DEV_GPU_ENERGY_JOULES_TOTAL", "energy_joules", _milli),
    Row("FI_DEV_PCIE_REPLAY_COUNTER", "FI_DEV_PCIE_REPLAY_TOTAL", "pcie_replays"),
    Row("FI_DEV_PCIE_LINK_GEN", "", "pcie_generation.now"),
    Row("FI_DEV_PCIE_MAX_LINK_GEN", "", "pcie_generation.max"),
    Row("FI_DEV_PCIE_LINK_WIDTH", "", "pcie_width_lanes.now"),
    Row("FI_DEV_PCIE_MAX_LINK_WIDTH", "", "pcie_width_lanes.max"),
    Row("FI_DEV_FAN_SPEED", "", "fan_ratio.0", _percent),
    Row("FI_DEV_PSTATE", "", "performance_state"),
    Row("FI_DEV_GPU_UTIL", "FI_DEV_GPU_UTIL_RATIO", "utilization_ratio", _percent, is_of_instance=True),
    Row("FI_DEV_MEM_COPY_UTIL", "FI_DEV_MEMORY_UTIL_RATIO", "memory_copy_utilization_ratio", _percent, True),
    Row("FI_DEV_ENC_UTIL", "FI_DEV_ENC_UTIL_RATIO", "engine_utilization_ratio.encoder", _percent, True),
    Row("FI_DEV_DEC_UTIL", "FI_DEV_DEC_UTIL_RATIO", "engine_utilization_ratio.decoder", _percent, True),
    Row("FI_DEV_FB_TOTAL", "FI_DEV_FB_CAPACITY_BYTES", "memory_total_bytes", _mebi, is_of_instance=True),
    Row("FI_DEV_FB_USED", "FI_DEV_FB_USED_BYTES", "memory_used_bytes", _mebi, is_of_instance=True),
    Row("FI_DEV_FB_FREE", "FI_DEV_FB_FREE_BYTES", "memory_free_bytes", _mebi, is_of_instance=True),
    Row("FI_DEV_FB_RESERVED", "FI_DEV_FB_RESERVED_BYTES", "memory_reserved_bytes", _mebi, is_of_instance=True),
    Row("FI_DEV_BAR1_TOTAL", "", "bar1_total_bytes", _mebi),
    Row("FI_DEV_BAR1_USED", "", "bar1_used_bytes", _mebi),
    # nanoseconds by HELP since 4.x; older HELP texts said microseconds of the same numbers
    Row("FI_DEV_POWER_VIOLATION", "FI_DEV_GPU_POWER_THROTTLE_SECONDS_TOTAL", "throttle_seconds.power_cap", _nano),
    Row("FI_DEV_THERMAL_VIOLATION", "", "throttle_seconds.thermal", _nano),
    Row("FI_DEV_SYNC_BOOST_VIOLATION", "", "throttle_seconds.sync_boost", _nano),
    Row("FI_DEV_BOARD_LIMIT_VIOLATION", "", "throttle_seconds.board_limit", _nano),
    Row("FI_DEV_LOW_UTIL_VIOLATION", "", "throttle_seconds.low_utilization", _nano),
    Row("FI_DEV_RELIABILITY_VIOLATION", "", "throttle_seconds.reliability", _nano),
    Row("FI_DEV_ECC_SBE_AGG_TOTAL", "FI_DEV_ECC_SBE_AGG_TOTAL", "ecc_errors.corrected"),
    Row("FI_DEV_ECC_DBE_AGG_TOTAL", "FI_DEV_ECC_DBE_AGG_TOTAL", "ecc_errors.uncorrected"),
    Row("FI_DEV_RETIRED_SBE", "", "retired_pages.single_bit"),
    Row("FI_DEV_RETIRED_DBE", "", "retired_pages.double_bit"),
    Row("FI_DEV_CORRECTABLE_REMAPPED_ROWS", "FI_DEV_ROW_REMAP_CORRECTABLE_TOTAL", "row_remaps.corrected"),
    Row("FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL", "row_remaps.uncorrected"),
    Row("FI_DEV_ROW_REMAP_PENDING", "", "is_remap_pending"),
    Row("FI_DEV_ROW_REMAP_FAILURE", "FI_DEV_ROW_REMAP_FAILED", "is_remap_failed"),
    Row("FI_PROF_GR_ENGINE_ACTIVE", "FI_PROF_GR_ENGINE_UTIL_RATIO", "gpm_ratio.graphics_active", is_of_instance=True),
    Row("FI_PROF_SM_ACTIVE", "", "gpm_ratio.sm_active", is_of_instance=True),
    Row("FI_PROF_PIPE_TENSOR_ACTIVE", "FI_PROF_TENSOR_UTIL_RATIO", "gpm_ratio.tensor_active", is_of_instance=True),
    Row("FI_PROF_DRAM_ACTIVE", "FI_PROF_DRAM_UTIL_RATIO", "gpm_ratio.dram_active", is_of_instance=True),
    Row("FI_PROF_PCIE_TX_BYTES", "FI_PROF_PCIE_TX_BYTES", "pcie_bytes_per_second.tx"),
    Row("FI_PROF_PCIE_RX_BYTES", "FI_PROF_PCIE_RX_BYTES", "pcie_bytes_per_second.rx"),
)

LAST_XID: Final = ("DCGM_FI_DEV_XID_ERRORS", "DCGM_FI_DEV_XID_ERROR")  # the code of the last one; 0: none so far
XIDS_TOTAL: Final = "DCGM_EXP_XID_ERRORS_TOTAL"  # 4.8.3; `…_COUNT` is of a window and falls: it counts nothing
OLD_NAMES: Final = {f"DCGM_{row.old}": row for row in ROWS}
NEW_NAMES: Final = {f"DCGM_{row.new}": row for row in ROWS if row.new and row.new != row.old}

# What proves the units of the new names, for DCGM 4.6 had some of them as aliases of fields in old units.
NEW_DRIVER_LABEL: Final = "DCGM_FI_SYSTEM_DRIVER_VERSION"
DRIVER_LABELS: Final = (NEW_DRIVER_LABEL, "DCGM_FI_DRIVER_VERSION")
SMALLEST_NEW: Final = {"clocks_hertz": 1e6, "memory_used_bytes": 1e6, "memory_total_bytes": 1e6}  # of what is not 0
LARGEST_NEW: Final = {"utilization_ratio": 1.0, "memory_copy_utilization_ratio": 1.0, "engine_utilization_ratio": 1.0}
