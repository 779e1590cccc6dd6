"""Where two sources that read the same card contradict each other, and which of them stands still.

Utilisation is left out: two samplers with windows of their own never agree on it. Tolerances are what two honest
readers of one card differ by, read seconds apart while a server loads.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.snapshot import Device, Gpus

_GONE: Final = frozenset({"lost", "missing"})
STILL_READINGS: Final = 5
STILL_SECONDS: Final = 90.0  # three of dcgm-exporter's own periods: asked more often, it repeats itself and is well

_MOVING: Final[Mapping[str, Callable[[Device], float | None]]] = {  # what changes by itself on a card that works
    "energy": lambda device: device.energy_joules,
    "power": lambda device: device.power_watts,
    "memory": lambda device: device.memory_used_bytes,
    "temperature": lambda device: device.temperatures_celsius.get("gpu"),
    "clock": lambda device: device.clocks_hertz.get("sm"),
    "utilization": lambda device: device.utilization_ratio,
}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Whether two sources contradict each other about one field of one card."""

    gpu_uuid: str
    field: str
    is_true: bool


def compare(nvml: Gpus, dcgm: Gpus) -> Iterator[Disagreement]:
    """Yield one verdict for each card and each field that both sources tell."""
    ours, theirs = _cards(nvml), _cards(dcgm)
    for uuid in sorted({*ours, *theirs}):
        mine, other = ours.get(uuid), theirs.get(uuid)
        yield Disagreement(uuid, "presence", mine is None or other is None)
        if mine is not None and other is not None:
            yield from _compare_card(mine, other)


def _cards(gpus: Gpus) -> dict[str, Device]:
    """Return the whole cards that are there: a source that remembers the name of a lost card does not see it."""
    return {
        device.uuid: device for device in gpus.devices if not device.parent_uuid and device.unavailable not in _GONE
    }


def _compare_card(mine: Device, other: Device) -> Iterator[Disagreement]:
    for field, (read, tolerance) in _FIELDS.items():
        left, right = read(mine), read(other)
        if left is not None and right is not None:
            yield Disagreement(mine.uuid, field, abs(left - right) > tolerance(max(abs(left), abs(right))))
    if mine.driver_version and other.driver_version:
        yield Disagreement(mine.uuid, "driver_version", mine.driver_version != other.driver_version)


_FIELDS: Final[Mapping[str, tuple[Callable[[Device], float | None], Callable[[float], float]]]] = {
    "memory_used": (_MOVING["memory"], lambda larger: max(0.02 * larger, 256 << 20)),
    "temperature": (_MOVING["temperature"], lambda _larger: 5.0),
    "power": (_MOVING["power"], lambda larger: max(0.15 * larger, 10.0)),
}


@dataclass(frozen=True, slots=True)
class Motion:
    """How the values of one card move in one source: what they are, how long so, and when they changed before."""

    values: Mapping[str, float]
    since: float  # Unix time of the reading that first said so
    readings: int = 0  # readings since then that said the same
    changes: tuple[float, ...] = ()  # Unix times of the last few changes


def moving_values(device: Device) -> dict[str, float]:
    """Return what moves on a card that works, as far as it is known."""
    return {name: value for name, read in _MOVING.items() if (value := read(device)) is not None}


def follow(before: Motion | None, values: Mapping[str, float], now: float) -> Motion:
    """Return the motion after one more reading, which said `values`."""
    if before is None or before.values.keys() != values.keys():
        return Motion(values, now)
    if before.values == values:
        return Motion(values, before.since, before.readings + 1, before.changes)
    return Motion(values, now, 0, (*before.changes, now)[-STILL_READINGS:])


def is_frozen(motion: Motion, other: Motion, now: float) -> bool:
    """Whether a source repeats itself about a card while `other` saw it change all the time."""
    is_still = motion.readings >= STILL_READINGS and now - motion.since >= STILL_SECONDS
    moves = [at for at in other.changes if at > motion.since]
    return bool(motion.values) and is_still and len(moves) >= STILL_READINGS
