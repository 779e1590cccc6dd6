"""Numbers by the name of a field, as the fields of a `Device`: `clocks_hertz.sm` is the key `sm` of `clocks_hertz`."""

from collections.abc import Mapping
from typing import Any, Final

_WHOLE: Final = frozenset(
    {
        "memory_total_bytes",
        "memory_used_bytes",
        "memory_free_bytes",
        "memory_reserved_bytes",
        "bar1_total_bytes",
        "bar1_used_bytes",
        "performance_state",
        "pcie_replays",
        "pcie_generation",
        "pcie_width_lanes",
        "ecc_errors",
        "retired_pages",
        "row_remaps",
    }
)
_CLAIMS: Final = frozenset({"is_remap_pending", "is_remap_failed", "clock_events"})


def nest(values: Mapping[str, float]) -> dict[str, Any]:
    """Return arguments for `Device`, each of its field's type."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        base, _, key = name.partition(".")
        if key:
            nested.setdefault(base, {})[key] = _typed(base, value)
        else:
            nested[base] = _typed(base, value)
    return nested


def _typed(base: str, value: float) -> float | bool:
    if base in _CLAIMS:
        return value != 0
    return round(value) if base in _WHOLE else float(value)
