"""Families of the cards: what could be read is there, what could not is absent."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

from exporter import catalogue as c
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import UNAVAILABLE_REASONS, Device, Snapshot

SHARING_MODES: Final = ("none", "mig", "mps", "vgpu")
RECOVERY_ACTIONS: Final = (
    "none",
    "reset_gpu",
    "reboot_node",
    "drain_p2p",
    "drain_and_reset",
    "recover_imex",
    "reset_bus",
    "reboot_system",
    "unknown",
)


def _margin(device: Device) -> float | None:
    """Return the card's own word first: some count from where they begin to slow down, which is below that limit."""
    if device.temperature_margin_celsius is not None:
        return device.temperature_margin_celsius
    limit, now = device.temperature_limits_celsius.get("slowdown"), device.temperatures_celsius.get("gpu")
    return None if limit is None or now is None else limit - now


_SCALARS: Final[tuple[tuple[Metric, Callable[[Device], float | None]], ...]] = (
    (c.GPU_MEMORY_TOTAL, attrgetter("memory_total_bytes")),
    (c.GPU_MEMORY_USED, attrgetter("memory_used_bytes")),
    (c.GPU_MEMORY_FREE, attrgetter("memory_free_bytes")),
    (c.GPU_MEMORY_RESERVED, attrgetter("memory_reserved_bytes")),
    (c.GPU_UTILIZATION, attrgetter("utilization_ratio")),
    (c.GPU_MEMORY_COPY_UTILIZATION, attrgetter("memory_copy_utilization_ratio")),
    (c.GPU_POWER, attrgetter("power_watts")),
    (c.GPU_POWER_LIMIT, attrgetter("power_limit_watts")),
    (c.GPU_ENERGY, attrgetter("energy_joules")),
    (c.GPU_PROCESSES, lambda device: None if device.processes is None else len(device.processes)),
    (c.GPU_READINGS_DUE, attrgetter("readings_due")),
    (c.GPU_READINGS, attrgetter("readings_made")),
    (c.GPU_BAR1_TOTAL, attrgetter("bar1_total_bytes")),
    (c.GPU_BAR1_USED, attrgetter("bar1_used_bytes")),
    (c.GPU_BUSY, attrgetter("busy_seconds")),
    (c.GPU_POWER_AVERAGE, attrgetter("power_average_watts")),
    (c.GPU_TEMPERATURE_MARGIN, _margin),
    (c.GPU_MEMORY_USED_PEAK, lambda device: device.peaks.get("memory_used_bytes")),
    (c.GPU_POWER_PEAK, lambda device: device.peaks.get("power_watts")),
    (c.GPU_TEMPERATURE_PEAK, lambda device: device.peaks.get("temperature_celsius")),
    (c.GPU_PEAK_WINDOW, lambda device: device.peaks.get("window_seconds")),
    (c.GPU_PERFORMANCE_STATE, attrgetter("performance_state")),
    (c.GPU_PCIE_REPLAYS, attrgetter("pcie_replays")),
    (c.GPU_REMAP_PENDING, attrgetter("is_remap_pending")),
    (c.GPU_REMAP_FAILED, attrgetter("is_remap_failed")),
)
_BY_LABEL: Final[tuple[tuple[Metric, str, Callable[[Device], Mapping[str, float]]], ...]] = (
    (c.GPU_TEMPERATURE, "sensor", attrgetter("temperatures_celsius")),
    (c.GPU_CLOCK, "domain", attrgetter("clocks_hertz")),
    (c.GPU_CLOCK_EVENT, "reason", attrgetter("clock_events")),
    (c.GPU_THROTTLE, "reason", attrgetter("throttle_seconds")),
    (c.GPU_PCIE_GENERATION, "view", attrgetter("pcie_generation")),
    (c.GPU_PCIE_WIDTH, "view", attrgetter("pcie_width_lanes")),
    (c.GPU_ENGINE_UTILIZATION, "engine", attrgetter("engine_utilization_ratio")),
    (c.GPU_ACTIVITY, "part", attrgetter("gpm_ratio")),
    (c.GPU_POWER_LIMITS, "bound", attrgetter("power_limits_watts")),
    (c.GPU_TEMPERATURE_LIMIT, "limit", attrgetter("temperature_limits_celsius")),
    (c.GPU_FAN, "fan", attrgetter("fan_ratio")),
    (c.GPU_CLOCK_MAX, "domain", attrgetter("clocks_max_hertz")),
    (c.GPU_PCIE_ERRORS, "kind", attrgetter("pcie_errors")),
    (c.GPU_PCIE_THROUGHPUT, "direction", attrgetter("pcie_bytes_per_second")),
    (c.GPU_ECC_ERRORS, "kind", attrgetter("ecc_errors")),
    (c.GPU_RETIRED_PAGES, "cause", attrgetter("retired_pages")),
    (c.GPU_EVENTS, "event", attrgetter("events")),
    (c.GPU_ROW_REMAPS, "cause", attrgetter("row_remaps")),
)
_STATES: Final[tuple[tuple[Metric, str, tuple[str, ...], Callable[[Device], str]], ...]] = (
    (c.GPU_SHARING, "mode", SHARING_MODES, attrgetter("sharing")),
    (c.GPU_RECOVERY_ACTION, "action", RECOVERY_ACTIONS, attrgetter("recovery_action")),
)


