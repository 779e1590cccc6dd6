"""Pods, their controllers, nodes and events, as the API server says; three sources, each with rights of its own.

Read from copies that threads of their own keep in step. A node agent runs none of this.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Final, TypeVar

import msgspec

from exporter.cluster import Controller, Daemon, Events, NodeInfo, Nodes, Workloads
from exporter.config import Config
from exporter.sources.controller_json import read_daemon, read_deployment, read_stateful_set
from exporter.sources.event_json import read_create_failure, read_pull
from exporter.sources.follower import Collection
from exporter.sources.following import Api, Following, Kept, paths, readable, tolerant
from exporter.sources.node_json import Wanted, read_node
from exporter.sources.pod_json import Keys
from exporter.sources.workloads import (
    Interest,
    PodTrace,
    interest_of,
    is_daemon,
    is_of_a_pool,
    join,
    trace_pod,
    trace_unreadable_pod,
)

_CORE: Final = "/api/v1"
_APPS: Final = "/apis/apps/v1"

T = TypeVar("T")
_ReadController = Callable[[msgspec.Raw, Keys], Controller]


class KubernetesSource(Following[Workloads]):
    """Follows pods, Deployments and StatefulSets; of pods all, or only those that carry the labels of a pool."""

    def __init__(self, config: Config, api: Api) -> None:
        interest = interest_of(config)
        pods = api.follow(_pods(config, interest))
        controllers = api.follow(_controllers(config, interest))
        super().__init__([*pods, *controllers], lambda: join(readable(pods), readable(controllers), interest), api.pace)


class NodesSource(Following[Nodes]):
    """Follows nodes, which takes a right over the whole cluster, and the DaemonSets that serve GPUs."""

    def __init__(self, config: Config, api: Api) -> None:
        nodes = api.follow([_nodes(config)])
        daemons = api.follow(_daemons(config))
        super().__init__(
            [*nodes, *daemons],
            lambda: Nodes(nodes=tuple(readable(nodes)), daemons=tuple(readable(daemons))),
            api.pace,
        )


class EventsSource(Following[Events]):
    """Follows the events of pulled images and of pods that could not be made; no others are asked for."""

    def __init__(self, config: Config, api: Api) -> None:
        where = paths(_CORE, config.kubernetes.namespaces, "events")
        pulls = api.follow(_events_of("Pulled", where, read_pull))
        failures = api.follow(_events_of("FailedCreate", where, read_create_failure))
        super().__init__(
            [*pulls, *failures],
            lambda: Events(pulls=tuple(readable(pulls)), create_failures=tuple(readable(failures))),
            api.pace,
        )


def _pods(config: Config, interest: Interest) -> list[Collection[Kept[PodTrace]]]:
    keep = tolerant(
        "pod", partial(trace_pod, interest=interest), instead=partial(trace_unreadable_pod, interest=interest)
    )
    where = paths(_CORE, config.kubernetes.namespaces, "pods")
    return [Collection(path=path, keep=keep, selector=one) for path in where for one in _selectors(config)]


def _selectors(config: Config) -> list[str]:
    """Return by which labels pods are asked for; the pods of a lane that is known by name can only be found in all."""
    if config.kubernetes.pods == "all" or any(pool.lanes for pool in config.pools):
        return [""]
    wanted = [pool.labels for pool in config.pools]
    agents = [config.agents.labels] if config.agents.enabled else []
    return sorted({_selector(labels) for labels in wanted + agents})


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _controllers(config: Config, interest: Interest) -> Iterator[Collection[Kept[Controller]]]:
    for resource, kind, read in (
        ("deployments", "Deployment", read_deployment),
        ("statefulsets", "StatefulSet", read_stateful_set),
    ):
        keep = tolerant(kind, partial(_member, read=read, interest=interest))
        for path in paths(_APPS, config.kubernetes.namespaces, resource):
            yield Collection(path=path, keep=keep)


def _member(raw: msgspec.Raw, *, read: _ReadController, interest: Interest) -> Controller | None:
    """Return the record of a controller whose pods are of a pool."""
    found = read(raw, interest.keys)
    is_member = is_of_a_pool(interest, namespace=found.namespace, lane=found.name, labels=found.labels)
    return found if is_member else None


def _nodes(config: Config) -> Collection[Kept[NodeInfo]]:
    named = frozenset(key for pool in config.pools for key in pool.nodes)
    wanted = Wanted(keys=named, globs=config.node_baseline.labels)
    return Collection(path=f"{_CORE}/nodes", keep=tolerant("node", partial(read_node, wanted=wanted)))


def _daemons(config: Config) -> Iterator[Collection[Kept[Daemon]]]:
    interest = interest_of(config)

    def keep(raw: msgspec.Raw) -> Daemon | None:
        found = read_daemon(raw)
        return found if is_daemon(found.name, interest) else None

    for path in paths(_APPS, config.kubernetes.namespaces, "daemonsets"):
        yield Collection(path=path, keep=tolerant("DaemonSet", keep))


def _events_of(
    reason: str, where: Iterable[str], read: Callable[[msgspec.Raw], T | None]
) -> Iterator[Collection[Kept[T]]]:
    for path in where:
        yield Collection(path=path, keep=tolerant("event", read), field_selector=f"reason={reason}")
