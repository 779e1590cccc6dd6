"""What is read of a card, how often, and in which of the driver's ways: a table of small readers.

The driver's units become base units here. What a card does not have is left out, never 0.
"""

from typing import Any, Final, NamedTuple

from exporter.sources.nvml import MEMORY_V2, NOT_AVAILABLE, CallFailedError, Card, Reader, UnsupportedError, Values
from exporter.sources.nvml_batches import (
    ECC_ERRORS,
    ENERGY,
    LIMIT_BOUNDS,
    POWER_INSTANT,
    REPLAYS,
    instead_of,
    read_fast,
    read_links,
    read_slow,
)
from exporter.sources.nvml_gpm import Gpm
from exporter.sources.nvml_samples import BusyTime, PowerPeak
from exporter.sources.nvml_use import read_processes, read_sharing

_SLOWEST_STATE: Final = 15


def _text(field: str, function: str) -> Reader:
    return lambda card: {field: card.call(function)}


def _number(field: str, function: str, *arguments: object) -> Reader:
    """Return a reader of one number into `field`, or into `field.key` where that is a mapping."""
    return lambda card: _at(field, card.call(function, *arguments))


def _thousandths(field: str, function: str) -> Reader:
    return lambda card: _at(field, card.call(function) / 1000)


def _megahertz(field: str, function: str, number: int) -> Reader:
    return lambda card: _at(field, card.call(function, number) * 1_000_000)


def _percent_and_period(field: str, function: str) -> Reader:
    return lambda card: _percent(field, card.call(function)[0])


def _percent(field: str, percent: int) -> Values:
    return _at(field, percent / 100) if percent <= 100 else {}  # above: one of the N/A


def _at(field: str, value: float) -> Values:
    name, _, key = field.partition(".")
    return {name: {key: value}} if key else {name: value}


def _temperature(card: Card) -> Values:
    return {"temperatures_celsius": {"gpu": card.call("nvmlDeviceGetTemperatureV", 0)}}


def _pci_bus_id(card: Card) -> Values:
    return {"pci_bus_id": card.call("nvmlDeviceGetPciInfo_v3").busId}


def _driver_version(card: Card) -> Values:
    return {"driver_version": card.driver.call_once("nvmlSystemGetDriverVersion")}


def _cuda_version(card: Card) -> Values:
    version = card.driver.call_once("nvmlSystemGetCudaDriverVersion_v2")
    return {"cuda_version": f"{version // 1000}.{version % 1000 // 10}"}


def _memory_v2(card: Card) -> Values:
    memory = card.call("nvmlDeviceGetMemoryInfo", MEMORY_V2)
    return {**_memory(memory), **_known({"memory_reserved_bytes": memory.reserved})}


def _memory_v1(card: Card) -> Values:
    """Read what drivers before 510 know: they count what is reserved as used."""
    return _memory(card.call("nvmlDeviceGetMemoryInfo"))


def _memory(memory: Any) -> Values:  # noqa: ANN401  # pynvml ships no types
    return _known(
        {
            "memory_total_bytes": memory.total,
            "memory_used_bytes": memory.used,
            "memory_free_bytes": memory.free,
        }
    )


def _known(values: Values) -> Values:
    return {name: value for name, value in values.items() if value not in NOT_AVAILABLE}


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


def _bar1(card: Card) -> Values:
    memory = card.call("nvmlDeviceGetBAR1MemoryInfo")
    return _known({"bar1_total_bytes": memory.bar1Total, "bar1_used_bytes": memory.bar1Used})


def _fans(card: Card) -> Values:
    """Read every fan; above 1 is a fan that turns faster than it was meant to, which is no N/A."""
    fans = range(card.call("nvmlDeviceGetNumFans"))
    if not fans:
        raise UnsupportedError("fans")  # a card that somebody else's fan cools
    return {"fan_ratio": {str(fan): card.call("nvmlDeviceGetFanSpeed_v2", fan) / 100 for fan in fans}}


def _fan(card: Card) -> Values:
    return {"fan_ratio": {"0": card.call("nvmlDeviceGetFanSpeed") / 100}}


def _limit_bounds(card: Card) -> Values:
    low, high = card.call("nvmlDeviceGetPowerManagementLimitConstraints")
    return {"power_limits_watts": {"min": low / 1000, "max": high / 1000}}


def _performance_state(card: Card) -> Values:
    state = card.call("nvmlDeviceGetPerformanceState")
    if state > _SLOWEST_STATE:
        raise CallFailedError("the performance state is unknown")
    return {"performance_state": state}


def _pcie_throughput(card: Card) -> Values:
    """Read both directions; each call measures for 20 ms."""
    directions = {"tx": 0, "rx": 1}
    kib = {name: card.call("nvmlDeviceGetPcieThroughput", number) for name, number in directions.items()}
    return {"pcie_bytes_per_second": {name: value * 1024.0 for name, value in kib.items()}}


_MIN, _, _DEFAULT = LIMIT_BOUNDS


class Field(NamedTuple):
    """What is read together, how often in intervals, and by the first of these readers that the card supports."""

    name: str
    every: int
    readers: tuple[Reader, ...]


ONCE, EACH, THIRD, TWELFTH = 0, 1, 3, 12  # with the default interval: at start, every 5 s, 15 s and 60 s


MODEL: Final = Field("model", ONCE, (_text("model", "nvmlDeviceGetName"),))
MEMORY: Final = Field("memory", EACH, (_memory_v2, _memory_v1))
PROCESSES: Final = Field("processes", THIRD, (read_processes,))

