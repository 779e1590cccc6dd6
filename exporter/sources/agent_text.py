"""The page of a node's agent, read back as that node's own word on its cards.

Only what somebody concludes from is read: a page of eight cards has thousands of lines, and a fleet hundreds of pages.
Refuses the page of another node's cards, and reads nothing of other nodes: one agent must not be able to tell of all.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from exporter import catalogue as c
from exporter.errors import SourceError
from exporter.metric import Metric
from exporter.snapshot import Device, MemoryHolder, NodeView, Owner, XidCount
from exporter.sources.device_values import nest
from exporter.sources.exposition_text import TextSample, parse

_MOST_DEVICES: Final = 512
_MOST_DIGITS: Final = 9
_MOST_LINES: Final = 16_384  # 32 for each of the most devices
_SCALARS: Final[Mapping[Metric, str]] = {
    c.GPU_MEMORY_TOTAL: "memory_total_bytes",
    c.GPU_MEMORY_USED: "memory_used_bytes",
    c.GPU_MEMORY_FREE: "memory_free_bytes",
    c.GPU_MEMORY_RESERVED: "memory_reserved_bytes",
    c.GPU_UTILIZATION: "utilization_ratio",
    c.GPU_POWER: "power_watts",
    c.GPU_POWER_LIMIT: "power_limit_watts",
    c.GPU_REMAP_PENDING: "is_remap_pending",
    c.GPU_REMAP_FAILED: "is_remap_failed",
}
_BY_LABEL: Final[Mapping[Metric, tuple[str, str]]] = {  # the label, and the field that is keyed by it
    c.GPU_CLOCK_EVENT: ("reason", "clock_events"),
    c.GPU_POWER_LIMITS: ("bound", "power_limits_watts"),
    c.GPU_TEMPERATURE: ("sensor", "temperatures_celsius"),
}
_STATES: Final = (
    c.GPU_UNAVAILABLE,
    c.GPU_OWNERSHIP,
    c.GPU_SHARING,
    c.GPU_RECOVERY_ACTION,
)  # of these and of Xids, only what is not 0
_ROWS: Final = (
    c.BUILD_INFO,
    c.SOURCE_UP,
    c.SOURCE_LAST_SUCCESS,
    c.GPU_INFO,
    c.GPU_MIG_INFO,
    c.GPU_OWNER_INFO,
    c.GPU_MEMORY_PART,
    c.GPU_PART_PROCESSES,
    c.GPU_HOLDER_MEMORY,
    c.GPUS,
    c.NODE_CARD_VIEW_INFO,
    c.GPU_XID_ERRORS,
    c.GPU_XID_LAST,
)
_NAMES: Final = tuple(f"{metric.name}{{".encode() for metric in (*_SCALARS, *_BY_LABEL, *_STATES, *_ROWS))
_STATE_NAMES: Final = tuple(f"{metric.name}{{".encode() for metric in (*_STATES, c.GPU_XID_ERRORS))
_IDENTITY: Final = ("model", "pci_bus_id", "driver_version", "cuda_version", "vbios_version", "serial", "source")
_TELEMETRY: Final = ("dcgm", "xpum")
_OF_CARDS: Final = ("nvml", *_TELEMETRY)
_BY_PROCESS: Final = "process"
_UNKNOWN_TIME: Final = 0.0


def read_view(node: str, body: bytes) -> NodeView:
    """Return what the agent of `node` says on its page."""
    lines = list(islice(_wanted(body), _MOST_LINES + 1))
    if len(lines) > _MOST_LINES:
        raise SourceError("too_large", f"expected at most {_MOST_LINES} lines of interest, found more")
    samples = parse(b"\n".join(lines), prefixes=("lanewatch_",))
    own = [sample for sample in samples if sample.labels.get("node", node) == node]
    others = {sample.labels["node"] for sample in samples if sample.name == c.GPUS.name} - {node}
    if others:
        raise SourceError("bad_answer", f"expected the page of node {node}, found one of {min(others)[:63]}")
    return _view(node, _Page.of(sample for sample in own if math.isfinite(sample.value)))


@dataclass(frozen=True, slots=True)
class _Page:
    """Samples by the name of their family."""

    by_name: Mapping[str, list[TextSample]]

    @classmethod
    def of(cls, samples: Iterable[TextSample]) -> "_Page":
        by_name: defaultdict[str, list[TextSample]] = defaultdict(list)
        for sample in samples:
            by_name[sample.name].append(sample)
        return cls(by_name)

    def rows(self, metric: Metric) -> list[TextSample]:
        """Return the samples of one family."""
        return self.by_name.get(metric.name, [])

    def states(self, metric: Metric, label: str) -> dict[str, str]:
        """Return the state of each card that holds now."""
        return {row.labels["gpu_uuid"]: row.labels[label] for row in self.rows(metric) if row.value == 1}


def _wanted(body: bytes) -> Iterator[bytes]:
    """Yield the lines that are read, unread: most lines are not of interest, and the parser is slow."""
    for line in body.split(b"\n"):
        if line.startswith(_NAMES) and not (line.startswith(_STATE_NAMES) and line.endswith((b" 0.0", b" 0"))):
            yield line


def _view(node: str, page: _Page) -> NodeView:
    try:
        devices = tuple(sorted(_devices(page), key=_place))
        sources = {row.labels["source"]: row.value == 1 for row in page.rows(c.SOURCE_UP)}
        is_read = bool(devices) or any(sources.get(source) for source in _OF_CARDS)
        telemetry = tuple(device for device in devices if device.source in _TELEMETRY)
        is_listed = bool(page.rows(c.GPU_PART_PROCESSES))
        return NodeView(
            node=node,
            devices=devices if is_read else None,
            owners=_owners(page, is_asked=sources.get("podresources", False)),
            states=page.states(c.GPU_OWNERSHIP, "state"),
            holders=tuple(_holders(page)) if is_listed else None,
            memory_parts=_memory_parts(page, devices),
            cards={row.labels["view"]: round(row.value) for row in page.rows(c.GPUS)},
            telemetry=telemetry or None,
            telemetry_facts=_telemetry_facts(page),
            sources=sources,
            never_read=frozenset(sources) - {row.labels["source"] for row in page.rows(c.SOURCE_LAST_SUCCESS)},
            is_simulated=any(row.labels["simulated"] == "yes" for row in page.rows(c.BUILD_INFO)),
        )
    except KeyError as error:
        raise SourceError(
            "bad_answer", f"node {node}: expected the label {error}, found a sample without it"
        ) from error


def _devices(page: _Page) -> Iterator[Device]:
    rows = page.rows(c.GPU_INFO)
    if len(rows) > _MOST_DEVICES:
        raise SourceError("too_large", f"expected at most {_MOST_DEVICES} cards and instances, found {len(rows)}")
    values = _values(page)
    cuts = {row.labels["gpu_uuid"]: row.labels for row in page.rows(c.GPU_MIG_INFO)}
    reasons = page.states(c.GPU_UNAVAILABLE, "reason")
    modes = page.states(c.GPU_SHARING, "mode")
    actions = page.states(c.GPU_RECOVERY_ACTION, "action")
    xids = _xids(page)
    for row in rows:
        uuid = row.labels["gpu_uuid"]
        cut = cuts.get(uuid, {"parent_uuid": "", "profile": ""})
        yield Device(
            uuid=uuid,
            index=_number(row.labels["index"], "the index of a card"),
            unavailable=reasons.get(uuid),
            sharing=modes.get(uuid, ""),
            recovery_action=actions.get(uuid, ""),
            xids=xids.get(uuid),
            parent_uuid=cut["parent_uuid"],
            mig_profile=cut["profile"],
            **_identity(row),
            **nest(values.get(uuid, {})),
        )


def _place(device: Device) -> tuple[int, bool, str]:
    """Return where a device stands in its driver's list: an instance follows its card."""
    return device.index, bool(device.parent_uuid), device.uuid


