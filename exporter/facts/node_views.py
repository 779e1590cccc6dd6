"""The cards of every node that is known here: this one's from its own sources, the others' from their agents."""

from collections.abc import Mapping

from exporter.facts import attribution, ownership, presence
from exporter.snapshot import MemoryHolder, NodeView, Snapshot


def node_views(snapshot: Snapshot) -> Mapping[str, NodeView]:
    """Return what each node says of its cards; this node's own word wins over an agent's."""
    others = dict(snapshot.agents.by_node) if snapshot.agents else {}
    own = own_view(snapshot)
    return others | ({own.node: own} if own.devices is not None else {})


def own_view(snapshot: Snapshot) -> NodeView:
    """Return what this node says of its own cards."""
    names = attribution.pod_names(snapshot)
    devices = snapshot.gpus.devices if snapshot.gpus else None
    held = {device.uuid: attribution.held(device, snapshot.processes, names) for device in devices or ()}
    telling = snapshot.dcgm or snapshot.xpum
    return NodeView(
        node=snapshot.node,
        devices=devices,
        owners=None if snapshot.allocations is None else ownership.owners(snapshot),
        states=ownership.states(snapshot),
        holders=tuple(
            MemoryHolder(
                gpu_uuid=uuid,
                part=one.holder.part,
                namespace=one.holder.namespace,
                pod=one.holder.pod,
                process=one.holder.process,
                memory_bytes=one.memory_bytes or 0,
            )
            for uuid, holds in held.items()
            for one in holds
        ),
        memory_parts={device.uuid: attribution.memory_parts(device, held[device.uuid]) for device in devices or ()},
        cards=presence.views(snapshot, None),
        telemetry=telling.devices if telling else None,
        sources={name: state.is_up for name, state in snapshot.sources.items()},
        is_simulated=snapshot.is_simulated,
    )
