"""What is read of a card, how often, and in which of the driver's ways: a table of small readers.

The driver's units become base units here. What a card does not have is left out, never 0.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from exporter.sources.nvml import MEMORY_V2, Card, Reader, UnsupportedError, Values


def _text(field: str, function: str) -> Reader:
    return lambda card: {field: card.call(function)}


def _number(field: str, function: str, *arguments: object) -> Reader:
    """Return a reader of one number into `field`, or into `field.key` where that is a mapping."""
    return lambda card: _at(field, card.call(function, *arguments))


def _thousandths(field: str, function: str) -> Reader:
    return lambda card: _at(field, card.call(function) / 1000)


def _megahertz(domain: str, number: int) -> Reader:
    return lambda card: _at(f"clocks_hertz.{domain}", card.call("nvmlDeviceGetClockInfo", number) * 1_000_000)


def _at(field: str, value: float) -> Values:
    name, _, key = field.partition(".")
    return {name: {key: value}} if key else {name: value}


def _temperature(card: Card) -> Values:
    return {"temperatures_celsius": {"gpu": card.call("nvmlDeviceGetTemperatureV", 0)}}


def _pci_bus_id(card: Card) -> Values:
    return {"pci_bus_id": card.call("nvmlDeviceGetPciInfo_v3").busId}


def _driver_version(card: Card) -> Values:
    return {"driver_version": card.driver.call("nvmlSystemGetDriverVersion")}


def _cuda_version(card: Card) -> Values:
    version = card.driver.call("nvmlSystemGetCudaDriverVersion_v2")
    return {"cuda_version": f"{version // 1000}.{version % 1000 // 10}"}


def _memory_v2(card: Card) -> Values:
    memory = card.call("nvmlDeviceGetMemoryInfo", MEMORY_V2)
    return {**_memory(memory), "memory_reserved_bytes": memory.reserved}


def _memory_v1(card: Card) -> Values:
    """Read what drivers before 510 know: they count what is reserved as used."""
    return _memory(card.call("nvmlDeviceGetMemoryInfo"))


def _memory(memory: Any) -> Values:  # noqa: ANN401  # pynvml ships no types
    return {
        "memory_total_bytes": memory.total,
        "memory_used_bytes": memory.used,
        "memory_free_bytes": memory.free,
    }


def _utilization(card: Card) -> Values:
    rates = card.call("nvmlDeviceGetUtilizationRates")
    percents = {"utilization_ratio": rates.gpu, "memory_copy_utilization_ratio": rates.memory}
    return {name: percent / 100 for name, percent in percents.items() if percent <= 100}  # above: one of the N/A


_CLOCK_EVENTS: Final = {
    0x1: "idle",
    0x2: "application_clocks",
    0x4: "power_cap",
    0x8: "hw_slowdown",
    0x10: "sync_boost",
    0x20: "sw_thermal",
    0x40: "hw_thermal",
    0x80: "power_brake",
    0x100: "display",
}


def _clock_events(function: str) -> Reader:
    def read(card: Card) -> Values:
        bits = card.call(function)
        events = {name: bool(bits & bit) for bit, name in _CLOCK_EVENTS.items()}
        # Newer drivers set bits that no table knows, at times informational ones: one reason for all of them.
        return {"clock_events": {**events, "unknown": bool(bits & ~sum(_CLOCK_EVENTS))}}

    return read


_THROTTLE_REASONS: Final = {  # field value, in nanoseconds -> reason
    74: "power_cap",
    75: "thermal",
    76: "sync_boost",
    77: "board_limit",
    78: "low_utilization",
    79: "reliability",
}
_MEMORY_TEMPERATURE: Final = 82  # field value


def _field_values(card: Card) -> Values:
    found = card.field_values((*_THROTTLE_REASONS, _MEMORY_TEMPERATURE))
    memory = found.pop(_MEMORY_TEMPERATURE, None)
    return {
        "throttle_seconds": {_THROTTLE_REASONS[number]: value / 1e9 for number, value in found.items()},
        "temperatures_celsius": {} if memory is None else {"memory": memory},
    }


def _running(kind: str, version: str) -> Reader:
    """Return a reader of one of the driver's lists of processes: pid -> bytes, None where the driver does not say."""
    function = f"nvmlDeviceGet{kind}RunningProcesses_{version}"
    return lambda card: {"running": {process.pid: process.usedGpuMemory for process in card.call(function)}}


