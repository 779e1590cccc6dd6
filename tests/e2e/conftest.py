import signal
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster


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
