import asyncio
import contextlib

import pytest

from exporter.config import Config
from exporter.config_cluster import Kubernetes
from exporter.wiring import wire_sources


def names(kubernetes: Kubernetes) -> set[str]:
    """Return which sources of the API server run."""

    async def wire() -> set[str]:
        async with contextlib.AsyncExitStack() as stack:
            wiring = await wire_sources(Config(kubernetes=kubernetes), "cluster", stack)
            return {schedule.name for schedule in wiring.schedules}

    return asyncio.run(wire()) & {"kubernetes", "nodes", "events"}


@pytest.mark.parametrize(
    ("kubernetes", "expected"),
    [
        pytest.param(Kubernetes(), {"kubernetes", "nodes", "events"}, id="all by default"),
        pytest.param(Kubernetes(nodes=False), {"kubernetes", "events"}, id="no right over nodes is wanted"),
        pytest.param(Kubernetes(events=False), {"kubernetes", "nodes"}, id="no right over events is wanted"),
        pytest.param(Kubernetes(enabled=False), set(), id="no API server at all"),
    ],
)
def test_sources_of_the_api_server(kubernetes: Kubernetes, expected: set[str]) -> None:
    """Each source can be left out, for a server that gives no right to it."""
    assert names(kubernetes) == expected
