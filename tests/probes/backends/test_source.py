"""All lanes and the gateway in one reading, and the families that are made of it."""

import asyncio
from collections.abc import Mapping
from typing import Final

import pytest

from exporter.backend import Backend, Backends, Engine
from exporter.config import Config
from exporter.config_path import Gateway, Lane
from exporter.snapshot import Snapshot
from fakes.lane import SILENCE, fake_lane, llama, page
from probes.backends import families
from probes.backends.looker import Looker
from probes.backends.source import BackendsSource
from probes.backends.wiring import wire_backends

ALIVE: Final = {"/health/liveliness": page(200, b'"I\'m alive!"')}


async def read(gateway: Mapping[str, bytes], lanes: Mapping[str, bytes]) -> Backends:
    async with fake_lane(gateway) as front, fake_lane(lanes) as behind:
        configured = tuple(Lane(name=name, url=behind.url) for name in ("fast", "deep"))
        source = BackendsSource(Looker((*configured, Lane(name="parked")), 60.0), Gateway(url=f"{front.url}/v1"))
        backends = await source.read()
        assert not any("authorization" in request.lower() for request in front.requests)
        return backends


def test_every_lane_with_an_address() -> None:
    """Each lane is told; one without an address is not looked at."""
    backends = asyncio.run(read(ALIVE, llama()))
    assert {name: one.state for name, one in backends.by_lane.items()} == {"fast": "idle", "deep": "idle"}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        pytest.param(ALIVE, (True, ""), id="it lives"),
        pytest.param({}, (None, "the gateway has no liveliness page for us: 404"), id="another gateway"),
        pytest.param(
            {"/health/liveliness": page(503)}, (False, "the gateway's liveliness page answers 503"), id="it is ill"
        ),
        pytest.param(
            {"/health/liveliness": SILENCE}, (False, "the gateway takes connections and answers nothing"), id="it hangs"
        ),
    ],
)
def test_gateway(pages: Mapping[str, bytes], expected: tuple[bool | None, str]) -> None:
    """The gateway's own word, without a key; a page that it does not have proves nothing."""
    backends = asyncio.run(read(pages, llama()))
    assert expected == (backends.is_gateway_alive, backends.gateway_evidence)


def test_gateway_that_is_down() -> None:
    """A refused connection is a process that is not there."""

    async def ask() -> Backends:
        async with fake_lane({}) as gone:
            gateway = Gateway(url=gone.url)
        return await BackendsSource(Looker((), 60.0), gateway).read()

    assert asyncio.run(ask()).is_gateway_alive is False


def test_nothing_is_configured() -> None:
    """Without a lane's address and without a gateway nothing runs."""
    assert not wire_backends(Config(), Looker((), 60.0)).schedules


def _lines(backends: Backends | None) -> dict[str, float]:
    snapshot = Snapshot(node="n", backends=backends)
    return {
        f"{family.metric}{list(sample.labels)}": sample.value
        for family in families.collect(snapshot, 0.0)
        for sample in family.samples
        if family.metric.kind != "info" and (sample.value or "state" not in family.metric.labels)
    }


@pytest.mark.parametrize(
    ("backends", "expected"),
    [
        pytest.param(None, {}, id="nothing was looked at"),
        pytest.param(
            Backends(by_lane={"fast": Backend(lane="fast", state="down", scrape="refused")}),
            {
                "lanewatch_backend_state['fast', 'down']": 1,
                "lanewatch_backend_scrape['fast', 'refused']": 1,
            },
            id="what could not be read is absent",
        ),
        pytest.param(
            Backends(
                by_lane={
                    "fast": Backend(
                        lane="fast",
                        state="busy",
                        scrape="ok",
                        slots={"busy": 1, "free": 0},
                        context_tokens=8192,
                        moved_at=7.0,
                        engine=Engine(
                            waiting=2,
                            running=1,
                            kv_used_ratio=0.5,
                            tokens={"prompt": 3},
                            busy_seconds={"prompt": 4},
                            preemptions=0,
                            requests={"stop": 5},
                        ),
                    )
                },
                is_gateway_alive=False,
            ),
            {
                "lanewatch_backend_state['fast', 'busy']": 1,
                "lanewatch_backend_scrape['fast', 'ok']": 1,
                "lanewatch_backend_slots['fast', 'busy']": 1,
                "lanewatch_backend_last_progress_timestamp_seconds['fast']": 7,
                "lanewatch_backend_context_tokens['fast']": 8192,
                "lanewatch_engine_requests_waiting['fast']": 2,
                "lanewatch_engine_requests_running['fast']": 1,
                "lanewatch_engine_kv_used_ratio['fast']": 0.5,
                "lanewatch_engine_preemptions_total['fast']": 0,
                "lanewatch_engine_tokens_total['fast', 'prompt']": 3,
                "lanewatch_engine_busy_seconds_total['fast', 'prompt']": 4,
                "lanewatch_engine_requests_total['fast', 'stop']": 5,
                "lanewatch_gateway_up[]": 0,
            },
            id="everything is told",
        ),
    ],
)
def test_families(backends: Backends | None, expected: dict[str, float]) -> None:
    """Each fact is one series; what could not be read has none."""
    assert expected == _lines(backends)
