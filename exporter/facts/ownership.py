"""Who owns which card: devices, the kubelet's allocations and the pools' pods joined into one row an owner.

The kubelet's word alone makes an owner. Where it cannot be asked, ownership is unknown, not absent.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from exporter.cluster import Workloads
from exporter.snapshot import Allocation, Device, Gpus, Owner, Snapshot

STATES: Final = ("owned", "shared", "unowned_memory", "unallocated", "unknown")
DEVICE_PLUGIN: Final = "device_plugin"

# A card that no process uses shows from 0 to some hundred MiB as used, by driver, display and persistence mode; the
# smallest model server, an empty CUDA context and its kernels included, holds more than that.
_IDLE_BYTES: Final = 512 << 20
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_UNIQUE_PREFIXES: Final = ("GPU-", "MIG-")


def owners(snapshot: Snapshot) -> tuple[Owner, ...]:
    """Return one row for each card and container that holds it, however many replicas of the card that is."""
    named = {owner for owner in _claims(snapshot) if owner is not None}
    return tuple(sorted(named, key=lambda owner: (owner.gpu_uuid, owner.namespace, owner.pod, owner.container)))


def states(snapshot: Snapshot) -> dict[str, str]:
    """Return the state of ownership of every device, by its UUID."""
    if snapshot.gpus is None:
        return {}
    held = Counter(owner.gpu_uuid for owner in owners(snapshot))
    is_certain = snapshot.allocations is not None and all(_claims(snapshot))
    return {device.uuid: _state(device, held[device.uuid], is_certain=is_certain) for device in snapshot.gpus.devices}


def _state(device: Device, holders: int, *, is_certain: bool) -> str:
    if holders:
        return "shared" if holders > 1 else "owned"
    if not is_certain:
        return "unknown"
    return "unowned_memory" if (device.memory_used_bytes or 0) > _IDLE_BYTES else "unallocated"


def _claims(snapshot: Snapshot) -> Iterator[Owner | None]:
    """Yield the owner of every device id that the kubelet gave away; None for an id that no device has."""
    if snapshot.allocations is None:
        return
    lanes = _lanes(snapshot.workloads)
    finished = _finished(snapshot.workloads)
    for allocation in snapshot.allocations.containers:
        where = (allocation.namespace, allocation.pod)
        if where in finished:  # kubelets may list a pod that has ended until it is deleted; it holds nothing
            continue
        for device_id in allocation.device_ids:
            uuid = _resolve(device_id, snapshot.gpus)
            yield _owner(allocation, uuid, lanes.get(where, "")) if uuid else None


def _owner(allocation: Allocation, uuid: str, lane: str) -> Owner:
    return Owner(
        gpu_uuid=uuid,
        namespace=allocation.namespace,
        pod=allocation.pod,
        container=allocation.container,
        lane=lane,
        source=DEVICE_PLUGIN,
    )


def _resolve(device_id: str, gpus: Gpus | None) -> str:
    """Return the UUID that a device plugin's id means: a UUID, an index, a replica of either, a CDI name; else empty.

    `GPU-a::3` is the fourth replica of a shared card: https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus
    """
    bare = device_id.rpartition("=")[2].partition("::")[0]
    names = _names(gpus)
    if bare in names or not bare.startswith(_UNIQUE_PREFIXES):
        return names.get(bare, "")
    # A part of a card of which the driver's list names only the whole: `MIG-GPU-<uuid>/<gi>/<ci>` of old drivers.
    return names.get(bare.removeprefix("MIG-").partition("/")[0], bare)


def _names(gpus: Gpus | None) -> dict[str, str]:
    devices = gpus.devices if gpus else ()
    return {str(device.index): device.uuid for device in devices} | {device.uuid: device.uuid for device in devices}


def _lanes(workloads: Workloads | None) -> Mapping[tuple[str, str], str]:
    return {(pod.namespace, pod.name): pod.lane for pod in workloads.pods} if workloads else {}


def _finished(workloads: Workloads | None) -> frozenset[tuple[str, str]]:
    pods = workloads.pods if workloads else ()
    return frozenset((pod.namespace, pod.name) for pod in pods if pod.phase in _FINISHED)
