"""Pods and Deployments of the pools, as the API server says; read from a copy that threads of their own keep in step.

The thread that first needs the `kubernetes` package imports it: a node agent never does.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.sources.pace import Pace
from exporter.sources.reflector import Collection, Reflector, Server, Standing
from exporter.sources.workloads import read_deployment, read_pod

_KEPT_SECONDS: Final = 60.0  # for how long after the last contact the copy still speaks for the cluster
_FIRST_ANSWER_SECONDS: Final = 2.0
_STOP_SECONDS: Final = 0.8


class KubernetesSource:
    """Follows the pools' pods by their labels and all Deployments, keeping those whose pods carry the labels."""

    def __init__(
        self,
        kubernetes: Kubernetes,
        pools: Sequence[Pool],
        *,
        pace: Pace | None = None,
        connect: Callable[[], Server] | None = None,
    ) -> None:
        self._pace = pace or Pace()
        reach = connect or (lambda: _connect(kubernetes.kubeconfig))
        self._pods = [Reflector(one, reach, self._pace) for one in _pods_of(kubernetes.namespaces, pools)]
        self._deployments = [Reflector(one, reach, self._pace) for one in _lanes_of(kubernetes.namespaces, pools)]

    async def read(self) -> Workloads:
        """Return the copy at once; only the very first answer is waited for, and not for long."""
        for reflector in self._reflectors:
            reflector.start()
        await self._wait_for_first_answer()
        standings = [reflector.standing for reflector in self._reflectors]
        failed = [(one, one.failure) for one in standings if one.failure is not None]
        if failed:
            failure = failed[0][1]
            raise SourceError(failure.kind, str(failure), partial=self._partial(standings)) from failure
        if not all(one.is_synced for one in standings):
            raise SourceError("timeout", "expected lists of pods and Deployments, found them still on their way")
        return self._copy()

    def stop(self) -> None:
        """End the threads; returns within a second, whatever they wait for."""
        for reflector in self._reflectors:
            reflector.stop()
        deadline = time.monotonic() + _STOP_SECONDS
        for reflector in self._reflectors:
            reflector.join(max(0.0, deadline - time.monotonic()))

    @property
    def _reflectors(self) -> "list[Reflector[Pod] | Reflector[Controller]]":
        return [*self._pods, *self._deployments]

    async def _wait_for_first_answer(self) -> None:
        deadline = time.monotonic() + _FIRST_ANSWER_SECONDS
        while not self._has_answered() and time.monotonic() < deadline:  # noqa: ASYNC110  # threads know no event
            await asyncio.sleep(0.02)

    def _has_answered(self) -> bool:
        standings = [reflector.standing for reflector in self._reflectors]
        return all(one.is_synced or one.failure is not None for one in standings)

    def _partial(self, standings: Sequence[Standing]) -> Workloads | None:
        """Return the copy while what fails was heard not long ago: a server that restarts is no reason to go blind."""
        now = self._pace.now()
        heard = [one.heard_at for one in standings if one.failure is not None and one.heard_at is not None]
        if all(one.is_synced for one in standings) and now - min(heard, default=now) < _KEPT_SECONDS:
            return self._copy()
        return None

    def _copy(self) -> Workloads:
        pods = {
            (pod.namespace, pod.name): pod for one in self._pods for pod in one.records()
        }  # one may be in two pools
        return Workloads(
            pods=tuple(pods.values()),
            controllers=tuple(lane for one in self._deployments for lane in one.records()),
        )


def _connect(kubeconfig: str) -> Server:
    from exporter.sources import apiserver  # noqa: PLC0415  # 35 MiB that a node agent must not pay

    return apiserver.connect(kubeconfig)


def _pods_of(namespaces: Sequence[str], pools: Sequence[Pool]) -> list[Collection[Pod]]:
    selectors = sorted({",".join(f"{name}={value}" for name, value in sorted(pool.labels.items())) for pool in pools})
    paths = _paths("/api/v1", namespaces, "pods")
    return [Collection(path=path, keep=read_pod, selector=selector) for path in paths for selector in selectors]


def _lanes_of(namespaces: Sequence[str], pools: Sequence[Pool]) -> list[Collection[Controller]]:
    wanted = [pool.labels for pool in pools]

    def keep(raw: msgspec.Raw) -> Controller | None:
        deployment = read_deployment(raw)
        return deployment if any(_carries(deployment.labels, labels) for labels in wanted) else None

    return [Collection(path=path, keep=keep) for path in _paths("/apis/apps/v1", namespaces, "deployments")]


def _carries(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels.items()


def _paths(group: str, namespaces: Sequence[str], resource: str) -> list[str]:
    if not namespaces:
        return [f"{group}/{resource}"]
    return [f"{group}/namespaces/{quote(namespace, safe='')}/{resource}" for namespace in namespaces]
