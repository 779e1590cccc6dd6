"""A dcgm-exporter: the same cards in the words of its three schemas, told in ours.

Refuses to guess: a blank is absent, and a new name whose units nothing in the same answer proves is left out.
"""

import asyncio
import dataclasses
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from exporter.errors import SourceError
from exporter.snapshot import Allocation, Device, Gpus, XidCount
from exporter.sources.dcgm_fields import (
    DRIVER_LABELS,
    LARGEST_NEW,
    NEW_DRIVER_LABEL,
    NEW_NAMES,
    OLD_NAMES,
    SMALLEST_NEW,
    Row,
)
from exporter.sources.dcgm_xids import XidMemory
from exporter.sources.device_values import nest
from exporter.sources.exposition_text import TextSample, parse
from exporter.sources.fetch import fetch

Units = Literal["new", "old", "unknown"]
_Key = tuple[str, str]  # UUID of the card, id of the MIG instance or nothing
_SOURCE: Final = "dcgm"
_MOST_CARDS: Final = 512  # and instances of one node; 16 cards in 7 instances each are 128
_MOST_HOLDERS: Final = 2048

# "No value", for the reasons that DCGM has, as int32, as int64 and as double: dcgm_structs.h, DCGM_INT32_BLANK ...
_BLANK_INT32: Final = range(0x7FFFFFF0, 0x80000000)
_BLANK_DOUBLE: Final = range(1 << 47, (1 << 47) + 16)
_BLANK_INT64: Final = 9.2e18


class Dcgm:
    """Reads one dcgm-exporter; remembers the Xids that it only tells by their change."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._xids = XidMemory()
        self._calls = 0

    async def read(self) -> Gpus:
        """Return every card that the exporter names."""
        self._calls += 1
        answer = await fetch(self._url)
        samples = of_cards(await asyncio.to_thread(parse, answer.body, prefixes=("DCGM_",)))
        gpus = read_gpus(samples, self._xids.note(samples, time.time()))
        return dataclasses.replace(gpus, calls=self._calls)


def of_cards(samples: Iterable[TextSample]) -> tuple[TextSample, ...]:
    """Return the samples that are of a card, and not of a switch or of the CPU; there is one card at least."""
    samples = tuple(sample for sample in samples if sample.labels.get("UUID"))
    cards = {(sample.labels["UUID"], sample.labels.get("GPU_I_ID", "")) for sample in samples}
    if not cards:
        raise SourceError("bad_answer", "expected samples of cards with the label UUID, found none")
    if len(cards) > _MOST_CARDS:
        raise SourceError("too_large", f"expected at most {_MOST_CARDS} cards and instances, found {len(cards)}")
    return samples


def read_gpus(samples: Iterable[TextSample], xids: Mapping[str, tuple[XidCount, ...]]) -> Gpus:
    """Return the cards of one answer, MIG instances as devices of their own."""
    samples = of_cards(samples)
    tables = _tables(samples)
    devices = [device for uuid in _cards(tables) for device in _devices(uuid, tables, xids.get(uuid))]
    return Gpus(source=_SOURCE, devices=tuple(devices), allocations=_allocations(samples))


@dataclasses.dataclass(frozen=True, slots=True)
class _Table:
    """What the rows of one card or instance say."""

    labels: Mapping[str, str]
    of_board: dict[str, float] = dataclasses.field(default_factory=dict)
    of_instance: dict[str, float] = dataclasses.field(default_factory=dict)


def prove_units(samples: Iterable[TextSample]) -> Units:
    """Return the units of the new names: what the values prove, else what the label of the driver's version says."""
    verdict: Units = "unknown"
    for sample in samples:
        row = NEW_NAMES.get(sample.name)
        if row is not None and not is_blank(sample.value):
            base = row.field.partition(".")[0]
            smallest = SMALLEST_NEW.get(base, 0)
            if 0 < sample.value < smallest or sample.value > LARGEST_NEW.get(base, math.inf):
                return "old"
            verdict = "new" if 0 < smallest <= sample.value else verdict
        verdict = "new" if sample.labels.get(NEW_DRIVER_LABEL) else verdict
    return verdict


def is_blank(value: float) -> bool:
    """Whether a value is one of DCGM's many ways to say that there is none."""
    if not math.isfinite(value) or value < 0 or value >= _BLANK_INT64:
        return True
    return int(value) in _BLANK_INT32 or int(value) in _BLANK_DOUBLE


