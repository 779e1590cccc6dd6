"""Intel's exporters: the same cards, whatever the body is called and however it ends."""

import asyncio
import dataclasses
import logging
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.snapshot import Device, Gpus
from exporter.sources.exposition_text import TextSample, parse
from exporter.sources.xpum import Xpum, read_gpus
from fakes.metrics_server import answering, head

_FIXTURES = Path(__file__).parents[2] / "fixtures/xpum"
_BODIES = ("1.x-arc770x2.prom", "1.x-arc770x2.raw.txt", "1.2-arc770x2-as-html.prom")


def _read(name: str) -> Gpus:
    return read_gpus(parse((_FIXTURES / name).read_bytes(), prefixes=("xpum_", "hw_")))


_FIRST = Device(
    uuid="00000000-0000-0003-0000-000856a08086",
    index=0,
    model="Intel(R) Arc(TM) A770 Graphics",
    pci_bus_id="0000:03:00.0",
    memory_used_bytes=14495514624,
    utilization_ratio=0.634,
    engine_utilization_ratio={"compute": 0.634, "copy": 0.040999999999999995, "media": 0.0, "render": 0.0},
    power_watts=148.2,
    energy_joules=913402.118,
    clocks_hertz={"graphics": 2.4e9},
)


@pytest.mark.parametrize("name", _BODIES)
def test_every_form_of_the_body_gives_the_same_cards(name: str) -> None:
    first, second = _read(name).devices
    assert first == _FIRST
    assert (second.index, second.pci_bus_id, second.power_watts) == (1, "0000:07:00.0", 38.7)


def test_what_the_card_lacks_is_absent() -> None:
    first, _ = _read(_BODIES[0]).devices
    assert (first.memory_total_bytes, first.temperatures_celsius, first.xids) == (None, {}, None)


def test_xpumd_gives_the_same_card_and_the_size_of_its_memory() -> None:
    """Its clock is the mean of a window, where xpumanager gives the last one."""
    first, _ = _read("xpumd-2.prom").devices
    expected = dataclasses.replace(
        _FIRST,
        memory_total_bytes=16225243136,
        clocks_hertz={"graphics": 2.38e9},
        engine_utilization_ratio={**_FIRST.engine_utilization_ratio, "copy": 0.041},
    )
    assert first == expected


def _tile(name: str, value: float, **labels: str) -> TextSample:
    return TextSample(name, {"uuid": "u", **labels}, value)


def test_tiles_add_up_to_a_card_and_not_on_top_of_it() -> None:
    tiles = [_tile("xpum_memory_used_bytes", 10, sub_dev=str(number)) for number in range(2)]
    powers = [_tile("xpum_power_watts", 50), *(_tile("xpum_power_watts", 20, sub_dev=str(n)) for n in range(2))]
    busy = [_tile("xpum_engine_ratio", 0.2, sub_dev="0"), _tile("xpum_engine_ratio", 0.6, sub_dev="1")]
    (card,) = read_gpus([*tiles, *powers, *busy]).devices
    assert (card.memory_used_bytes, card.power_watts, card.utilization_ratio) == (20, 50, 0.6)


def test_metrics_under_the_name_of_html_are_read_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    body = (_FIXTURES / _BODIES[2]).read_bytes()

    async def go() -> list[Gpus]:
        async with answering([head(kind="text/html; charset=utf-8"), body]) as url:
            source = Xpum(url)
            return [await source.read() for _ in range(2)]

    with caplog.at_level(logging.WARNING):
        assert [len(gpus.devices) for gpus in asyncio.run(go())] == [2, 2]
    assert sum("text/html" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 500, 503])
def test_a_web_page_is_told_as_one_at_any_status(status: int) -> None:
    body = (_FIXTURES / "html-answer.html").read_bytes()
    error = _failure(head(status, kind="text/html"), body)
    assert error.kind == "bad_answer"
    assert f"found a web page (status {status})" in str(error)


def test_a_daemon_that_fails_is_told_with_its_own_words() -> None:
    error = _failure(head(500), (_FIXTURES / "1.x-nodata.txt").read_bytes())
    assert (error.kind, "found 500: #nodata: failed to get devices (1)" in str(error)) == ("bad_answer", True)


def _failure(*steps: bytes) -> SourceError:
    async def go() -> None:
        async with answering(steps) as url:
            await Xpum(url).read()

    with pytest.raises(SourceError) as caught:
        asyncio.run(go())
    return caught.value
