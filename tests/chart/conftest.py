from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from e2e.controllers import controllers
from e2e.helm import Helm, namespace, serve_operators_kinds


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helm]:
    """Return Helm before a real API server with its controllers, the operators' kinds and a RuntimeClass."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        with controllers(cluster):
            one = Helm(cluster, tmp_path_factory.mktemp("home"))
            serve_operators_kinds(one)
            cluster.apply(
                [
                    {
                        "apiVersion": "node.k8s.io/v1",
                        "kind": "RuntimeClass",
                        "metadata": {"name": "nvidia"},
                        "handler": "nvidia",
                    }
                ]
            )
            for name in ("vllm", "llm", "lanewatch"):
                namespace(cluster, name, **{"resource.kubernetes.io/admin-access": "true"})
            yield one
    finally:
        cluster.stop()
