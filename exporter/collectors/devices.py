"""Families of the cards: what could be read is there, what could not is absent."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final

from exporter import catalogue as c
from exporter.facts import ownership, xid
from exporter.metric import Family, Metric, Sample, one_hot
from exporter.snapshot import UNAVAILABLE_REASONS, Device, DeviceProcess, Snapshot

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
)
_BY_LABEL: Final[tuple[tuple[Metric, str, Callable[[Device], Mapping[str, float]]], ...]] = (
    (c.GPU_TEMPERATURE, "sensor", attrgetter("temperatures_celsius")),
    (c.GPU_CLOCK, "domain", attrgetter("clocks_hertz")),
    (c.GPU_CLOCK_EVENT, "reason", attrgetter("clock_events")),
    (c.GPU_THROTTLE, "reason", attrgetter("throttle_seconds")),
    (c.GPU_PCIE_GENERATION, "view", attrgetter("pcie_generation")),
    (c.GPU_PCIE_WIDTH, "view", attrgetter("pcie_width_lanes")),
)


def collect(snapshot: Snapshot, _now: float) -> Iterator[Family]:
    """Yield every family of the snapshot's devices, and of who owns them."""
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
    yield c.GPU_PROCESS_MEMORY.of(
        c.GPU_PROCESS_MEMORY.sample(held, **_key(snapshot, device), holder=holder)
        for device in devices
        for holder, held in _memory_by_holder(device).items()
    )
    yield from _xid_families(snapshot, devices)
    yield from _ownership_families(snapshot)


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
        source=snapshot.gpus.source if snapshot.gpus else "",
    )


def _memory_by_holder(device: Device) -> dict[str, float]:
    processes = device.processes
    if processes is None or any(process.memory_bytes is None for process in processes):
        return {}
    compute = _held(process for process in processes if not process.is_graphics)
    graphics = _held(process for process in processes if process.is_graphics)
    holders = {"compute": compute, "graphics": graphics}
    if device.memory_used_bytes is not None:
        holders["unattributed"] = max(0.0, device.memory_used_bytes - compute - graphics)
    return holders


def _held(processes: Iterable[DeviceProcess]) -> float:
    return float(sum(process.memory_bytes or 0 for process in processes))


def _xid_families(snapshot: Snapshot, devices: Iterable[Device]) -> Iterator[Family]:
    counts: list[Sample] = []
    last: list[Sample] = []
    for device in devices:
        if device.xids is None:
            continue
        seen = {count.code: count for count in device.xids}
        # born at 0 for the codes that alert: the first event of a series that is born at 1 fires nothing
        for code in sorted({*xid.XIDS_THAT_ALERT, *seen}):
            meaning = xid.explain(code)
            labels = {"xid": str(code), "class": meaning.xid_class, "action": meaning.action}
            counts.append(
                c.GPU_XID_ERRORS.sample(seen[code].count if code in seen else 0, **_key(snapshot, device), **labels)
            )
        last += [c.GPU_XID_LAST.sample(one.last_at, **_key(snapshot, device), xid=str(one.code)) for one in device.xids]
    yield c.GPU_XID_ERRORS.of(counts)
    yield c.GPU_XID_LAST.of(last)


def _ownership_families(snapshot: Snapshot) -> Iterator[Family]:
    yield c.GPU_OWNER_INFO.of(
        c.GPU_OWNER_INFO.sample(
            1,
            node=snapshot.node,
            gpu_uuid=owner.gpu_uuid,
            owner_namespace=owner.namespace,
            owner_pod=owner.pod,
            owner_container=owner.container,
            lane=owner.lane,
            source=owner.source,
        )
        for owner in ownership.owners(snapshot)
    )
    yield c.GPU_OWNERSHIP.of(
        sample
        for uuid, state in ownership.states(snapshot).items()
        for sample in one_hot(
            c.GPU_OWNERSHIP, ownership.STATES, state, label="state", node=snapshot.node, gpu_uuid=uuid
        )
    )
