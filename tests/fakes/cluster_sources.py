"""A small cluster behind the fake API server, the sources that follow it, and questions to them."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Config
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.sources.following import Following, api_of, stop_all
from exporter.sources.kubernetes import EventsSource, KubernetesSource, NodesSource
from exporter.sources.pace import Pace
from fakes.apiserver import SILENT, FakeApiServer, lane, pod, serving
from fakes.k8s_fixtures import objects

POOL = Pool(name="gpu-llm", labels={"llm": "true"})
QUICK = Pace(spread_seconds=0.001, look_seconds=0.01)


@contextmanager
def small_cluster() -> Iterator[FakeApiServer]:
    """Serve two pods of which one is of the pool, and of everything else one that matters."""
    with serving(FakeApiServer(pod("a", llm="true"), pod("b"))) as server:
        server.lanes = [lane("fast", 1, llm="true"), lane("web", 3, app="web")]
        server.others = {
            "statefulsets": [_stateful("deep", llm="true"), _stateful("db")],
            "nodes": objects("reference-node", "Node"),
            "daemonsets": [_daemon("nvidia-device-plugin-daemonset"), _daemon("node-exporter")],
            "events": [_pulled("e1")],
        }
        server.watch = lambda _: SILENT
        yield server


def write_kubeconfig(url: str, path: Path) -> str:
    """Write a kubeconfig that leads to `url` and return its path."""
    path.write_text(
        json.dumps(
            {
                "current-context": "fake",
                "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                "clusters": [{"name": "fake", "cluster": {"server": url}}],
                "users": [{"name": "fake", "user": {"token": "t0ken"}}],
            }
        )
    )
    return str(path)


def asking(name: str) -> dict[str, Any]:
    """Return the JSON of a pod of nobody's, that asks for a core."""
    containers = [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]
    return {**pod(name), "spec": {"nodeName": "n", "containers": containers}}


def config_of(kubeconfig: str, pools: tuple[Pool, ...] = (POOL,), **fields: object) -> Config:
    """Return a configuration of these pools, with these fields of its `kubernetes`."""
    return Config(kubernetes=Kubernetes(kubeconfig=kubeconfig, **fields), pools=pools)  # type: ignore[arg-type]  # its fields


@contextmanager
def running(config: Config, pace: Pace = QUICK) -> Iterator[tuple[KubernetesSource, NodesSource, EventsSource]]:
    """Make all three sources, on one way to the server."""
    api = api_of(config.kubernetes, pace)
    sources = (KubernetesSource(config, api), NodesSource(config, api), EventsSource(config, api))
    try:
        yield sources
    finally:
        stop_all(sources)


@contextmanager
def source(config: Config, pace: Pace = QUICK) -> Iterator[KubernetesSource]:
    """Make the source of pods and controllers."""
    with running(config, pace) as (made, _, _):
        yield made


def read(made: Following[Any]) -> Any:  # noqa: ANN401  # the part that it makes
    """Return what the source says."""
    return asyncio.run(made.read())


def failure_of(made: Following[Any]) -> SourceError:
    """Return why the source cannot be read."""
    with pytest.raises(SourceError) as caught:
        read(made)
    return caught.value


def wait_for(check: Callable[[], bool]) -> None:
    """Wait until something real has happened, five seconds at most."""
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def works(made: Following[Any]) -> bool:
    """Whether the source can be read."""
    try:
        read(made)
    except SourceError:
        return False
    return True


def _stateful(name: str, **labels: str) -> dict[str, Any]:
    return {**lane(name, 1, **labels), "kind": "StatefulSet"}


def _daemon(name: str) -> dict[str, Any]:
    status = {"desiredNumberScheduled": 2, "numberReady": 1}
    return {"kind": "DaemonSet", "metadata": {"namespace": "kube-system", "name": name}, "spec": {}, "status": status}


def _pulled(name: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "vllm", "name": name, "creationTimestamp": "2026-11-20T08:00:00Z"},
        "involvedObject": {"kind": "Pod", "namespace": "vllm", "name": "a", "uid": "a"},
        "message": 'Successfully pulled image "a:1" in 12s (14s including waiting). Image size: 1 bytes.',
    }
