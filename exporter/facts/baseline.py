"""Whether a node with GPUs is fit to serve, check by check; a check that cannot be told is left out, never passed.

What one snapshot cannot tell is handed in: whether a model server was ever ready there.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from exporter.cluster import DaemonPod, NodeInfo, Workloads
from exporter.config_cluster import NodeBaseline
from exporter.facts.agreement import Agreement
from exporter.facts.gpu_nodes import GpuNode
from exporter.gpu_resource import is_gpu_resource
from exporter.snapshot import Snapshot

CHECKS: Final = (
    "ready",
    "schedulable",
    "advertised",
    "labelled",
    "isolated",
    "telemetry",
    "sharing_explicit",
    "device_plugin",
    "daemons",
    "served",
)
_KEEPS_OFF: Final = frozenset({"NoSchedule", "NoExecute"})
_HOW_SHARED: Final = ("nvidia.com/gpu.sharing-strategy", "nvidia.com/mig.strategy", "nvidia.com/gpu.replicas")
_SAYS_ITSELF: Final = ("nvidia.com/gpu.shared", "nvidia.com/mig-*")  # resources whose name says how the card is shared
_CLAIMS: Final = "claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all checks of all nodes look at; None where the API server does not tell."""

    policy: NodeBaseline
    daemon_pods: Mapping[str, tuple[DaemonPod, ...]] | None = None  # by node
    daemons: frozenset[str] | None = None  # names of the DaemonSets that serve GPUs anywhere
    are_all_pods_seen: bool = False
    are_claims_unread: bool = False  # the API server offers them, and they could not be read
    agents: Mapping[str, bool] = field(default_factory=dict)  # node -> whether its agent answers
    agent_labels: Mapping[str, str] = field(default_factory=dict)
    served: frozenset[str] | None = None  # nodes on which a model server was ready


def surroundings(
    snapshot: Snapshot, policy: NodeBaseline, agent_labels: Mapping[str, str], served: frozenset[str] | None
) -> Surroundings:
    """Return what `snapshot` tells besides the nodes themselves."""
    workloads, nodes, agents = snapshot.workloads, snapshot.nodes, snapshot.agents
    silent = dict.fromkeys(agents.silent, False) if agents else {}
    own = {snapshot.node: True} if snapshot.gpus is not None else {}
    return Surroundings(
        policy=policy,
        daemon_pods=_by_node(workloads) if workloads else None,
        daemons=frozenset(daemon.name for daemon in nodes.daemons) if nodes else None,
        are_all_pods_seen=workloads is not None and workloads.loads is not None,
        are_claims_unread=snapshot.dra is None and _is_failing(snapshot),
        agents={**dict.fromkeys(agents.by_node if agents else (), True), **silent, **own},
        agent_labels=agent_labels,
        served=served,
    )


def checks(node: GpuNode, verdicts: Iterable[Agreement], around: Surroundings) -> dict[str, bool]:
    """Return every check of a node that can be told, by name; nothing of a node that the API server does not know."""
    if node.info is None:
        return {}
    found: dict[str, bool | None] = {
        "ready": node.info.is_ready is True,  # a kubelet that is not heard is not ready
        "schedulable": not node.info.is_unschedulable,
        "advertised": _is_advertised(node, node.info, around),
        "labelled": _is_labelled(node.info, around.policy),
        "isolated": _is_isolated(node.info, around.policy),
        "telemetry": _reports(node.name, around),
        "sharing_explicit": _is_sharing_explicit(node, node.info, verdicts),
        "device_plugin": _has_device_plugin(node, around),
        "daemons": _have_daemons(node.name, around),
        "served": None if around.served is None else node.name in around.served,
    }
    return {check: is_passed for check, is_passed in found.items() if is_passed is not None}


def _is_advertised(node: GpuNode, info: NodeInfo, around: Surroundings) -> bool | None:
    offers = [amount for name, amount in info.allocatable.items() if is_gpu_resource(name)]
    if any(offers) or node.offered:
        return True
    return None if not offers and around.are_claims_unread else False


def _is_labelled(info: NodeInfo, policy: NodeBaseline) -> bool | None:
    if not policy.labels:
        return None
    return all(any(fnmatchcase(label, wanted) for label in info.labels) for wanted in policy.labels)


def _is_isolated(info: NodeInfo, policy: NodeBaseline) -> bool | None:
    if not policy.taints:
        return None
    return any(taint.effect in _KEEPS_OFF and _is_named(taint.key, policy.taints) for taint in info.taints)


def _reports(node: str, around: Surroundings) -> bool | None:
    """Return whether an exporter tells of the node's cards: our agent by its answer, another by its ready pod."""
    if around.agents.get(node) or any(pod.is_ready for pod in _pods(node, around.policy.telemetry, around)):
        return True
    if node in around.agents:  # asked, and silent: that its pod calls itself ready proves nothing
        return False
    if any(pod.is_ready and pod.labels.items() >= around.agent_labels.items() for pod in _all_pods(node, around)):
        return True
    return False if around.are_all_pods_seen else None


def _is_sharing_explicit(node: GpuNode, info: NodeInfo, verdicts: Iterable[Agreement]) -> bool | None:
    """Return whether somebody says how the cards are shared, and nobody contradicts; claims say it card by card."""
    if any(one.state == "disagree" for one in verdicts if one.fact in {"sharing", "replicas", "mig"}):
        return False
    is_said = any(info.labels.get(label) for label in _HOW_SHARED) or any(
        _is_named(resource, _SAYS_ITSELF) for resource in info.allocatable
    )
    return None if not is_said and node.offered else is_said


def _has_device_plugin(node: GpuNode, around: Surroundings) -> bool | None:
    pods = tuple(_pods(node.name, around.policy.device_plugins, around))
    if pods:
        return any(pod.is_ready for pod in pods)
    if node.offered or around.daemons is None:  # claims serve it, or nobody knows which plugins there are
        return None
    exists = any(_is_named(daemon, around.policy.device_plugins) for daemon in around.daemons)
    return None if exists and not around.are_all_pods_seen else False


def _have_daemons(node: str, around: Surroundings) -> bool | None:
    """Return whether each of the node's other daemons has a ready pod; while one rolls, its old pod does not count."""
    ready: dict[str, bool] = {}
    for pod in _pods(node, around.policy.daemons, around):
        ready[pod.daemon] = ready.get(pod.daemon, False) or pod.is_ready
    return all(ready.values()) if ready else None


def _pods(node: str, patterns: Iterable[str], around: Surroundings) -> Iterator[DaemonPod]:
    return (pod for pod in _all_pods(node, around) if _is_named(pod.daemon, patterns))


def _all_pods(node: str, around: Surroundings) -> tuple[DaemonPod, ...]:
    return around.daemon_pods.get(node, ()) if around.daemon_pods else ()


def _is_named(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _by_node(workloads: Workloads) -> dict[str, tuple[DaemonPod, ...]]:
    found: dict[str, list[DaemonPod]] = {}
    for pod in workloads.daemon_pods:
        found.setdefault(pod.node, []).append(pod)
    return {node: tuple(pods) for node, pods in found.items()}


def _is_failing(snapshot: Snapshot) -> bool:
    """Whether claims could not be read; a server that does not serve them is a server without them."""
    state = snapshot.sources.get(_CLAIMS)
    if state is None or state.is_up:
        return False
    return not {kind for kind, count in state.errors.items() if count} <= {"absent"}
