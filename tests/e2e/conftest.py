import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.cluster import Cluster
from e2e.controllers import controllers
from e2e.stage import LABELS, Stage
from e2e.told import SWITCH_SECONDS, WELL, expect
from e2e.watcher import Watcher, watching


def pytest_configure() -> None:
    """Let SIGTERM end a run as Ctrl-C does, so that whoever started real programs gets to stop them."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a real API server that all tests of the session share; take a namespace and labels of your own."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Return a second one whose controllers run: they would take the pods of the first for orphans and remove them."""
    made = Cluster(tmp_path_factory.mktemp("controlled"))
    try:
        made.start()
        with controllers(made):
            yield made
    finally:
        made.stop()


@pytest.fixture
def stage(controlled: Cluster, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Return a node and the reference lanes of the test's own, of which one serves."""
    one = Stage(controlled, re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))[:50].strip("-"))
    one.set_up()
    yield one
    one.clear()


@pytest.fixture
def watcher(stage: Stage) -> Iterator[Watcher]:
    """Return who watches the stage, and has seen it well."""
    pool = {"name": "gpu-llm", "labels": LABELS, "namespaces": [stage.namespace], "switch_seconds": SWITCH_SECONDS}
    config: dict[str, Any] = {"kubernetes": {"kubeconfig": str(stage.cluster.kubeconfig)}, "pools": [pool]}
    with watching(config) as one:
        expect(one, WELL)
        yield one
