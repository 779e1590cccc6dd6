"""What an alert, a recorded series and a group of them are; plain data that `alerts/render.py` writes down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.xid_words import XidAction

Severity = Literal["page", "ticket", "info", "heartbeat"]
Layer = Literal["node", "card", "driver", "allocation", "lane", "server", "gateway", "alias", "exporter"]
# The first thing to do; the words of an Xid's action among them.
Action = (
    XidAction
    | Literal[
        "investigate",
        "wait",
        "restart_lane",
        "restart_gateway",
        "restart_device_plugin",
        "park_lane",
        "finish_switch",
        "evict_intruder",
        "free_memory",
        "fix_configuration",
        "fix_labels",
        "restore_source",
        "improve_cooling",
        "check_power",
        "scale_out",
        "give_back_card",
        "delete_pods",
    ]
)

# What people do (page, ticket) on the left, the words that Alertmanager configurations already route on the right.
SEVERITY_LABEL: Final[Mapping[Severity, str]] = {
    "page": "critical",
    "ticket": "warning",
    "info": "info",
    "heartbeat": "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert; its runbook is `alerts/runbooks/<name>.md`, its `layer` is the one that failed.

    `action` is the first thing to do; None where the expression's own series carries that label. What it finds `of` a
    card, a node, a lane or an alias gets the pool of that, by `alerts/found.py`.
    """

    name: str
    expr: str
    severity: Severity
    layer: Layer
    action: Action | None
    summary: str
    description: str
    for_: str = ""
    of: Literal["", "card", "node", "lane", "alias", "served"] = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recorded series; `labels` are those that it has besides what Prometheus adds, for the contract's test."""

    name: str
    expr: str
    labels: tuple[str, ...] = ("alias", "slo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are evaluated one after the other, each seeing what those before it recorded."""

    name: str
    rules: tuple[Alert | Record, ...]
    interval: str = "30s"

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The alerts among the rules."""
        return tuple(rule for rule in self.rules if isinstance(rule, Alert))

    @property
    def records(self) -> tuple[Record, ...]:
        """The recorded series among the rules."""
        return tuple(rule for rule in self.rules if isinstance(rule, Record))
