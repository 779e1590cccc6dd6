"""Whose memory it is: what a card holds, split into parts that add up to its total, and by holder.

Pure. The driver says which process holds how much, the kernel which container a process is in. What neither explains
is a part of its own, never spread over the others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.snapshot import Device, PodName, Processes, ProcessInfo, Snapshot

HELD_PARTS: Final = ("pods", "host", "dead", "unresolved")  # by processes
PARTS: Final = (*HELD_PARTS, "reserved", "unattributed", "free")
OTHER: Final = "other"
_SHOWN_OF_A_UID: Final = 8
_SHOWN_OF_A_CONTAINER: Final = 12  # as `docker ps` and `crictl ps` show it


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Holder:
    """Who holds memory: processes of one name, in one pod, in one part."""

    part: str
    namespace: str = ""
    pod: str = ""
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One process of a device: how much it holds, None where the driver does not say, and as whom."""

    holder: Holder
    memory_bytes: int | None


def pod_names(snapshot: Snapshot) -> Mapping[str, PodName]:
    """Return the pod of each UID that is known: from the kubelet's directories, and from the API server where asked."""
    known = dict(snapshot.processes.pods) if snapshot.processes else {}
    for pod in snapshot.workloads.pods if snapshot.workloads else ():
        known[pod.uid] = PodName(namespace=pod.namespace, pod=pod.name)
    return known


def held(device: Device, processes: Processes | None, names: Mapping[str, PodName]) -> tuple[Held, ...]:
    """Return every process that holds memory of the device, each once; one in two of the driver's lists is one."""
    sizes: dict[int, int | None] = {}
    for process in device.processes or ():
        sizes[process.pid] = _larger(sizes.get(process.pid), process.memory_bytes)
    by_pid = processes.by_pid if processes else {}
    return tuple(Held(holder=_holder(by_pid.get(pid), names), memory_bytes=size) for pid, size in sizes.items())


def memory_parts(device: Device, holds: tuple[Held, ...]) -> dict[str, int]:
    """Return the bytes of every part, which add up to the total; nothing where total or free is not told."""
    total, free, reserved = device.memory_total_bytes, device.memory_free_bytes, device.memory_reserved_bytes
    if total is None or free is None:
        return {}
    parts: Counter[str] = Counter()
    if device.processes is not None:
        parts.update(dict.fromkeys(HELD_PARTS, 0))
    if reserved is not None:  # where it is not told, it is in the residual
        parts["reserved"] = reserved
    for one in holds:
        parts[one.holder.part] += one.memory_bytes or 0
    parts["free"] = free
    return {**parts, "unattributed": total - parts.total()}


def process_counts(device: Device, holds: tuple[Held, ...]) -> dict[str, int]:
    """Return the number of processes of every part; nothing where the driver gives no list."""
    if device.processes is None:
        return {}
    return {**dict.fromkeys(HELD_PARTS, 0), **Counter(one.holder.part for one in holds)}


def largest(holds: tuple[Held, ...], top: int) -> dict[Holder, int]:
    """Return the bytes of the `top` holders that hold most; what the others hold is `other`, by part."""
    sizes: defaultdict[Holder, int] = defaultdict(int)
    for one in holds:
        if one.memory_bytes is not None:
            sizes[one.holder] += one.memory_bytes
    ranked = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    rows = Counter(dict(ranked[:top]))
    for holder, size in ranked[top:]:
        rows[Holder(part=holder.part, process=OTHER)] += size
    return dict(rows)


def pids(snapshot: Snapshot) -> frozenset[int]:
    """Return the number of every process that the driver names."""
    return frozenset(_pids(snapshot))


def _pids(snapshot: Snapshot) -> Iterator[int]:
    for device in snapshot.gpus.devices if snapshot.gpus else ():
        yield from (process.pid for process in device.processes or ())


def _larger(one: int | None, other: int | None) -> int | None:
    return max((size for size in (one, other) if size is not None), default=None)


def _holder(process: ProcessInfo | None, names: Mapping[str, PodName]) -> Holder:
    if process is None:
        return Holder(part="unresolved", process="unknown")
    pod = _pod(process, names)
    return Holder(part=_part(process), namespace=pod.namespace, pod=pod.pod, process=process.name or "unknown")


def _part(process: ProcessInfo) -> str:
    if process.is_dead or process.is_zombie:
        return "dead"
    return "pods" if process.pod_uid else "host"


def _pod(process: ProcessInfo, names: Mapping[str, PodName]) -> PodName:
    """Return the pod's name, or the best that can be said; no pod's name has a colon in it."""
    if process.pod_uid:
        nameless = PodName(namespace="", pod=f"uid:{process.pod_uid[:_SHOWN_OF_A_UID]}")
        return names.get(process.pod_uid, nameless)
    container = process.container_id[:_SHOWN_OF_A_CONTAINER]
    return PodName(namespace="", pod=f"container:{container}" if container else "")
