import subprocess
import sys
from typing import Any

import pytest

from exporter.cluster import Daemon, Events, Nodes
from exporter.config import Config
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Kubernetes, Pool
from exporter.sources.following import Following
from fakes.apiserver import FORBIDDEN, FakeApiServer, pod, refuse
from fakes.cluster_sources import POOL, config_of, failure_of, read, running, source


def asked(fake: FakeApiServer) -> set[tuple[str, str | None, str | None]]:
    return {(one.path, one.query.get("labelSelector"), one.query.get("fieldSelector")) for one in fake.requests}


def test_first_reading_has_pods_and_lanes(fake: FakeApiServer, kubeconfig: str) -> None:
    """The first reading has all: of the pods and controllers those of the pool, of all others what they ask for."""
    with source(config_of(kubeconfig)) as made:
        workloads = read(made)

    assert [one.name for one in workloads.pods] == ["a"]
    assert [(one.kind, one.name) for one in workloads.controllers] == [("Deployment", "fast"), ("StatefulSet", "deep")]
    assert asked(fake) == {
        ("/api/v1/pods", None, None),
        ("/apis/apps/v1/deployments", None, None),
        ("/apis/apps/v1/statefulsets", None, None),
    }
    assert {one.authorization for one in fake.requests} == {"Bearer t0ken"}


def test_nodes_and_their_daemons(fake: FakeApiServer, kubeconfig: str) -> None:
    """Nodes come whole, DaemonSets only where they serve GPUs."""
    with running(config_of(kubeconfig)) as (_, made, _):
        nodes = read(made)

    assert isinstance(nodes, Nodes)
    assert [one.name for one in nodes.nodes] == ["gpu-worker-0"]
    assert nodes.daemons == (
        Daemon(namespace="kube-system", name="nvidia-device-plugin-daemonset", desired=2, ready=1),
    )
    assert asked(fake) == {("/api/v1/nodes", None, None), ("/apis/apps/v1/daemonsets", None, None)}


def test_events_are_asked_for_by_reason(fake: FakeApiServer, kubeconfig: str) -> None:
    """Of the many events of a cluster only two kinds come over the wire."""
    with running(config_of(kubeconfig)) as (_, _, made):
        events = read(made)

    assert isinstance(events, Events)
    assert [one.seconds for one in events.pulls] == [14]
    assert asked(fake) == {("/api/v1/events", None, "reason=Pulled"), ("/api/v1/events", None, "reason=FailedCreate")}


def test_namespaces_are_asked_one_by_one(fake: FakeApiServer, kubeconfig: str) -> None:
    """With namespaces configured, no right over the whole cluster is needed, but for nodes."""
    with running(config_of(kubeconfig, namespaces=("vllm", "exp"))) as sources:
        for made in sources:
            read(made)

    assert {path for path, _, _ in asked(fake)} == {
        "/api/v1/nodes",
        *(
            f"{group}/namespaces/{namespace}/{resource}"
            for namespace in ("vllm", "exp")
            for group, resources in {
                "/api/v1": ("pods", "events"),
                "/apis/apps/v1": ("deployments", "statefulsets", "daemonsets"),
            }.items()
            for resource in resources
        ),
    }


@pytest.mark.parametrize(
    ("pools", "agents", "selectors"),
    [
        pytest.param((POOL,), False, {"llm=true"}, id="the labels of the pool"),
        pytest.param((POOL, Pool(name="x", labels={"b": "2", "a": "1"})), False, {"llm=true", "a=1,b=2"}, id="of two"),
        pytest.param(
            (POOL,),
            True,
            {"llm=true", "app.kubernetes.io/component=node,app.kubernetes.io/name=lanewatch"},
            id="and those of our agents, whose addresses are asked",
        ),
        pytest.param((POOL, Pool(name="x", lanes=("fast",))), True, {None}, id="a lane by name is looked for in all"),
    ],
)
def test_server_that_must_be_spared(
    fake: FakeApiServer,
    kubeconfig: str,
    pools: tuple[Pool, ...],
    agents: bool,  # noqa: FBT001  # a column
    selectors: set[str | None],
) -> None:
    """With `pods: pools` only pods with the right labels come over the wire, and loads are unknown."""
    config = Config(
        kubernetes=Kubernetes(kubeconfig=kubeconfig, pods="pools"), pools=pools, agents=AgentsOf(enabled=agents)
    )
    with source(config) as made:
        workloads = read(made)

    assert {selector for path, selector, _ in asked(fake) if path == "/api/v1/pods"} == selectors
    assert workloads.loads is None


def test_pool_by_lanes_finds_what_carries_no_label(fake: FakeApiServer, kubeconfig: str) -> None:
    """A Deployment and a bare pod that are named in the configuration are of the pool."""
    fake.pods.append(pod("bare"))
    with source(config_of(kubeconfig, pools=(Pool(name="p", lanes=("web", "vllm/bare")),))) as made:
        workloads = read(made)

    assert [(one.name, one.lane) for one in workloads.pods] == [("bare", "bare")]
    assert [one.name for one in workloads.controllers] == ["web"]


@pytest.mark.parametrize(
    ("resource", "fails"),
    [
        pytest.param("pods", 0, id="pods"),
        pytest.param("statefulsets", 0, id="StatefulSets"),
        pytest.param("nodes", 1, id="nodes, which only a ClusterRole gives"),
        pytest.param("daemonsets", 1, id="DaemonSets"),
        pytest.param("events", 2, id="events"),
    ],
)
def test_right_that_is_missing_costs_its_source_only(
    fake: FakeApiServer, kubeconfig: str, resource: str, fails: int
) -> None:
    """One source is forbidden and says so by the path; the others do not notice."""
    fake.refusals[resource] = refuse(FORBIDDEN)
    with running(config_of(kubeconfig)) as sources:
        watchers: tuple[Following[Any], ...] = sources
        error = failure_of(watchers[fails])
        others = [read(made) for place, made in enumerate(watchers) if place != fails]

    assert (error.kind, error.partial, len(others)) == ("forbidden", None, 2)
    assert resource in str(error)


def test_module_does_not_import_the_package() -> None:
    """A node agent may import the source: the package itself is imported by the thread that needs it."""
    script = (
        "import sys, exporter.sources.kubernetes; sys.exit('kubernetes' in sys.modules or 'urllib3' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
