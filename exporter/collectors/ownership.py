"""Families of ownership: who owns which card, in what state, and how long it was owned and idle.

`OwnershipCollector` keeps what one snapshot cannot tell: since when a card is quiet, and for how long it was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from exporter import catalogue as c
from exporter.facts import claims, ownership
from exporter.facts.ownership import Ownership
from exporter.metric import Family, one_hot
from exporter.snapshot import Device, Owner, Snapshot

QUIET_SECONDS: Final = 300.0  # for so long without a break, and an owned card is idle
BUSY_RATIO: Final = 0.05  # of the time, or of the card: what runs less is a look at it, not work
# The busy time is read in steps of up to 15 s: over less, what was read late would look like more work than it was.
_STRETCH_SECONDS: Final = 15.0
_LONGEST_STRETCH: Final = 60.0  # a card that was not seen for longer may have done anything meanwhile
_OWNED: Final = frozenset({"owned", "shared"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """One card since it came to its present owners: what was counted up to `at`, and since when it is quiet."""

    owners: frozenset[Owner]
    at: float
    busy_seconds: float | None
    quiet_since: float | None = None


class OwnershipCollector:
    """Tells idle_owned from owned, and counts the seconds of it."""

    def __init__(self) -> None:
        self._watches: dict[str, _Watch] = {}
        self._idle_seconds: dict[str, float] = {}

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield owners and states of this node's cards, after this snapshot."""
        judged = ownership.judge(snapshot)
        states = self._watch(snapshot, judged, now)
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
            for owner in judged.owners
        )
        yield c.GPU_OWNERSHIP.of(
            sample
            for uuid, state in states.items()
            for sample in one_hot(
                c.GPU_OWNERSHIP, ownership.STATES, state, label="state", node=snapshot.node, gpu_uuid=uuid
            )
        )
        yield c.GPU_OWNED_IDLE.of(
            c.GPU_OWNED_IDLE.sample(self._idle_seconds[uuid], node=snapshot.node, gpu_uuid=uuid)
            for uuid in states
            if uuid in self._idle_seconds
        )

    def _watch(self, snapshot: Snapshot, judged: Ownership, now: float) -> Mapping[str, str]:
        """Return the state of every card, and go on watching those that are owned and hold memory."""
        devices = snapshot.gpus.devices if snapshot.gpus else ()
        states = dict(judged.states)
        watches: dict[str, _Watch] = {}
        for device in devices:
            if states[device.uuid] not in _OWNED or not _is_telling(device) or not _holds(device, devices):
                continue
            self._idle_seconds.setdefault(device.uuid, 0.0)
            holders = frozenset(owner for owner in judged.owners if owner.gpu_uuid == device.uuid)
            watch = watches[device.uuid] = self._go_on(device, holders, now)
            if watch.quiet_since is not None and now - watch.quiet_since >= QUIET_SECONDS:
                states[device.uuid] = "idle_owned"
        self._watches = watches
        return states

    def _go_on(self, device: Device, owners: frozenset[Owner], now: float) -> _Watch:
        before = self._watches.get(device.uuid)
        fresh = _Watch(owners=owners, at=now, busy_seconds=device.busy_seconds)
        if before is None or before.owners != owners or not 0 <= now - before.at <= _LONGEST_STRETCH:
            return fresh
        if _is_busy_now(device):
            return fresh
        if now - before.at < _STRETCH_SECONDS:
            return before
        if _is_busy(before, fresh):
            return fresh
        self._idle_seconds[device.uuid] += now - before.at
        return replace(fresh, quiet_since=before.at if before.quiet_since is None else before.quiet_since)


def collect_claims(snapshot: Snapshot, _now: float) -> Iterator[Family]:
    """Yield every claim (DRA) of the cluster, where the API server tells."""
    yield c.GPU_CLAIM_INFO.of(
        c.GPU_CLAIM_INFO.sample(
            1,
            node=row.node,
            gpu_uuid=row.gpu_uuid,
            driver=row.driver,
            device=row.device,
            claim_namespace=row.claim_namespace,
            claim=row.claim,
            owner_namespace=row.claim_namespace,  # a claim and its pods are of one namespace
            owner_pod=row.pod,
            access=row.access,
        )
        for row in claims.rows(snapshot)
    )


def _is_telling(device: Device) -> bool:
    return device.busy_seconds is not None or device.utilization_ratio is not None


def _holds(device: Device, devices: tuple[Device, ...]) -> bool:
    return (ownership.used_bytes(device, devices) or 0) > ownership.IDLE_BYTES


def _is_busy_now(device: Device) -> bool:
    """Whether the card works at this instant; not asked where the driver counts, which sees all of it."""
    return device.busy_seconds is None and (device.utilization_ratio or 0.0) >= BUSY_RATIO


def _is_busy(before: _Watch, after: _Watch) -> bool:
    """Whether the card worked between two looks, by the driver's own count; one that fell began anew."""
    if before.busy_seconds is None or after.busy_seconds is None:
        return before.busy_seconds is not after.busy_seconds
    worked = after.busy_seconds - before.busy_seconds
    return worked < 0 or worked >= BUSY_RATIO * (after.at - before.at)
