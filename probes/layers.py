"""The layers under an alias, from the node up to the output, and the words in which a verdict speaks of them.

Only records: what each layer shows is judged in `probes.layer`, what follows from all of them in `probes.verdict`.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

import msgspec

Layer = Literal[
    "node",
    "driver",
    "device",
    "allocation",
    "lane_pod",
    "backend_process",
    "backend_work",
    "network",
    "gateway_process",
    "gateway_key",
    "alias_route",
    "gateway_translation",
    "first_token",
    "output",
]
LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
"""The lowest first."""

Cause = Literal["none", "unknown", Layer]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

LayerState = Literal["ok", "bad", "unknown", "not_looked_at"]
LAYER_STATES: Final[tuple[LayerState, ...]] = get_args(LayerState)


class Finding(msgspec.Struct, frozen=True):
    """What is known of one layer. unknown: it was asked and cannot be told; not_looked_at: nobody asks."""

    state: LayerState
    evidence: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """The one layer that explains an outcome, and the sentences that say why."""

    cause: Cause
    evidence: tuple[str, ...] = ()


class AliasVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Every layer under an alias, and the one that explains what its last probe saw."""

    alias: str
    cause: Cause
    evidence: tuple[str, ...] = ()
    layers: Mapping[Layer, Finding] = msgspec.field(default_factory=dict)  # the cause's own is bad
    told_alone: Layer | None = None  # that nothing but the probe's own answer speaks against
    findings: tuple[str, ...] = ()  # what is wrong beside the way of a request: a metrics page that is not there


def well(*evidence: str) -> Finding:
    """Return that the layer does its work."""
    return Finding("ok", evidence)


def broken(*evidence: str) -> Finding:
    """Return that the layer is proven bad."""
    return Finding("bad", evidence)


def unknown(*evidence: str) -> Finding:
    """Return that the layer was asked and cannot be told."""
    return Finding("unknown", evidence)


def not_looked_at(*evidence: str) -> Finding:
    """Return that nobody asks, or that the probe did not come so far."""
    return Finding("not_looked_at", evidence)
