"""Who owns which card: what device plugins and claims (DRA) gave away, and what processes take without being given it.

Only the kubelet, and the API server for claims on a node whose kubelet is asked, makes an owner by right. A pod whose
processes hold memory of a card that it was not given is a row too, of source `process`, and never makes the card owned.
Monitors (`kubelet.monitors`, admin access) own nothing. Where the kubelet cannot be asked, ownership is unknown.

The state of a card is the first that holds, of this order: what is wrong stands before what is right.

1. unknown: the kubelet could not be asked.
2. process_no_allocation: a pod that was not given the card has a living process on it. Needs the processes in sight.
3. host_process: a living process of no pod computes on it, or draws with more memory than a display needs. As above.
4. orphan: dead processes hold memory of it; or memory is in use and no process is on it at all. As above.
5. allocated_no_process: given away, nothing lives on it, nothing is held. As above.
6. shared, owned: more than one container was given it, or one. The collector tells idle_owned from these, by time.
7. unknown: something was given away on this node, and which card that is cannot be told.
8. orphan: memory is in use and nobody was given the card. Without a sight of the processes a pod and the host look the
   same: nobody is accused, and the memory still has no owner.
9. unknown: the card does not tell how much memory is in use.
10. unallocated.

A card that is cut into MIG instances is owned by whoever owns one of them, and an instance by who was given its card.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import Final

from exporter.cluster import Workloads
from exporter.facts import attribution, claims
from exporter.facts.attribution import Held
from exporter.facts.card_names import CardNames, card_names
from exporter.snapshot import Allocation, Device, Owner, PodName, Snapshot

STATES: Final = (
    "owned",
    "shared",
    "idle_owned",
    "allocated_no_process",
    "process_no_allocation",
    "host_process",
    "orphan",
    "unallocated",
    "unknown",
)
DEVICE_PLUGIN: Final = "device_plugin"
DRA: Final = "dra"
PROCESS: Final = "process"

# A card that no process uses shows from 0 to some hundred MiB as used, by driver, display and persistence mode; the
# smallest model server, an empty CUDA context and its kernels included, holds more than that.
IDLE_BYTES: Final = 512 << 20
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_NAMELESS: Final = "uid:"  # how attribution calls a pod of which only the UID is known
# They hold memory on behalf of others, whoever started them; the kernel cuts names after 15 bytes.
SERVANTS: Final = frozenset({"nvidia-cuda-mps", "nv-hostengine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What was given to whom; `doubtful` are pods that were given what fits no card."""

    owners: frozenset[Owner]
    doubtful: frozenset[tuple[str, str]]
    lanes: Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who owns the cards of this node, and the state of each by its UUID."""

    owners: tuple[Owner, ...]
    states: Mapping[str, str]


def judge(snapshot: Snapshot) -> Ownership:
    """Return what is known of all cards; what takes time to tell is not in it."""
    given = _given(snapshot)
    cards = list(_cards(snapshot, given))
    # a card that was cut has no list of processes: who takes an instance is a row there, and none here
    telling = [card for card in cards if card.device.processes is not None]
    rows = given.owners | {owner for card in telling for owner in card.takers()}
    return Ownership(
        owners=tuple(sorted(rows, key=attrgetter("gpu_uuid", "namespace", "pod", "container", "source"))),
        states={card.device.uuid: card.state() for card in cards},
    )


def owners(snapshot: Snapshot) -> tuple[Owner, ...]:
    """Return one row for each card and container that holds it, however many replicas of the card that is."""
    return judge(snapshot).owners


def states(snapshot: Snapshot) -> dict[str, str]:
    """Return the state of ownership of every device, by its UUID."""
    return dict(judge(snapshot).states)


def is_monitor(monitors: Iterable[str], namespace: str, pod: str) -> bool:
    """Whether a pod only looks at cards, by the globs of the configuration."""
    return any(fnmatchcase(f"{namespace}/{pod}", pattern) for pattern in monitors)


def used_bytes(device: Device, devices: Iterable[Device]) -> int | None:
    """Return the memory of the device that is in use; a card that was cut tells it by its instances only."""
    parts = [one for one in devices if one.parent_uuid == device.uuid] if device.memory_used_bytes is None else []
    told = [one.memory_used_bytes for one in parts or [device]]
    known = [used for used in told if used is not None]
    return sum(known) if len(known) == len(told) else None


def _given(snapshot: Snapshot) -> _Given:
    if snapshot.allocations is None:
        return _Given(owners=frozenset(), doubtful=frozenset(), lanes={})
    names, lanes = card_names(snapshot), _lanes(snapshot.workloads)
    found = list(_by_kubelet(snapshot, names, lanes))
    told = {(owner.gpu_uuid, owner.namespace, owner.pod) for owner in found}
    found += [one for one in _by_claims(snapshot, names, lanes) if (one.gpu_uuid, one.namespace, one.pod) not in told]
    idle = _finished(snapshot.workloads)
    present = {
        (owner.gpu_uuid, *_container(owner)): owner
        for owner in reversed(found)  # what a device plugin gave is told first, and stands
        # kubelets may list a pod that has ended until it is deleted; it holds nothing
        if (owner.namespace, owner.pod) not in idle and not is_monitor(snapshot.monitors, owner.namespace, owner.pod)
    }.values()
    known = frozenset(device.uuid for device in snapshot.gpus.devices) if snapshot.gpus else frozenset()
    return _Given(
        owners=frozenset(owner for owner in present if owner.gpu_uuid),
        doubtful=frozenset((owner.namespace, owner.pod) for owner in present if _is_doubtful(owner.gpu_uuid, known)),
        lanes=lanes,
    )


def _is_doubtful(uuid: str, known: frozenset[str]) -> bool:
    """Whether some card of this node may be meant; an instance that the driver does not list is of any card."""
    return not uuid or (uuid.startswith("MIG-") and uuid not in known)


def _by_kubelet(snapshot: Snapshot, names: CardNames, lanes: Mapping[tuple[str, str], str]) -> Iterator[Owner]:
    """Yield the owner of everything that the kubelet gave away; without a UUID for what no device has."""
    looked_at = claims.to_look(snapshot)
    for one in snapshot.allocations.containers if snapshot.allocations else ():
        lane = lanes.get((one.namespace, one.pod), "")
        for device_id in one.device_ids:
            yield _owner(one, names.of_plugin(device_id), lane, DEVICE_PLUGIN)
        for device in one.claim_devices:
            if claims.key(device) not in looked_at:
                yield _owner(one, names.of_claim(device), lane, DRA)


def _by_claims(snapshot: Snapshot, names: CardNames, lanes: Mapping[tuple[str, str], str]) -> Iterator[Owner]:
    for namespace, pod, uuid in claims.given_here(snapshot, names):
        lane = lanes.get((namespace, pod), "")
        yield Owner(gpu_uuid=uuid, namespace=namespace, pod=pod, container="", lane=lane, source=DRA)


def _owner(allocation: Allocation, uuid: str, lane: str, source: str) -> Owner:
    return Owner(
        gpu_uuid=uuid,
        namespace=allocation.namespace,
        pod=allocation.pod,
        container=allocation.container,
        lane=lane,
        source=source,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Card:
    """All that is known of one card; `owners` are those by right: of it, of its instances, of what it is cut from."""

    snapshot: Snapshot
    device: Device
    given: _Given
    owners: frozenset[Owner]
    used_bytes: int | None
    is_in_sight: bool
    computing: tuple[Held, ...]
    drawing: tuple[Held, ...]

    def state(self) -> str:
        """Return the first state that holds."""
        return next(state for state, holds in _RULES if holds(self))

    def takers(self) -> frozenset[Owner]:
        """Return the pods that hold memory of the card without having been given it."""
        if self.snapshot.allocations is None:
            return frozenset()
        lanes = self.given.lanes
        pods = {(one.holder.namespace, one.holder.pod) for one in self.living("pods")}
        return frozenset(
            _taker(self.device.uuid, where, lanes.get(where, "")) for where in pods if not self._may_hold(*where)
        )

    def living(self, *parts: str) -> list[Held]:
        """Return the living processes of these parts; what serves others is nobody's."""
        return [one for one in (*self.computing, *self.drawing) if one.holder.part in parts and not self._serves(one)]

    def is_used_by_host(self) -> bool:
        """Whether the host computes on the card, or draws with more memory than a display needs."""
        computing = any(one.holder.part == "host" and not self._serves(one) for one in self.computing)
        return computing or _size(self.drawing, "host") > IDLE_BYTES

    def is_orphan(self) -> bool:
        """Whether memory is held that no living process owns, as far as the processes are in sight."""
        everyone = (*self.computing, *self.drawing)
        is_deserted = all(one.holder.part == "dead" for one in everyone)
        return self.is_in_sight and (_size(everyone, "dead") > IDLE_BYTES or (is_deserted and self.is_held()))

    def is_held(self) -> bool:
        """Whether more memory is in use than driver and display need."""
        return (self.used_bytes or 0) > IDLE_BYTES

    def is_deserted(self) -> bool:
        """Whether nothing at all is on the card."""
        return self.is_in_sight and not (self.computing or self.drawing)

    def _may_hold(self, namespace: str, pod: str) -> bool:
        rightful = {(owner.namespace, owner.pod) for owner in self.owners} | self.given.doubtful
        # of a pod without a name nobody can say that it is none of these
        return (namespace, pod) in rightful or (bool(rightful) and pod.startswith(_NAMELESS))

    def _serves(self, one: Held) -> bool:
        holder = one.holder
        return holder.process in SERVANTS or is_monitor(self.snapshot.monitors, holder.namespace, holder.pod)


