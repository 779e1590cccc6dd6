"""What a verdict on one alias is made of: a snapshot, the last answers, and what of it all lies under the alias's lane.

Pure. A card, a pod or a node that is not the lane's is not in its ground, and so can explain nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.backend import Backend
from exporter.cluster import NodeInfo, Pod
from exporter.config_path import Alias, Lane
from exporter.facts.node_views import node_views, own_view
from exporter.gpu_resource import is_gpu_resource
from exporter.snapshot import Device, NodeView, Snapshot
from probes.attempt import Attempt
from probes.layers import Finding, not_looked_at, unknown
from probes.outcome import POLICY, Outcome

NODE_LOST: Final = ("NodeLost", "NodeShutdown")  # how the API server words it in a pod's reason
_OUT_OF_TIME: Final[frozenset[Outcome]] = frozenset({"timeout_first", "timeout_total"})
_FINISHED: Final = frozenset({"Succeeded", "Failed"})
_TOGETHER_SECONDS: Final = 2.0  # the lane may be asked just before the gateway
_OF_CARDS: Final = ("nvml", "dcgm", "xpum")


@dataclass(frozen=True, slots=True)
class Probed:
    """One attempt and what it amounts to."""

    attempt: Attempt
    outcome: Outcome

    @property
    def is_good(self) -> bool:
        """Whether a user would have been served."""
        return POLICY[self.outcome].availability == "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alias at one moment; `now` is Unix time."""

    alias: Alias
    snapshot: Snapshot
    now: float = 0.0
    gateway: Probed | None = None  # the last probe through the gateway that was sent
    direct: Probed | None = None  # the last one past it
    lane: Lane | None = None  # as configured
    skipped: Outcome | None = None  # why nothing was asked when its time came last; None: it was asked
    is_cold: bool = False  # the lane had just started when the alias was probed
    is_repeated: bool = True  # the probe before failed too; else the lane may just have been busy, or begun anew

    @property
    def at(self) -> float:
        """When the alias was seen last."""
        return self.gateway.attempt.ended_at if self.gateway else self.now

    @property
    def witness(self) -> Probed | None:
        """The direct answer that belongs to the last probe; an older one says nothing of it."""
        if self.direct is None or self.gateway is None:
            return self.direct
        is_of_then = self.direct.attempt.ended_at >= self.gateway.attempt.started_at - _TOGETHER_SECONDS
        return self.direct if is_of_then else None

    @property
    def is_answered_directly(self) -> bool:
        """Whether the lane served us when the alias was probed."""
        return self.witness is not None and self.witness.is_good

    @property
    def is_late(self) -> bool:
        """Whether the last probe ran out of time."""
        return self.gateway is not None and self.gateway.outcome in _OUT_OF_TIME

    @property
    def is_outrun(self) -> bool:
        """Whether a user may have come between our look at the lane and the probe: twice in a row is no chance."""
        is_alone = self.witness is None or self.witness.outcome == "skipped_busy"
        return self.is_late and is_alone and self.alias.look_first and not self.is_repeated

    @property
    def is_excused(self) -> bool:
        """Whether times are not promised now, because the lane had just started."""
        return self.is_cold and self.alias.when_cold == "excluded"

    @property
    def is_served(self) -> bool:
        """Whether the alias was answered by its own lane."""
        return self.gateway is not None and POLICY[self.gateway.outcome].lane == "good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What lies under a lane: its pods, their nodes, the cards that they were given, and the lane's server."""

    pods: tuple[Pod, ...] = ()
    nodes: tuple[str, ...] = ()
    infos: tuple[NodeInfo, ...] = ()
    views: tuple[NodeView, ...] = ()  # of those nodes whose cards are known
    cards: tuple[Device, ...] = ()
    backend: Backend | None = None
    keys: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # namespace and name of the pods

    @property
    def running(self) -> tuple[Pod, ...]:
        """The pods that may serve."""
        return tuple(
            pod
            for pod in self.pods
            if pod.phase == "Running" and not pod.is_terminating and not pod.reason.startswith(NODE_LOST)
        )


def survey(case: Case) -> Ground:
    """Return what lies under the lane of `case`."""
    snapshot, lane = case.snapshot, case.alias.lane
    pods = tuple(pod for pod in _pods(snapshot) if lane and pod.lane == lane)
    views = _views(snapshot)
    nodes = _homes(snapshot, pods, views)
    keys = frozenset((pod.namespace, pod.name) for pod in pods)
    seen = tuple(views[node] for node in nodes if node in views)
    return Ground(
        pods=pods,
        nodes=nodes,
        infos=tuple(info for info in _infos(snapshot) if info.name in nodes),
        views=seen,
        cards=tuple(card for view in seen for card in _cards(view, keys)),
        backend=snapshot.backends.by_lane.get(lane) if snapshot.backends else None,
        keys=keys,
    )


def blind(case: Case, *sources: str) -> Finding:
    """Return that nobody asks for a part of the snapshot, or that who was asked does not answer."""
    if not case.alias.lane:
        return not_looked_at("no lane is configured for the alias")
    silent = [name for name in sources if name in case.snapshot.sources]
    if not silent:
        return not_looked_at()
    return unknown(*(f"source {name} says nothing" for name in silent if not case.snapshot.sources[name].is_up))


def _pods(snapshot: Snapshot) -> tuple[Pod, ...]:
    return snapshot.workloads.pods if snapshot.workloads else ()


def _infos(snapshot: Snapshot) -> tuple[NodeInfo, ...]:
    return snapshot.nodes.nodes if snapshot.nodes else ()


def _views(snapshot: Snapshot) -> dict[str, NodeView]:
    """Return what every node says of its cards; this one's also while its driver says nothing."""
    views = dict(node_views(snapshot))
    if any(name in snapshot.sources for name in _OF_CARDS):
        views.setdefault(snapshot.node, own_view(snapshot))
    return views


def _homes(snapshot: Snapshot, pods: tuple[Pod, ...], views: Mapping[str, NodeView]) -> tuple[str, ...]:
    """Return the nodes of the lane's pods; where only one node has cards, a lane without any is at home there."""
    active = {pod.node for pod in pods if pod.node and pod.phase not in _FINISHED}
    if active:
        return tuple(sorted(active))
    rejected = {pod.node for pod in pods if pod.node}
    known = {info.name for info in _infos(snapshot) if any(map(is_gpu_resource, info.capacity))} | set(views)
    return tuple(sorted(rejected or (known if len(known) == 1 else ())))


def _cards(view: NodeView, keys: frozenset[tuple[str, str]]) -> list[Device]:
    """Return the cards that the kubelet gave to the pods, whole ones of their parts too; the only card is theirs."""
    devices = view.devices or ()
    whole = [device for device in devices if not device.parent_uuid]
    if len(whole) == 1:
        return whole
    given = {owner.gpu_uuid for owner in view.owners or () if (owner.namespace, owner.pod) in keys}
    given |= {device.parent_uuid for device in devices if device.uuid in given}
    return [device for device in devices if device.uuid in given]
