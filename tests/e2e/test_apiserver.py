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
from exporter.cluster import Pod, Workloads
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.facts.invariant import judge_pool
from exporter.sources.apiserver import connect
from exporter.sources.kubernetes import KubernetesSource
from exporter.sources.pace import Pace
from exporter.sources.reflector import Collection, Reflector
from exporter.sources.workloads import read_pod

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
    source = KubernetesSource(Kubernetes(kubeconfig=str(kubeconfig), namespaces=(namespace,)), [POOL], pace=pace)
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


def state_of(source: KubernetesSource) -> tuple[str, tuple[str, ...]]:
    verdict = judge_pool(POOL, read(source), None, 0)
    return verdict.state, verdict.violations


@pytest.fixture
def lanes(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """Return a namespace with the six reference lanes, of which one runs."""
    namespace = request.node.name.replace("_", "-")[:60]
    cluster.apply([RUNTIME_CLASS, *objects("lanes", namespace), *objects("pod-running-ready", namespace)])
    return str(namespace)


def test_reference_lanes_are_steady(cluster: Cluster, lanes: str) -> None:
    """The reference node, by a real server: six lanes, one pod, the invariant holds."""
    with watching(cluster, lanes) as source:
        workloads = read(source)

    assert len(workloads.controllers) == 6
    assert [(one.lane, one.phase, one.is_ready) for one in workloads.pods] == [
        ("qwen36-35b-gguf-fast", "Running", True)
    ]
    assert judge_pool(POOL, workloads, None, 0).state == "steady"


def test_changes_arrive_by_the_watch(cluster: Cluster, lanes: str) -> None:
    """A second lane that waits for the card breaks the invariant; with it gone the pool is steady again."""
    pending = objects("pod-pending-insufficient-gpu", lanes)
    with watching(cluster, lanes) as source:
        assert state_of(source) == ("steady", ())
        cluster.apply(pending)
        wait_for(lambda: state_of(source) == ("many", ("pending_behind_active", "insufficient_gpu")))
        cluster.delete(pending[0])
        wait_for(lambda: state_of(source) == ("steady", ()))


def test_terminating_pod_does_not_run(cluster: Cluster, lanes: str) -> None:
    """A pod that is told to go counts as terminating while its kubelet is silent."""
    running = objects("pod-running-ready", lanes)[0]
    with watching(cluster, lanes) as source:
        cluster.delete(running, grace_seconds=30)
        wait_for(lambda: [pod.is_terminating for pod in read(source).pods] == [True])
        assert state_of(source) == ("none", ("none",))


def test_list_and_watch_are_enough(cluster: Cluster, lanes: str) -> None:
    """An account that may list and watch pods and Deployments, and nothing else, sees everything."""
    token = cluster.account(lanes, "enough")
    cluster.grant_watcher(lanes, "enough")
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    me = cluster.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, token=token).json()

    assert me["status"]["userInfo"]["username"] == f"system:serviceaccount:{lanes}:enough"
    assert cluster.request("GET", f"/api/v1/namespaces/{lanes}/secrets", token=token).status_code == 403
    with watching(cluster, lanes, token=token) as source:
        wait_for(lambda: kind_of(source) == "works")  # a right may take a moment to be known


def test_without_a_right_it_is_forbidden_until_granted(cluster: Cluster, lanes: str) -> None:
    """An account without rights is told so; once it is let in, nothing needs a restart."""
    token = cluster.account(lanes, "later")
    with watching(cluster, lanes, token=token) as source:
        assert kind_of(source) == "forbidden"
        cluster.grant_watcher(lanes, "later")
        wait_for(lambda: kind_of(source) == "works")


def test_expired_version_lists_again(cluster: Cluster, lanes: str) -> None:
    """A version from before the memory of a server that was restarted is answered by 410, and 410 by a new list."""
    cluster.stop_apiserver()
    cluster.start_apiserver()
    pauses: list[float] = []
    kubeconfig = str(cluster.kubeconfig)
    collection = Collection(path=f"/api/v1/namespaces/{lanes}/pods", keep=read_pod)
    reflector: Reflector[Pod] = Reflector(collection, lambda: connect(kubeconfig), Pace(pause=pauses.append))
    reflector._version = "1"  # noqa: SLF001  # as after hours without contact
    reflector.start()
    try:
        wait_for(lambda: reflector.standing.is_synced)
    finally:
        reflector.stop()

    assert reflector.join(1.0)
    assert pauses[0] < 2 * 0.8
    assert len(reflector.records()) == 1


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
        wait_for(lambda: kind_of(source) == "works" and len(read(source).pods) == 2)

    assert caught.value.partial == before
