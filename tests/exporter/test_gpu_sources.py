"""The whole way of other people's exporters: HTTP to the page, and which of them speaks."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from exporter import wiring
from exporter.config import parse_config
from exporter.exposition import Exposition
from exporter.poll import Poller
from exporter.snapshot import Device, Gpus, Snapshot
from exporter.wired import Wiring
from fakes.metrics_server import answering, head

_FIXTURES = Path(__file__).parents[1] / "fixtures"
_CONFIG = """
nvml: {{enabled: false}}
kubelet: {{enabled: false}}
gpu_source: {source}
dcgm: {{url: "{dcgm}"}}
xpum: {{url: "{xpum}"}}
"""
_CARD = 'gpu_uuid="GPU-00000000-0000-4000-8000-000000000001"'
_ARC = 'gpu_uuid="00000000-0000-0003-0000-000856a08086"'


def _page(source: str, schema: str = "4.9", nvml: Gpus | None = None) -> str:
    async def go() -> str:
        async with contextlib.AsyncExitStack() as stack:
            bodies = (f"dcgm/{schema}-rtxpro4000.prom", "xpum/1.x-arc770x2.raw.txt")
            dcgm, xpum = [
                await stack.enter_async_context(answering([head(), (_FIXTURES / name).read_bytes()])) for name in bodies
            ]
            config = parse_config(_CONFIG.format(source=source, dcgm=dcgm, xpum=xpum), "x")
            parts = await wiring.wire_sources(config, "node", stack)
            return await _read(parts, nvml)

    return asyncio.run(go())


async def _read(parts: Wiring, nvml: Gpus | None) -> str:
    schedules = [schedule for schedule in parts.schedules if schedule.name in {"dcgm", "xpum"}]
    poller = Poller(Snapshot(node="n", gpus=nvml), schedules)
    for schedule in schedules:
        await poller.read_once(schedule)
    collectors = {name: parts.collectors[name] for name in ("devices", "disagreement")}
    page = Exposition(collectors, parts.select).prepare(poller.snapshot, 0.0)
    return page.text.plain.decode()


@pytest.mark.parametrize(
    ("source", "has_card", "has_arc"), [("auto", True, True), ("dcgm", True, False), ("xpum", False, True)]
)
def test_the_page_has_the_cards_of_the_sources_that_speak(source: str, has_card: bool, has_arc: bool) -> None:  # noqa: FBT001  # columns of a table
    page = _page(source)
    assert (f'lanewatch_gpu_power_watts{{{_CARD},node="n"}} 9.0' in page) == has_card
    assert (f'lanewatch_gpu_power_watts{{{_ARC},node="n"}} 148.2' in page) == has_arc
    assert "lanewatch_gpu_sources_disagree{" not in page


def test_every_schema_makes_the_same_page() -> None:
    """But for the fractions of a joule, which 4.9 does not tell."""
    pages = {
        "\n".join(line for line in _page("auto", schema).splitlines() if not line.startswith("lanewatch_gpu_energy"))
        for schema in ("4.8", "4.8.3", "4.9")
    }
    assert len(pages) == 1


def test_each_card_says_which_source_tells_of_it() -> None:
    rows = [line for line in _page("auto").splitlines() if line.startswith("lanewatch_gpu_info{")]
    assert sorted(row.partition('source="')[2].partition('"')[0] for row in rows) == ["dcgm", "xpum", "xpum"]


_NVML = Gpus(
    source="nvml",
    devices=(Device(uuid=_CARD.split('"')[1], index=0, power_watts=9.0, temperatures_celsius={"gpu": 55.0}),),
)


@pytest.mark.parametrize("source", ["auto", "dcgm"])
def test_what_nvml_and_dcgm_disagree_on_is_told_whoever_speaks(source: str) -> None:
    page = _page(source, nvml=_NVML)
    told = {
        line.partition('field="')[2].partition('"')[0]: line[-3:]
        for line in page.splitlines()
        if line.startswith("lanewatch_gpu_sources_disagree{")
    }
    assert told == {"presence": "0.0", "power": "0.0", "temperature": "1.0"}
