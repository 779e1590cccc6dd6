import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster import Cluster
from exporter.cluster import Workloads
from exporter.config import Config
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.sources.following import api_of
from exporter.sources.kubernetes import KubernetesSource
from exporter.sources.pace import Pace

pytestmark = pytest.mark.real

FIXTURES = Path(__file__).parents[1] / "fixtures" / "k8s"
POOL = Pool(name="gpu-llm", labels={"platform.example.com/gpu-llm": "true"})
RUNTIME_CLASS = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "nvidia"},
    "handler": "nvidia",
}


def objects(name: str, namespace: str) -> list[dict[str, Any]]:
    """Return the objects of a fixture, in a namespace of the test's own."""
    text = (FIXTURES / f"{name}.yaml").read_text().replace('"vllm"\n', f'"{namespace}"\n')
    return list(yaml.safe_load_all(text))


@contextmanager
def watching(cluster: Cluster, namespace: str, *, token: str = "") -> Iterator[KubernetesSource]:
    kubeconfig = cluster.kubeconfig_of(token) if token else cluster.kubeconfig
    pace = Pace(first_pause_seconds=0.1, longest_pause_seconds=0.5, forbidden_pause_seconds=0.5)
    config = Config(kubernetes=Kubernetes(kubeconfig=str(kubeconfig), namespaces=(namespace,)), pools=(POOL,))
    source = KubernetesSource(config, api_of(config.kubernetes, pace))
    try:
        yield source
    finally:
        source.stop()
    assert not [one for one in threading.enumerate() if one.name.startswith("reflector")]  # TLS watches are cut too


def read(source: KubernetesSource) -> Workloads:
    return asyncio.run(source.read())


def kind_of(source: KubernetesSource) -> str:
    try:
        read(source)
    except SourceError as error:
        return error.kind
    return "works"


def wait_for(check: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def lanes(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """Return a namespace with the six reference lanes, of which one runs."""
    namespace = request.node.name.replace("_", "-")[:60]
    cluster.apply([RUNTIME_CLASS, *objects("lanes", namespace), *objects("pod-running-ready", namespace)])
    return str(namespace)


def test_without_a_right_it_is_forbidden_until_granted(cluster: Cluster, lanes: str) -> None:
    """An account without rights is told so; once it is let in, nothing needs a restart."""
    token = cluster.account(lanes, "later")
    with watching(cluster, lanes, token=token) as source:
        assert kind_of(source) == "forbidden"
        cluster.grant_watcher(lanes, "later")
        wait_for(lambda: kind_of(source) == "works")


def test_outlives_a_restart_of_the_server(cluster: Cluster, lanes: str) -> None:
    """While the server is away the last copy speaks; once it is back, what changed is there."""
    with watching(cluster, lanes) as source:
        before = read(source)
        cluster.stop_apiserver()
        try:
            wait_for(lambda: kind_of(source) != "works")
            with pytest.raises(SourceError) as caught:
                read(source)
        finally:
            cluster.start_apiserver()
        cluster.apply(objects("pod-pending-insufficient-gpu", lanes))
        wait_for(lambda: kind_of(source) == "works" and len(read(source).pods) == 2, 35)

    assert caught.value.partial == before
