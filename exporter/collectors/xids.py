"""Families of Xid errors: counts by code, when last, and who held the card at that moment.

`XidCollector` keeps what one snapshot cannot tell: the ledger of everything told so far, and the owners of then.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from exporter import catalogue as c
from exporter.facts import ownership, xid_ledger
from exporter.facts.xid import TABLE, XidTable
from exporter.facts.xid_ledger import UNKNOWN_TIME, Key, Ledger, Seen, Told
from exporter.metric import Family, Metric, Sample
from exporter.snapshot import Device, Owner, Snapshot

_FRESH_SECONDS: Final = 30.0  # of an older event, who holds the card now says nothing
_MOST_OWNERS: Final = 32  # rows a card
_MOST_LINES: Final = 20  # log records a look
_log = logging.getLogger(__name__)


class XidCollector:
    """Books the Xids of every snapshot into `ledger`, which it begins with."""

    def __init__(self, table: XidTable = TABLE, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self._table = table
        self._seen: Seen = {}
        self._number = 0
        self._owners: dict[Key, tuple[Owner, ...]] = {}

    def collect(self, snapshot: Snapshot, now: float) -> Iterator[Family]:
        """Yield the families of Xids as they are after this snapshot."""
        self._say(self._book(snapshot), snapshot, now)
        yield from self._error_families(snapshot)
        yield c.GPU_XID_OWNER_INFO.of(self._owner_samples(snapshot.node))
        if snapshot.kernel_log is not None:
            yield c.KERNEL_LOG_LOST.of([c.KERNEL_LOG_LOST.sample(snapshot.kernel_log.lost, node=snapshot.node)])

    def _book(self, snapshot: Snapshot) -> list[Told]:
        ledger = xid_ledger.learn_addresses(self.ledger, snapshot)
        by_driver, seen = xid_ledger.told_by_driver(snapshot.gpus, self._seen, ledger)
        log = snapshot.kernel_log
        by_kernel = list(xid_ledger.told_by_kernel(log, ledger.addresses, self._number))
        if by_driver or by_kernel:
            ledger, new = xid_ledger.book(ledger, [*by_kernel, *by_driver])
        else:
            new = []
        self._number = max([self._number, *(xid.number for xid in log.xids)] if log else [self._number])
        sequence = max([ledger.sequence, *(xid.sequence for xid in log.xids)] if log else [ledger.sequence])
        if sequence != ledger.sequence:
            ledger = replace(ledger, sequence=sequence)
        self.ledger, self._seen = ledger, seen
        return new

    def _say(self, new: Sequence[Told], snapshot: Snapshot, now: float) -> None:
        if not new:
            return
        holders = ownership.owners(snapshot)
        parents = _parents(snapshot)
        for number, told in enumerate(new):
            owners: tuple[Owner, ...] = ()
            if now - told.at <= _FRESH_SECONDS:
                card = told.key.card
                owners = tuple(one for one in holders if card in (one.gpu_uuid, parents.get(one.gpu_uuid)))
                self._keep_owners(told.key, owners)
            if number < _MOST_LINES:
                _log.warning("%s", self._line(told, owners))

    def _keep_owners(self, key: Key, owners: tuple[Owner, ...]) -> None:
        """Keep the owners of the last event of each code, the newest codes first, up to the limit of a card."""
        self._owners.pop(key, None)
        self._owners = {key: owners[:_MOST_OWNERS], **self._owners}
        rows = 0
        for one in [one for one in self._owners if one.card == key.card]:
            rows += max(1, len(self._owners[one]))
            if rows > _MOST_OWNERS:
                del self._owners[one]

    def _line(self, told: Told, owners: Sequence[Owner]) -> str:
        key = told.key
        where = f"{key.family} {key.code} of {key.card} at {_when(told.at)}, {told.count} new, from the {told.origin}"
        if key.family == "sxid":
            return f"{where}: an error of an NVSwitch"
        facts = self._table.explain(key.code)
        pods = ", ".join(f"{one.namespace}/{one.pod}/{one.container}" for one in owners[:8]) or "no pod known"
        process = f", process {told.pid}" if told.pid else ""
        return f"{where}: {facts.meaning}; class {facts.xid_class}, first {facts.action}; held by {pods}{process}"

    def _error_families(self, snapshot: Snapshot) -> Iterator[Family]:
        node = snapshot.node
        keys = {*self.ledger.tallies, *self._born_at_zero(snapshot)}
        xids = [key for key in keys if key.family == "xid"]
        yield c.GPU_XID_ERRORS.of(
            self._sample(c.GPU_XID_ERRORS, key, node=node, gpu_uuid=key.card) for key in xids if key.is_listed
        )
        yield c.GPU_XID_LAST.of(
            c.GPU_XID_LAST.sample(tally.last_at, node=node, gpu_uuid=key.card, xid=str(key.code))
            for key, tally in self.ledger.tallies.items()
            if key.family == "xid" and key.is_listed and tally.last_at != UNKNOWN_TIME
        )
        if snapshot.gpus is not None:  # before the driver was asked, no card is listed
            yield c.GPU_UNLISTED_XID_ERRORS.of(
                self._sample(c.GPU_UNLISTED_XID_ERRORS, key, node=node, pci_bus_id=key.card)
                for key in xids
                if not key.is_listed
            )
        yield c.NVSWITCH_SXID_ERRORS.of(
            c.NVSWITCH_SXID_ERRORS.sample(tally.count, node=node, pci_bus_id=key.card, sxid=str(key.code))
            for key, tally in self.ledger.tallies.items()
            if key.family == "sxid"
        )

    def _born_at_zero(self, snapshot: Snapshot) -> Iterator[Key]:
        """Yield the codes that alert: the first event of a series that is born at 1 fires nothing."""
        for device in snapshot.gpus.devices if snapshot.gpus else ():
            if _is_watched(device, snapshot):
                yield from (Key("xid", device.uuid, code) for code in self._table.alerting)

    def _sample(self, metric: Metric, key: Key, **labels: str) -> Sample:
        facts = self._table.explain(key.code)
        tally = self.ledger.tallies.get(key)
        said = {"xid": str(key.code), "class": facts.xid_class, "action": facts.action}
        return metric.sample(tally.count if tally else 0, **labels, **said)

    def _owner_samples(self, node: str) -> Iterator[Sample]:
        for key, owners in self._owners.items():
            for owner in owners:
                yield c.GPU_XID_OWNER_INFO.sample(
                    1,
                    node=node,
                    gpu_uuid=key.card,
                    xid=str(key.code),
                    owner_namespace=owner.namespace,
                    owner_pod=owner.pod,
                    owner_container=owner.container,
                )


def _is_watched(device: Device, snapshot: Snapshot) -> bool:
    by_kernel = snapshot.kernel_log is not None and bool(device.pci_bus_id) and not device.parent_uuid
    return device.xids is not None or by_kernel


def _when(at: float) -> str:
    return "an unknown time" if at == UNKNOWN_TIME else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _parents(snapshot: Snapshot) -> dict[str, str]:
    devices = snapshot.gpus.devices if snapshot.gpus else ()
    return {device.uuid: device.parent_uuid for device in devices if device.parent_uuid}