_RULES: Final[tuple[tuple[str, Callable[[_Card], bool]], ...]] = (
    ("unknown", lambda card: card.snapshot.allocations is None),
    ("process_no_allocation", lambda card: bool(card.takers())),
    ("host_process", _Card.is_used_by_host),
    ("orphan", _Card.is_orphan),
    ("allocated_no_process", lambda card: bool(card.owners) and card.is_deserted()),
    ("shared", lambda card: len({_container(owner) for owner in card.owners}) > 1),
    ("owned", lambda card: bool(card.owners)),
    ("unknown", lambda card: bool(card.given.doubtful)),
    ("orphan", _Card.is_held),
    ("unknown", lambda card: card.used_bytes is None),
    ("unallocated", lambda _: True),
)


def _cards(snapshot: Snapshot, given: _Given) -> Iterator[_Card]:
    devices = snapshot.gpus.devices if snapshot.gpus else ()
    names = attribution.pod_names(snapshot)
    for device in devices:
        parts = [one for one in devices if one.parent_uuid == device.uuid]
        telling = [one for one in (device, *parts) if one.processes is not None]
        kin = {device.uuid, device.parent_uuid, *(part.uuid for part in parts)}
        is_in_sight = bool(telling) and snapshot.processes is not None
        yield _Card(
            snapshot=snapshot,
            device=device,
            given=given,
            owners=frozenset(owner for owner in given.owners if owner.gpu_uuid in kin),
            used_bytes=used_bytes(device, devices),
            is_in_sight=is_in_sight,
            computing=_holds(snapshot, names, telling, is_graphics=False) if is_in_sight else (),
            drawing=_holds(snapshot, names, telling, is_graphics=True) if is_in_sight else (),
        )


def _holds(
    snapshot: Snapshot, names: Mapping[str, PodName], devices: list[Device], *, is_graphics: bool
) -> tuple[Held, ...]:
    return tuple(
        held
        for device in devices
        for held in attribution.held(
            replace(device, processes=tuple(one for one in device.processes or () if one.is_graphics == is_graphics)),
            snapshot.processes,
            names,
        )
    )


def _size(holds: Iterable[Held], part: str) -> int:
    return sum(one.memory_bytes or 0 for one in holds if one.holder.part == part)


def _taker(uuid: str, where: tuple[str, str], lane: str) -> Owner:
    return Owner(gpu_uuid=uuid, namespace=where[0], pod=where[1], container="", lane=lane, source=PROCESS)


def _container(owner: Owner) -> tuple[str, str, str]:
    return owner.namespace, owner.pod, owner.container


def _lanes(workloads: Workloads | None) -> Mapping[tuple[str, str], str]:
    return {(pod.namespace, pod.name): pod.lane for pod in workloads.pods} if workloads else {}


def _finished(workloads: Workloads | None) -> frozenset[tuple[str, str]]:
    pods = workloads.pods if workloads else ()
    return frozenset((pod.namespace, pod.name) for pod in pods if pod.phase in _FINISHED)
