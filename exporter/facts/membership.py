"""Which pods and controllers are of a pool: by the labels they carry, or by the name of their lane.

On which nodes a pool is (`Pool.nodes`) is not asked here: it takes the nodes to know.
"""

from collections.abc import Mapping

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_cluster import Pool


def belongs(pool: Pool, *, namespace: str, lane: str, labels: Mapping[str, str]) -> bool:
    """Whether what has this name and these labels is of `pool`; a pool without labels knows its lanes by name only."""
    if pool.namespaces and namespace not in pool.namespaces:
        return False
    return _is_named(pool, namespace, lane) or _carries(pool, labels)


def pods_of(pool: Pool, workloads: Workloads) -> tuple[Pod, ...]:
    """Return the pods of `pool`, in the order of the snapshot."""
    return tuple(
        pod for pod in workloads.pods if belongs(pool, namespace=pod.namespace, lane=pod.lane, labels=pod.labels)
    )


def controllers_of(pool: Pool, workloads: Workloads) -> tuple[Controller, ...]:
    """Return the controllers whose pods are of `pool`, parked ones included."""
    return tuple(
        one for one in workloads.controllers if belongs(pool, namespace=one.namespace, lane=one.name, labels=one.labels)
    )


def _is_named(pool: Pool, namespace: str, lane: str) -> bool:
    return bool(lane) and (lane in pool.lanes or f"{namespace}/{lane}" in pool.lanes)


def _carries(pool: Pool, labels: Mapping[str, str]) -> bool:
    return bool(pool.labels) and pool.labels.items() <= labels.items()
