"""The cards of every node that is known here: this one's from its own sources, the others' from their agents."""

import dataclasses
from collections.abc import Iterator, Mapping

from exporter.facts import attribution, ownership, presence
from exporter.facts.attribution import Held
from exporter.snapshot import Device, Gpus, MemoryHolder, NodeView, Snapshot


def node_views(snapshot: Snapshot) -> Mapping[str, NodeView]:
    """Return what each node says of its cards; this node's own word wins over an agent's."""
    others = dict(snapshot.agents.by_node) if snapshot.agents else {}
    own = own_view(snapshot)
    return others | ({own.node: own} if own.devices is not None else {})


def own_view(snapshot: Snapshot) -> NodeView:
    """Return what this node says of its own cards; every one of them names its source, as on the page."""
    names = attribution.pod_names(snapshot)
    devices = _marked(snapshot.gpus)
    held = {device.uuid: attribution.held(device, snapshot.processes, names) for device in devices or ()}
    is_listed = any(device.processes is not None for device in devices or ())
    return NodeView(
        node=snapshot.node,
        devices=devices,
        owners=None if snapshot.allocations is None else ownership.owners(snapshot),
        states=ownership.states(snapshot),
        holders=tuple(_holders(held)) if is_listed else None,
        memory_parts={device.uuid: attribution.memory_parts(device, held[device.uuid]) for device in devices or ()},
        cards=presence.views(snapshot, None),
        telemetry=_marked(snapshot.dcgm or snapshot.xpum),
        sources={name: state.is_up for name, state in snapshot.sources.items()},
        never_read=frozenset(name for name, state in snapshot.sources.items() if state.last_success_at is None),
        is_simulated=snapshot.is_simulated,
    )


def _marked(gpus: Gpus | None) -> tuple[Device, ...] | None:
    if gpus is None:
        return None
    return tuple(dataclasses.replace(device, source=device.source or gpus.source) for device in gpus.devices)


def _holders(held: Mapping[str, tuple[Held, ...]]) -> Iterator[MemoryHolder]:
    for uuid, holds in held.items():
        for holder, size in attribution.largest(holds, len(holds)).items():
            yield MemoryHolder(
                gpu_uuid=uuid,
                part=holder.part,
                namespace=holder.namespace,
                pod=holder.pod,
                process=holder.process,
                memory_bytes=size,
            )
