"""Whether the next roll-out of a lane will hang: told before it does, from its strategy and the GPUs that are left."""

from collections.abc import Iterator, Mapping

from exporter.cluster import Controller, NodeInfo
from exporter.config_cluster import Pool
from exporter.facts.roll import Roll, active, is_on
from exporter.facts.sight import Sight, gpus


def deadlocks(pool: Pool, roll: Roll, sight: Sight) -> dict[tuple[str, str], bool]:
    """Return for each lane that asks for a GPU, by namespace and name, whether its next roll-out will hang."""
    free = _free(pool, sight)
    return {
        (one.namespace, one.name): _surges(one) and not _fits_twice(one, pool, roll, free)
        for one in roll.controllers
        if gpus(one.requests) or one.has_claims
    }


def _surges(one: Controller) -> bool:
    """Whether a new pod starts before an old one may end."""
    return one.strategy == "RollingUpdate" and one.max_surge > 0 and one.max_unavailable == 0


def _fits_twice(one: Controller, pool: Pool, roll: Roll, free: Mapping[str, Mapping[str, float]] | None) -> bool:
    """Whether a pod more finds its GPUs. What is left is not known: then the pool's own rule, one card for one, is."""
    if free is None or not gpus(one.requests):  # what claims are given cannot be reckoned from what nodes have
        return False
    left = {node: dict(amounts) for node, amounts in free.items()}
    if not active(roll.pods)[one.namespace, one.name]:
        _clear(pool, roll, left)
        _place(one, left)
    return _host(one, left) is not None


def _free(pool: Pool, sight: Sight) -> dict[str, dict[str, float]] | None:
    """Return the GPUs of each node that no pod asks for; None where not all nodes and pods are seen."""
    loads = sight.workloads.loads if sight.workloads else None
    if sight.nodes is None or loads is None:
        return None
    nodes = (node for name, node in sight.nodes.items() if is_on(pool, name, sight.nodes) and _takes_pods(node))
    return {
        node.name: {
            name: amount - sum(load.get(name, 0.0) for load in loads.get(node.name, {}).values())
            for name, amount in gpus(node.allocatable).items()
        }
        for node in nodes
    }


def _takes_pods(node: NodeInfo) -> bool:
    return node.is_ready is True and not node.is_unschedulable


def _clear(pool: Pool, roll: Roll, left: Mapping[str, dict[str, float]]) -> None:
    """Give back what the pool's other lanes hold: a parked lane is raised after they are parked."""
    if pool.each != "pool":
        return
    for pod in roll.pods:
        for name, amount in gpus(pod.requests).items() if pod.phase in {"Running", "Pending"} else ():
            if name in left.get(pod.node, {}):
                left[pod.node][name] += amount


def _place(one: Controller, left: Mapping[str, dict[str, float]]) -> None:
    host = _host(one, left)
    for name, amount in gpus(one.requests).items() if host else ():
        left[host or ""][name] -= amount


def _host(one: Controller, left: Mapping[str, Mapping[str, float]]) -> str | None:
    """Return the node on which a pod of the lane finds its GPUs."""
    return next(iter(_hosts(one, left)), None)


def _hosts(one: Controller, left: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    needed = gpus(one.requests)
    for node in sorted(left):
        if all(left[node].get(name, 0.0) >= amount for name, amount in needed.items()):
            yield node