# Eight H100 cost 813 calls a minute with the default interval, 993 in the first one; `test_nvml_budget.py` counts.
# Each MIG instance adds seven a minute.
FIELDS: Final = (
    MODEL,
    Field("pci bus id", ONCE, (_pci_bus_id,)),
    Field("driver version", ONCE, (_driver_version,)),
    Field("cuda version", ONCE, (_cuda_version,)),
    Field("vbios version", ONCE, (_text("vbios_version", "nvmlDeviceGetVbiosVersion"),)),
    Field("pcie generation max", ONCE, (_number("pcie_generation.max", "nvmlDeviceGetMaxPcieLinkGeneration"),)),
    Field("pcie width max", ONCE, (_number("pcie_width_lanes.max", "nvmlDeviceGetMaxPcieLinkWidth"),)),
    *(
        Field(
            f"clock {domain} max",
            ONCE,
            (_megahertz(f"clocks_max_hertz.{domain}", "nvmlDeviceGetMaxClockInfo", number),),
        )
        for number, domain in enumerate(("graphics", "sm", "memory", "video"))
    ),
    *(
        Field(
            f"limit {limit}",
            ONCE,
            (_number(f"temperature_limits_celsius.{limit}", "nvmlDeviceGetTemperatureThreshold", number),),
        )
        for number, limit in enumerate(("shutdown", "slowdown", "memory_max"))
    ),
    MEMORY,
    Field("utilization", EACH, (_utilization,)),
    Field("field values", EACH, (read_fast,)),
    Field("power", EACH, (instead_of(POWER_INSTANT, _thousandths("power_watts", "nvmlDeviceGetPowerUsage")),)),
    Field(
        "energy",
        THIRD,
        (instead_of(ENERGY, _thousandths("energy_joules", "nvmlDeviceGetTotalEnergyConsumption")),),
    ),
    Field(
        "clock events",
        THIRD,
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
    Field("margin", THIRD, (_number("temperature_margin_celsius", "nvmlDeviceGetMarginTemperature"),)),
    Field("clock graphics", THIRD, (_megahertz("clocks_hertz.graphics", "nvmlDeviceGetClockInfo", 0),)),
    Field("pcie generation", THIRD, (_number("pcie_generation.now", "nvmlDeviceGetCurrPcieLinkGeneration"),)),
    PROCESSES,
    *(
        Field(f"clock {domain}", TWELFTH, (_megahertz(f"clocks_hertz.{domain}", "nvmlDeviceGetClockInfo", number),))
        for number, domain in ((1, "sm"), (2, "memory"), (3, "video"))
    ),
    *(
        Field(
            engine,
            TWELFTH,
            (_percent_and_period(f"engine_utilization_ratio.{engine}", f"nvmlDeviceGet{name}Utilization"),),
        )
        for engine, name in (("encoder", "Encoder"), ("decoder", "Decoder"), ("jpeg", "Jpg"), ("ofa", "Ofa"))
    ),
    Field("pcie width", TWELFTH, (_number("pcie_width_lanes.now", "nvmlDeviceGetCurrPcieLinkWidth"),)),
    Field("performance state", TWELFTH, (_performance_state,)),
    Field("bar1", TWELFTH, (_bar1,)),
    Field("fans", TWELFTH, (_fans, _fan)),
    Field("power limit", TWELFTH, (_thousandths("power_limit_watts", "nvmlDeviceGetEnforcedPowerLimit"),)),
    Field("slow field values", TWELFTH, (read_slow,)),
    Field("links", TWELFTH, (read_links,)),
    Field(
        "power limit default",
        ONCE,
        (instead_of(_DEFAULT, _thousandths("power_limits_watts.default", "nvmlDeviceGetPowerManagementDefaultLimit")),),
    ),
    Field("power limit bounds", ONCE, (instead_of(_MIN, _limit_bounds),)),
    *(
        Field(
            f"ecc {kind}",
            TWELFTH,
            (instead_of(key, _number(f"ecc_errors.{kind}", "nvmlDeviceGetTotalEccErrors", place, 1)),),
        )
        for place, (key, kind) in enumerate(ECC_ERRORS.items())
    ),
    Field("replays", TWELFTH, (instead_of(REPLAYS, _number("pcie_replays", "nvmlDeviceGetPcieReplayCounter")),)),
    Field("sharing", TWELFTH, (read_sharing,)),
)
FIELDS_OF_AN_INSTANCE: Final = (MODEL, MEMORY, PROCESSES._replace(every=TWELFTH // THIRD))


class Options(NamedTuple):
    """What the configuration says about the reading, as the child gets it."""

    interval_seconds: float
    library: str
    peak_window_seconds: float
    serial: bool
    pcie_throughput: bool


def fields_of_a_card(options: Options) -> tuple[Field, ...]:
    """Return what to read of one card: some of its readers remember, so each card has its own."""
    fields = [
        *FIELDS,
        Field("busy time", THIRD, (BusyTime().read,)),
        Field("power peak", THIRD, (PowerPeak(options.peak_window_seconds).read,)),
        Field("gpm", TWELFTH, (Gpm().read,)),
    ]
    if options.serial:
        fields.append(Field("serial", ONCE, (_text("serial", "nvmlDeviceGetSerial"),)))
    if options.pcie_throughput:
        fields.append(Field("pcie throughput", THIRD, (_pcie_throughput,)))
    return tuple(fields)
