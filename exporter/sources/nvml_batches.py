"""Field values: the driver's way to read many facts in one call, in three batches by how often they change."""

from collections.abc import Mapping
from typing import Final

from exporter.sources.nvml import Card, FieldKey, Reader, UnsupportedError, Values

_Found = Mapping[FieldKey, float]

POWER_INSTANT: Final = 186
ENERGY: Final = 191
LIMIT_BOUNDS: Final = {187: "min", 188: "max", 189: "default"}  # milliwatts
ECC_ERRORS: Final = {5: "corrected", 6: "uncorrected"}  # over the card's life
REPLAYS: Final = 94
_POWER_AVERAGE: Final = 185
_MEMORY_TEMPERATURE: Final = 82
_THROTTLE_REASONS: Final = {  # nanoseconds -> reason
    74: "power_cap",
    75: "thermal",
    76: "sync_boost",
    77: "board_limit",
    78: "low_utilization",
    79: "reliability",
    269: "sw_thermal",
    270: "hw_thermal",
    271: "power_brake",
}
_RETIRED_PAGES: Final = {29: "single_bit", 30: "double_bit"}
_PENDING_PAGES: Final = 31
_ROW_REMAPS: Final = {142: "corrected", 143: "uncorrected"}
_REMAP_PENDING, _REMAP_FAILED = 144, 145
_RECOVERY: Final = 230
RECOVERY_ACTIONS: Final = {
    0: "none",
    1: "reset_gpu",
    2: "reboot_node",
    3: "drain_p2p",
    4: "drain_and_reset",
    5: "recover_imex",
    6: "reset_bus",
    7: "reboot_system",
}
_PCIE_ERRORS: Final = {
    173: "correctable",
    174: "nak_received",
    175: "receiver",
    176: "bad_tlp",
    177: "nak_sent",
    178: "bad_dllp",
    179: "non_fatal",
    180: "fatal",
    181: "unsupported_request",
    182: "lcrc",
    183: "lane",
}
_LINK_STATE: Final = 165
_LINK_ERRORS: Final = {
    161: "replay",
    162: "recovery",
    163: "crc",
    213: "recovery_succeeded",
    214: "recovery_failed",
    219: "effective",
    221: "symbol",
}
_MOST_LINKS: Final = 18

_FAST: Final = (POWER_INSTANT, _POWER_AVERAGE, ENERGY, _MEMORY_TEMPERATURE, *_THROTTLE_REASONS)
_SLOW: Final = (
    *LIMIT_BOUNDS,
    *ECC_ERRORS,
    *_RETIRED_PAGES,
    _PENDING_PAGES,
    *_ROW_REMAPS,
    _REMAP_PENDING,
    _REMAP_FAILED,
    _RECOVERY,
    REPLAYS,
    *_PCIE_ERRORS,
)
_OF_LINKS: Final = tuple((number, link) for link in range(_MOST_LINKS) for number in (_LINK_STATE, *_LINK_ERRORS))


def read_fast(card: Card) -> Values:
    """Read power, energy, the memory's temperature, and for how long the clock was held down for which reason."""
    found = card.field_values(_FAST)
    throttled = {reason: found[number] / 1e9 for number, reason in _THROTTLE_REASONS.items() if number in found}
    memory = {"memory": found[_MEMORY_TEMPERATURE]} if _MEMORY_TEMPERATURE in found else {}
    return {
        "throttle_seconds": throttled,
        "temperatures_celsius": memory,
        **_scaled(
            found, {POWER_INSTANT: "power_watts", _POWER_AVERAGE: "power_average_watts", ENERGY: "energy_joules"}
        ),
    }


def read_slow(card: Card) -> Values:
    """Read what changes once in a lifetime: limits, errors, and what the card wants done about them."""
    found = card.field_values(_SLOW)
    values: Values = {
        "power_limits_watts": {name: value / 1000 for name, value in _named(found, LIMIT_BOUNDS).items()},
        "ecc_errors": _counted(found, ECC_ERRORS),
        "retired_pages": _counted(found, _RETIRED_PAGES),
        "row_remaps": _counted(found, _ROW_REMAPS),
        "pcie_errors": _counted(found, _PCIE_ERRORS),
    }
    pending = [found[number] for number in (_REMAP_PENDING, _PENDING_PAGES) if number in found]
    if pending:
        values["is_remap_pending"] = any(pending)
    if _REMAP_FAILED in found:
        values["is_remap_failed"] = bool(found[_REMAP_FAILED])
    if _RECOVERY in found:
        values["recovery_action"] = RECOVERY_ACTIONS.get(int(found[_RECOVERY]), "unknown")
    if REPLAYS in found:
        values["pcie_replays"] = int(found[REPLAYS])
    return values


def read_links(card: Card) -> Values:
    """Read state and errors of all NVLinks."""
    found = card.field_values(_OF_LINKS)
    links = {link for number, link in _OF_LINKS if (number, link) in found}
    return {"nvlinks": [_link(found, link) for link in sorted(links)]}


def _link(found: _Found, link: int) -> Values:
    state = found.get((_LINK_STATE, link))
    errors = {name: int(found[number, link]) for number, name in _LINK_ERRORS.items() if (number, link) in found}
    return {"index": link, "is_up": None if state is None else state != 0, "errors": errors}


def instead_of(key: FieldKey, reader: Reader) -> Reader:
    """Return `reader` for a card that has no field value `key`, and one that reads nothing for a card that has."""

    def read(card: Card) -> Values:
        if key not in card.unsupported:
            raise UnsupportedError(f"field value {key} says it")
        return reader(card)

    return read


def _named(found: _Found, names: Mapping[int, str]) -> dict[str, float]:
    return {name: found[number] for number, name in names.items() if number in found}


def _counted(found: _Found, names: Mapping[int, str]) -> dict[str, int]:
    return {name: int(value) for name, value in _named(found, names).items()}


def _scaled(found: _Found, names: Mapping[int, str]) -> dict[str, float]:
    return {name: value / 1000 for name, value in _named(found, names).items()}