def collect(snapshot: Snapshot, _now: float) -> Iterator[Family]:
    """Yield every family of the snapshot's devices."""
    if snapshot.gpus is None:
        return
    devices = snapshot.gpus.devices
    yield c.GPU_INFO.of(_identity(snapshot, device) for device in devices)
    yield c.GPU_UP.of(c.GPU_UP.sample(device.unavailable is None, **_key(snapshot, device)) for device in devices)
    yield c.GPU_UNAVAILABLE.of(
        sample
        for device in devices
        for sample in one_hot(
            c.GPU_UNAVAILABLE, UNAVAILABLE_REASONS, device.unavailable or "", label="reason", **_key(snapshot, device)
        )
    )
    for metric, read in _SCALARS:
        yield metric.of(
            metric.sample(value, **_key(snapshot, device)) for device in devices if (value := read(device)) is not None
        )
    for metric, label, read_by_label in _BY_LABEL:
        yield metric.of(
            metric.sample(value, **_key(snapshot, device), **{label: name})
            for device in devices
            for name, value in read_by_label(device).items()
        )
    for metric, label, states, state in _STATES:
        yield metric.of(
            sample
            for device in devices
            if state(device)
            for sample in one_hot(metric, states, state(device), label=label, **_key(snapshot, device))
        )
    yield from _link_families(snapshot, devices)
    yield c.GPU_MIG_INFO.of(
        c.GPU_MIG_INFO.sample(1, **_key(snapshot, device), parent_uuid=device.parent_uuid, profile=device.mig_profile)
        for device in devices
        if device.parent_uuid
    )


def _key(snapshot: Snapshot, device: Device) -> dict[str, str]:
    return {"node": snapshot.node, "gpu_uuid": device.uuid}


def _identity(snapshot: Snapshot, device: Device) -> Sample:
    return c.GPU_INFO.sample(
        1,
        **_key(snapshot, device),
        index=str(device.index),
        model=device.model,
        pci_bus_id=device.pci_bus_id,
        driver_version=device.driver_version,
        cuda_version=device.cuda_version,
        vbios_version=device.vbios_version,
        serial=device.serial,
        source=device.source or (snapshot.gpus.source if snapshot.gpus else ""),
    )


def _link_families(snapshot: Snapshot, devices: Iterable[Device]) -> Iterator[Family]:
    links = [
        ({**_key(snapshot, device), "link": str(link.index)}, link) for device in devices for link in device.nvlinks
    ]
    yield c.GPU_NVLINK_UP.of(
        c.GPU_NVLINK_UP.sample(link.is_up, **labels) for labels, link in links if link.is_up is not None
    )
    yield c.GPU_NVLINK_ERRORS.of(
        c.GPU_NVLINK_ERRORS.sample(count, **labels, kind=kind)
        for labels, link in links
        for kind, count in link.errors.items()
    )
