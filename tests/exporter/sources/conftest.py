from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.apiserver import FakeApiServer
from fakes.cluster_sources import small_cluster, write_kubeconfig


@pytest.fixture
def fake() -> Iterator[FakeApiServer]:
    """Return an API server with a small cluster."""
    with small_cluster() as server:
        yield server


@pytest.fixture
def kubeconfig(fake: FakeApiServer, tmp_path: Path) -> str:
    """Return the path of a kubeconfig that leads to the fake."""
    return write_kubeconfig(fake.url, tmp_path / "kubeconfig")