def _identity(row: TextSample) -> dict[str, Any]:
    return {name: row.labels[name] for name in _IDENTITY}


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise SourceError("bad_answer", f"expected {what}, found {text[:20]!r}")
    return int(text)


def _values(page: _Page) -> Mapping[str, Mapping[str, float]]:
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for metric, field in _SCALARS.items():
        for row in page.rows(metric):
            values[row.labels["gpu_uuid"]][field] = row.value
    for metric, (label, field) in _BY_LABEL.items():
        for row in page.rows(metric):
            if key := row.labels[label]:
                values[row.labels["gpu_uuid"]][f"{field}.{key}"] = row.value
    return values


def _xids(page: _Page) -> Mapping[str, tuple[XidCount, ...]]:
    """Return the Xids of each card, whoever there told of them; of a card without any, nothing, watched or not."""
    last = {(row.labels["gpu_uuid"], row.labels["xid"]): row.value for row in page.rows(c.GPU_XID_LAST)}
    found: defaultdict[str, list[XidCount]] = defaultdict(list)
    for row in page.rows(c.GPU_XID_ERRORS):
        uuid, code = row.labels["gpu_uuid"], row.labels["xid"]
        if row.value > 0:
            at = last.get((uuid, code), _UNKNOWN_TIME)
            found[uuid].append(XidCount(code=_number(code, "the code of an Xid"), count=round(row.value), last_at=at))
    return {uuid: tuple(sorted(xids, key=lambda xid: xid.code)) for uuid, xids in found.items()}


def _owners(page: _Page, *, is_asked: bool) -> tuple[Owner, ...] | None:
    """Return the owners; None where nobody asked the kubelet, for what processes take says nothing of what is given."""
    found = tuple(
        Owner(
            gpu_uuid=row.labels["gpu_uuid"],
            namespace=row.labels["owner_namespace"],
            pod=row.labels["owner_pod"],
            container=row.labels["owner_container"],
            lane=row.labels["lane"],
            source=row.labels["source"],
        )
        for row in page.rows(c.GPU_OWNER_INFO)
    )
    return found if is_asked or any(owner.source != _BY_PROCESS for owner in found) else None


def _holders(page: _Page) -> Iterator[MemoryHolder]:
    for row in page.rows(c.GPU_HOLDER_MEMORY):
        yield MemoryHolder(
            gpu_uuid=row.labels["gpu_uuid"],
            part=row.labels["part"],
            namespace=row.labels["owner_namespace"],
            pod=row.labels["owner_pod"],
            process=row.labels["process"],
            memory_bytes=round(row.value),
        )


def _memory_parts(page: _Page, devices: Iterable[Device]) -> Mapping[str, Mapping[str, int]]:
    parts: dict[str, dict[str, int]] = {device.uuid: {} for device in devices}
    for row in page.rows(c.GPU_MEMORY_PART):
        parts.setdefault(row.labels["gpu_uuid"], {})[row.labels["part"]] = round(row.value)
    return parts


def _telemetry_facts(page: _Page) -> Mapping[str, str]:
    rows = page.rows(c.NODE_CARD_VIEW_INFO)
    return {row.labels["fact"]: row.labels["value"] for row in rows if row.labels["view"] == "telemetry"}
