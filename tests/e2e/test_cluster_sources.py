"""What the sources read from a real API server, which fills in defaults and speaks both shapes of events."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from e2e.cluster import Cluster
from e2e.waiting import eventually
from exporter.cluster import Controller, CreateFailure, ImagePull, NodeInfo
from exporter.config import Config
from exporter.config_cluster import Kubernetes, Pool
from exporter.errors import SourceError
from exporter.sources.following import Following, api_of, stop_all
from exporter.sources.kubernetes import EventsSource, KubernetesSource, NodesSource
from fakes.k8s_fixtures import objects

pytestmark = pytest.mark.real

SOON: Final = 15.0
NAMESPACE: Final = "cluster-sources"
NODE: Final = "node-cluster-sources"
LABELS: Final = {"of": NAMESPACE}
POD: Final = {"kind": "Pod", "apiVersion": "v1", "namespace": NAMESPACE, "name": "fast-0", "uid": "u"}
PULLED: Final = 'Successfully pulled image "a:1" in 12.3s (14s including waiting). Image size: 123 bytes.'


def controller(kind: str, name: str, **spec: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    container = {"name": "server", "image": "a:1", "resources": {"limits": {"nvidia.com/gpu": "1", "cpu": "500m"}}}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": NAMESPACE, "name": name},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template, **spec},
    }


@pytest.fixture(scope="module")
def sources(cluster: Cluster) -> Iterator[tuple[KubernetesSource, NodesSource, EventsSource]]:
    """Return sources of a cluster that has a node, two controllers and two events."""
    node = objects("reference-node", "Node")[0]
    node["metadata"]["name"] = NODE
    cluster.apply(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            node,
            controller("Deployment", "fast"),
            controller("StatefulSet", "deep", replicas=0, serviceName="deep"),
        ]
    )
    for body in (old_event("pulled", "Pulled", POD, PULLED), old_event("started", "Started", POD, "Started")):
        assert cluster.request("POST", f"/api/v1/namespaces/{NAMESPACE}/events", body).is_success
    path = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"
    assert cluster.request("POST", path, new_event("refused")).is_success
    config = Config(
        kubernetes=Kubernetes(kubeconfig=str(cluster.kubeconfig), pods="pools"), pools=(Pool(name="p", labels=LABELS),)
    )
    api = api_of(config.kubernetes)
    made = (KubernetesSource(config, api), NodesSource(config, api), EventsSource(config, api))
    yield made
    stop_all(made)


def old_event(name: str, reason: str, about: dict[str, str], message: str) -> dict[str, Any]:
    """Return an event as kubelets write it."""
    return {
        "metadata": {"namespace": NAMESPACE, "name": name},
        "involvedObject": about | {"fieldPath": "spec.containers{server}"},
        "reason": reason,
        "message": message,
        "firstTimestamp": "2026-11-20T08:00:00Z",
        "lastTimestamp": "2026-11-20T08:00:14Z",
        "count": 1,
        "type": "Normal",
        "source": {"component": "kubelet", "host": NODE},
    }


def new_event(name: str) -> dict[str, Any]:
    """Return an event of the newer shape, that came again."""
    return {
        "metadata": {"namespace": NAMESPACE, "name": name},
        "regarding": {"kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": NAMESPACE, "name": "fast-6c9f7d4b8"},
        "reason": "FailedCreate",
        "action": "Create",
        "note": "Error creating: exceeded quota: gpu",
        "type": "Warning",
        "eventTime": "2026-11-20T08:00:00.500000Z",
        "series": {"count": 4, "lastObservedTime": "2026-11-20T08:01:00.000000Z"},
        "reportingController": "replicaset-controller",
        "reportingInstance": "controllers-0",
    }


def read(source: Following[Any]) -> Any:  # noqa: ANN401  # the part that it makes
    def works() -> bool:
        try:
            asyncio.run(source.read())
        except SourceError:
            return False
        return True

    eventually(works, expected=True, within=SOON, what="a whole list")
    return asyncio.run(source.read())


def test_defaults_of_the_server(sources: tuple[KubernetesSource, NodesSource, EventsSource]) -> None:
    """What nobody wrote the server fills in: one replica, and how it rolls."""
    requests = {"cpu": 0.5, "nvidia.com/gpu": 1}

    assert read(sources[0]).controllers == (
        Controller(
            kind="Deployment",
            namespace=NAMESPACE,
            name="fast",
            desired_replicas=1,
            generation=1,
            labels=LABELS,
            strategy="RollingUpdate",
            max_surge=1,
            max_unavailable=0,
            requests=requests,
            image="a:1",
        ),
        Controller(
            kind="StatefulSet",
            namespace=NAMESPACE,
            name="deep",
            desired_replicas=0,
            generation=1,
            labels=LABELS,
            strategy="RollingUpdate",
            max_unavailable=1,
            requests=requests,
            image="a:1",
        ),
    )


def test_node(sources: tuple[KubernetesSource, NodesSource, EventsSource]) -> None:
    """Cores, bytes and cards as the kubelet wrote them."""
    found: NodeInfo = next(one for one in read(sources[1]).nodes if one.name == NODE)

    assert found.is_ready
    assert (found.allocatable["cpu"], found.allocatable["nvidia.com/gpu"]) == (15, 1)
    assert found.allocatable["memory"] == 57461965 * 1024


def test_events_of_both_shapes(sources: tuple[KubernetesSource, NodesSource, EventsSource]) -> None:
    """Of three events the server sends the two that were asked for; the core API shows the newer shape as its own."""
    events = read(sources[2])
    pulls = [one for one in events.pulls if one.namespace == NAMESPACE]
    failures = [one for one in events.create_failures if one.namespace == NAMESPACE]

    assert pulls == [
        ImagePull(namespace=NAMESPACE, pod="fast-0", pod_uid="u", container="server", seconds=14, at=pulls[0].at)
    ]
    assert failures == [
        CreateFailure(
            namespace=NAMESPACE,
            kind="Deployment",
            name="fast",
            message="Error creating: exceeded quota: gpu",
            at=failures[0].at,
        )
    ]
    assert failures[0].at - pulls[0].at == 60 - 14
