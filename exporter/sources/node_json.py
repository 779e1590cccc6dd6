"""From the JSON of one node to the slim record that we keep of it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from exporter.cluster import NodeInfo, Taint
from exporter.sources.object_json import ConditionJson, Json, MetadataJson, condition_of, seconds
from exporter.sources.quantity import read_quantity

_PREFIXES: Final = ("nvidia.com/", "gpu.intel.com/", "amd.com/", "feature.node.kubernetes.io/", "workload.ai/")
_READY: Final = {"True": True, "False": False}  # and Unknown: its kubelet is not heard


class TaintJson(Json, frozen=True):
    """What keeps pods off."""

    key: str
    effect: str = ""
    value: str = ""


class NodeSpecJson(Json, frozen=True):
    """What was ordered of a node."""

    unschedulable: bool = False
    taints: list[TaintJson] | None = None


class NodeStatusJson(Json, frozen=True):
    """What a node has and how it does."""

    capacity: dict[str, str | int | float] | None = None
    allocatable: dict[str, str | int | float] | None = None
    conditions: list[ConditionJson] | None = None


class NodeJson(Json, frozen=True):
    """One node."""

    metadata: MetadataJson
    spec: NodeSpecJson = NodeSpecJson()
    status: NodeStatusJson = NodeStatusJson()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The labels of nodes that the configuration names, beside those that all of GPUs are."""

    keys: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()


def read_node(raw: bytes | msgspec.Raw, wanted: Wanted) -> NodeInfo:
    """Return the record of the node whose JSON is `raw`."""
    node = msgspec.json.decode(raw, type=NodeJson)
    ready = condition_of("Ready", node.status.conditions)
    return NodeInfo(
        name=node.metadata.name,
        labels=_labels(node.metadata.labels or {}, wanted),
        is_ready=_READY.get(ready.status) if ready else None,
        is_unschedulable=node.spec.unschedulable,
        taints=tuple(Taint(key=one.key, effect=one.effect, value=one.value) for one in node.spec.taints or ()),
        capacity=_amounts(node.status.capacity),
        allocatable=_amounts(node.status.allocatable),
        created_at=seconds(node.metadata.creation_timestamp),
    )


def _labels(found: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    """Return the labels that matter; the same hundred are on each of a thousand nodes, so one copy serves all."""
    return {sys.intern(key): sys.intern(value) for key, value in found.items() if _matters(key, wanted)}


def _matters(key: str, wanted: Wanted) -> bool:
    return key.startswith(_PREFIXES) or key in wanted.keys or any(fnmatchcase(key, glob) for glob in wanted.globs)


def _amounts(raw: Mapping[str, str | int | float] | None) -> dict[str, float]:
    return {name: read_quantity(amount) for name, amount in raw.items()} if raw else {}