_COMPUTE: Final = (_running("Compute", "v3"), _running("Compute", "v2"))
_GRAPHICS: Final = (_running("Graphics", "v3"), _running("Graphics", "v2"))


def _processes(card: Card) -> Values:
    """Read both lists; a process in both is one process that computes."""
    compute = _pids(card, _COMPUTE)
    graphics = _pids(card, _GRAPHICS)
    if compute is None:
        raise UnsupportedError("processes")
    both = sorted({**(graphics or {}), **compute}.items())
    return {
        "processes": [{"pid": pid, "memory_bytes": size, "is_graphics": pid not in compute} for pid, size in both],
    }


def _pids(card: Card, readers: Iterable[Reader]) -> dict[int, int | None] | None:
    return card.read(readers).get("running")


class Field(NamedTuple):
    """What is read together, how often in intervals, and by the first of these readers that the card supports."""

    name: str
    every: int
    readers: tuple[Reader, ...]


ONCE, EACH, THIRD, TWELFTH = 0, 1, 3, 12  # with the default interval: at start, every 5 s, 15 s and 60 s


# Eight cards cost 852 calls a minute with the default interval; `test_nvml_reading.py` counts them.
FIELDS: Final = (
    Field("model", ONCE, (_text("model", "nvmlDeviceGetName"),)),
    Field("pci bus id", ONCE, (_pci_bus_id,)),
    Field("driver version", ONCE, (_driver_version,)),
    Field("cuda version", ONCE, (_cuda_version,)),
    Field("pcie generation max", ONCE, (_number("pcie_generation.max", "nvmlDeviceGetMaxPcieLinkGeneration"),)),
    Field("pcie width max", ONCE, (_number("pcie_width_lanes.max", "nvmlDeviceGetMaxPcieLinkWidth"),)),
    Field("memory", EACH, (_memory_v2, _memory_v1)),
    Field("utilization", EACH, (_utilization,)),
    Field("power", EACH, (_thousandths("power_watts", "nvmlDeviceGetPowerUsage"),)),
    Field(
        "clock events",
        EACH,
        (
            _clock_events("nvmlDeviceGetCurrentClocksEventReasons"),
            _clock_events("nvmlDeviceGetCurrentClocksThrottleReasons"),  # its name before driver 535
        ),
    ),
    Field(
        "temperature",
        THIRD,
        (_temperature, _number("temperatures_celsius.gpu", "nvmlDeviceGetTemperature", 0)),  # the old function
    ),
    Field("clock graphics", THIRD, (_megahertz("graphics", 0),)),
    Field("clock sm", THIRD, (_megahertz("sm", 1),)),
    Field("clock memory", THIRD, (_megahertz("memory", 2),)),
    Field("clock video", THIRD, (_megahertz("video", 3),)),
    Field("pcie generation", THIRD, (_number("pcie_generation.now", "nvmlDeviceGetCurrPcieLinkGeneration"),)),
    Field("pcie width", THIRD, (_number("pcie_width_lanes.now", "nvmlDeviceGetCurrPcieLinkWidth"),)),
    Field("energy", THIRD, (_thousandths("energy_joules", "nvmlDeviceGetTotalEnergyConsumption"),)),
    Field("field values", THIRD, (_field_values,)),
    Field("processes", THIRD, (_processes,)),
    Field("power limit", TWELFTH, (_thousandths("power_limit_watts", "nvmlDeviceGetEnforcedPowerLimit"),)),
)
