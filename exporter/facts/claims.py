"""What claims (DRA) say of the cards: who was given one by the API server's word, and who may only look.

Pure. Admin access makes a monitor, never an owner: it takes nothing from those who work.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.cluster import Claim, ClaimedDevice, OfferedDevice
from exporter.facts.card_names import CardNames, card_names, names_of, offers
from exporter.snapshot import ClaimDevice, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClaimRow:
    """One pod of one claim on one device, anywhere in the cluster."""

    node: str
    gpu_uuid: str
    driver: str
    device: str
    claim_namespace: str
    claim: str
    pod: str
    access: str  # admin or use


def rows(snapshot: Snapshot) -> Iterator[ClaimRow]:
    """Yield what the API server says of every claim; a device that no slice offers has neither node nor UUID."""
    offered = offers(snapshot.dra)
    names = _names_by_node(snapshot, offered)
    for claim, device in _claimed(snapshot):
        offer = offered.get((device.driver, device.pool, device.device))
        node = offer.node if offer else ""
        known = names.get(node)
        uuid = known.of_offer(device.driver, device.pool, device.device) if known else ""
        for pod, _ in claim.pods:
            yield ClaimRow(
                node=node,
                gpu_uuid=uuid or (offer.uuid if offer else ""),
                driver=device.driver,
                device=device.device,
                claim_namespace=claim.namespace,
                claim=claim.name,
                pod=pod,
                access="admin" if device.is_admin else "use",
            )


def to_look(snapshot: Snapshot) -> frozenset[tuple[str, ...]]:
    """Return what was claimed with admin access, as `key` names it; the kubelet does not tell."""
    return frozenset(
        (claim.namespace, claim.name, device.driver, device.pool, device.device)
        for claim, device in _claimed(snapshot)
        if device.is_admin
    )


def key(device: ClaimDevice) -> tuple[str, ...]:
    """Return what identifies a device that a claim gave."""
    return (device.claim_namespace, device.claim, device.driver, device.pool, device.device)


def given_here(snapshot: Snapshot, names: CardNames) -> Iterator[tuple[str, str, str]]:
    """Yield namespace and name of each pod that a claim gave a card of this node, and the UUID, empty if unknown.

    For kubelets that do not tell of claims. A device without a slice cannot be said to be of this node.
    """
    for claim, device in _claimed(snapshot):
        offer = names.offered.get((device.driver, device.pool, device.device))
        if offer is None or offer.node != snapshot.node or device.is_admin:
            continue
        for pod, _ in claim.pods:
            yield claim.namespace, pod, names.of_offer(device.driver, device.pool, device.device)


def _claimed(snapshot: Snapshot) -> Iterator[tuple[Claim, ClaimedDevice]]:
    for claim in snapshot.dra.claims if snapshot.dra else ():
        for device in claim.devices:
            yield claim, device


def _names_by_node(
    snapshot: Snapshot, offered: Mapping[tuple[str, str, str], OfferedDevice]
) -> Mapping[str, CardNames]:
    """Return the names of the cards of each node that is known: this one's, and those whose agents answer."""
    agents = snapshot.agents.by_node if snapshot.agents else {}
    others = {node: names_of(view.devices or (), offered) for node, view in agents.items()}
    return {**others, **({snapshot.node: card_names(snapshot)} if snapshot.gpus else {})}