def _tables(samples: Iterable[TextSample]) -> dict[_Key, _Table]:
    samples = tuple(samples)
    units = prove_units(samples)
    tables: dict[_Key, _Table] = {}
    for sample in samples:
        key = sample.labels["UUID"], sample.labels.get("GPU_I_ID", "")
        table = tables.setdefault(key, _Table(sample.labels))
        found = _value(sample, units)
        if found is not None:
            row, value = found
            # first wins: the rows of several pods on one card repeat its value
            (table.of_instance if row.is_of_instance else table.of_board).setdefault(row.field, value)
    return tables


def _value(sample: TextSample, units: Units) -> tuple[Row, float] | None:
    if is_blank(sample.value):
        return None
    if row := OLD_NAMES.get(sample.name):
        return row, row.old_units(sample.value)
    row = NEW_NAMES.get(sample.name)
    if row is None:
        return None
    if units == "old":
        return row, row.old_units(sample.value)
    is_certain = units == "new" or row.old_units is float or sample.value == 0
    return (row, sample.value) if is_certain else None


def _cards(tables: Mapping[_Key, _Table]) -> list[str]:
    indexes = {uuid: _index(table) for (uuid, _), table in tables.items()}
    return sorted(indexes, key=lambda uuid: (indexes[uuid], uuid))


def _index(table: _Table) -> int:
    text = table.labels.get("gpu", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _devices(uuid: str, tables: Mapping[_Key, _Table], xids: tuple[XidCount, ...] | None) -> Iterator[Device]:
    """Yield a card's instances, then the card: an index names the last device that has it, which is the card."""
    instances = {key[1]: table for key, table in sorted(tables.items()) if key[0] == uuid and key[1]}
    for instance, table in instances.items():
        yield Device(
            uuid=_instance_uuid(uuid, instance),
            parent_uuid=uuid,
            mig_profile=table.labels.get("GPU_I_PROFILE", ""),
            **_identity(table),
            **_fields(table.of_instance),
        )
    card = tables.get((uuid, ""), next(iter(instances.values()), _Table({})))
    board: dict[str, float] = {}
    for table in (card, *instances.values()):  # every instance repeats the board: the first is enough, a sum is wrong
        board = table.of_board | board
    own = card.of_instance if (uuid, "") in tables else {}
    sharing = "mig" if instances else ""
    yield Device(uuid=uuid, xids=xids, sharing=sharing, **_identity(card), **_fields(board | own))


def _instance_uuid(card: str, instance: str) -> str:
    """Return a name in the form of old drivers: the exporter does not tell the instance's own UUID."""
    return f"MIG-{card}/{instance}"


def _identity(table: _Table) -> dict[str, Any]:
    labels = table.labels
    return {
        "index": _index(table),
        "model": labels.get("modelName", ""),
        "pci_bus_id": labels.get("pci_bus_id", ""),
        "driver_version": next((labels[name] for name in DRIVER_LABELS if labels.get(name)), ""),
    }


def _fields(values: Mapping[str, float]) -> dict[str, Any]:
    parts = [values.get(f"memory_{part}_bytes") for part in ("used", "free", "reserved")]
    known = [part for part in parts if part is not None]
    total = {"memory_total_bytes": sum(known)} if len(known) == len(parts) else {}
    return nest(total | dict(values))


def _allocations(samples: Iterable[TextSample]) -> tuple[Allocation, ...]:
    """Return who holds which device by the exporter's pod labels, which it has from the kubelet."""
    held: dict[tuple[str, str, str, str], set[str]] = {}
    for labels in (sample.labels for sample in samples):
        # exported_…: a Prometheus in between has put the exporter's own pod under the plain names
        names = [labels.get(f"exported_{name}") or labels.get(name, "") for name in ("namespace", "pod", "container")]
        if names[1]:
            profile, instance = labels.get("GPU_I_PROFILE", ""), labels.get("GPU_I_ID", "")
            resource = f"nvidia.com/mig-{profile}" if profile else "nvidia.com/gpu"
            device = _instance_uuid(labels["UUID"], instance) if instance else labels["UUID"]
            held.setdefault((names[0], names[1], names[2], resource), set()).add(device)
    if len(held) > _MOST_HOLDERS:
        raise SourceError(
            "too_large", f"expected at most {_MOST_HOLDERS} containers that hold cards, found {len(held)}"
        )
    return tuple(
        Allocation(namespace=namespace, pod=pod, container=container, resource=resource, device_ids=tuple(sorted(ids)))
        for (namespace, pod, container, resource), ids in sorted(held.items())
    )
