"""The configuration changes while the exporter runs: all or nothing, and what stays has lost no count."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.objectives import refuse_silent_objectives
from exporter import catalogue as c
from exporter.config import Config, parse_config
from exporter.errors import ConfigError
from fakes.live_exporter import Shown, Watcher, config_text, watcher

_TWO_POOLS = [
    {"name": "one", "labels": {"a": "1"}, "switch_seconds": 100},
    {"name": "two", "labels": {"a": "2"}, "switch_seconds": 200},
]
_OTHERS = (
    config_text(),
    config_text(pools=_TWO_POOLS),
    config_text(aliases=[]),
    config_text(aliases=[{"name": "fast", "objectives": {"availability": 0.5}}, {"name": "chat"}]),
    config_text(pools=_TWO_POOLS[1:], aliases=[{"name": "chat"}], lanes=[{"name": "lane"}]),
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, Watcher]]:
    path = tmp_path_factory.mktemp("live") / "lanewatch.yaml"
    with asyncio.Runner() as runner:
        context = watcher(path, config_text())
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


def _pools_of(shown: Shown) -> dict[str, float]:
    return {labels["pool"]: value for labels, value in shown.series.get(str(c.POOL_SWITCH_DEADLINE), [])}


def _aliases_of(shown: Shown) -> dict[str, float]:
    found = shown.series.get(str(c.PROBE_SLO_OBJECTIVE), [])
    return {labels["alias"]: value for labels, value in found if labels["slo"] == "availability"}


def _expected(config: Config) -> tuple[dict[str, float], dict[str, float]]:
    pools = {pool.name: pool.switch_seconds for pool in config.pools}
    return pools, {alias.name: alias.objectives.availability for alias in config.aliases}


def _is_taken(raw: bytes, before: Config) -> Config:
    """Return which configuration must hold after the file says `raw`: it, or the one before."""
    try:
        after = parse_config(raw.decode(), "")
    except (ConfigError, UnicodeDecodeError):
        return before
    live = {"pools", "agents", "node_baseline", "gateway", "aliases", "lanes", "probes"}
    fixed = [key for key in Config.__struct_fields__ if key not in live]
    return after if all(getattr(after, key) == getattr(before, key) for key in fixed) else before


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    """A valid file, one that ends too early, or one with some bytes that are wrong."""
    raw = bytearray(draw(st.sampled_from(_OTHERS)).encode())
    kind = draw(st.sampled_from(["whole", "cut", "bytes"]))
    if kind == "cut":
        return bytes(raw[: draw(st.integers(0, len(raw)))])
    for _ in range(draw(st.integers(1, 3)) if kind == "bytes" else 0):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.lists(_files(), min_size=1, max_size=3))
def test_no_scrape_sees_half_of_a_configuration(running: tuple[asyncio.Runner, Watcher], files: list[bytes]) -> None:
    """Scraped without a pause while the file changes to anything: each page is of the one before or the one after."""
    runner, exporter = running

    async def go() -> None:
        for raw in files:
            before, digest = exporter.live.config, exporter.live.digest
            after = _is_taken(raw, before)
            pages = [page async for page in _scrapes_while(exporter, raw)]
            assert {page.status for page in pages} == {200}
            states = [(page.labels(c.CONFIG_INFO, "hash"), _pools_of(page), _aliases_of(page)) for page in pages]
            allowed = [({digest}, *_expected(before)), ({exporter.live.digest}, *_expected(after))]
            assert all(state in allowed for state in states), states
            assert states[-1] == allowed[-1]
            assert exporter.live.config == after

    runner.run(go())


async def _scrapes_while(exporter: Watcher, raw: bytes) -> AsyncIterator[Shown]:
    writing = asyncio.create_task(exporter.write(raw))
    while not writing.done():
        yield await exporter.scrape()
    await writing
    yield await exporter.scrape()


def test_what_stays_has_lost_no_count(tmp_path: Path) -> None:
    """A new threshold, another pool and another alias: the alias that stays counts on, the one that goes is gone."""

    async def go() -> None:
        both = [{"name": "fast", "interval_seconds": 2, "timeout_seconds": 2}, {"name": "chat"}]
        async with watcher(tmp_path / "c.yaml", config_text(aliases=both)) as exporter:
            async with asyncio.timeout(20):
                while (await exporter.scrape()).value(c.PROBE_ATTEMPTS, alias="fast") < 1:  # noqa: ASYNC110  # probes
                    await asyncio.sleep(0.1)
            before = (await exporter.scrape()).value(c.PROBE_ATTEMPTS, alias="fast")
            changed = [
                {"name": "fast", "interval_seconds": 60, "objectives": {"first_token_seconds": 7.5}},
                {"name": "agent"},
            ]
            await exporter.write(config_text(aliases=changed, pools=_TWO_POOLS))
            shown = await exporter.scrape()
            assert shown.value(c.PROBE_ATTEMPTS, alias="fast") >= before
            assert shown.labels(c.PROBE_ATTEMPTS, "alias") == {"fast", "agent"}
            assert (await exporter.client.get(f"{exporter.url}/explain?alias=chat")).status_code == 400
            assert (await exporter.client.get(f"{exporter.url}/explain?alias=agent")).status_code == 200

    asyncio.run(go())


def test_pages_of_probes_come_and_go_with_the_aliases(running: tuple[asyncio.Runner, Watcher]) -> None:
    runner, exporter = running

    async def go() -> list[int]:
        found = []
        for text in (config_text(aliases=[]), config_text()):
            await exporter.write(text)
            found.append((await exporter.client.get(f"{exporter.url}/explain")).status_code)
        return found

    assert runner.run(go()) == [404, 200]


@pytest.mark.parametrize(
    ("text", "is_well"),
    [
        pytest.param(config_text(pools=_TWO_POOLS), 1, id="what may change"),
        pytest.param(config_text(node="other"), 0, id="the name of the node"),
        pytest.param(
            config_text(kubernetes={"enabled": False, "nodes": False}, aliases=[]), 0, id="the API server's part"
        ),
        pytest.param("nonsense: true", 0, id="a key that is not known"),
        pytest.param("", 0, id="an empty file: its defaults differ"),
    ],
)
def test_a_reload_is_told_as_series(
    running: tuple[asyncio.Runner, Watcher], text: str, is_well: int, caplog: pytest.LogCaptureFixture
) -> None:
    runner, exporter = running

    async def go() -> tuple[Shown, Shown]:
        await exporter.write(config_text())
        await asyncio.sleep(1.5)  # the page that tells of it is prepared each second
        before = await exporter.scrape()
        await exporter.write(text)
        await asyncio.sleep(1.5)
        return before, await exporter.scrape()

    before, after = runner.run(go())
    assert after.value(c.CONFIG_RELOAD_OK, file="config") == is_well
    is_other = before.labels(c.CONFIG_INFO, "hash") != after.labels(c.CONFIG_INFO, "hash")
    is_later = after.value(c.CONFIG_RELOADED_AT) > before.value(c.CONFIG_RELOADED_AT)
    assert (is_other, is_later) == (bool(is_well), bool(is_well))
    assert bool(is_well) or "the one before stays" in caplog.text


def test_what_would_silence_an_alert_is_not_taken(tmp_path: Path) -> None:
    """As at the start: an objective for which an alert could never fire leaves the one before."""
    path = tmp_path / "lanewatch.yaml"

    async def go() -> tuple[bool, bool]:
        async with watcher(path, config_text(), refuse_silent_objectives) as one:
            before = one.live.config
            await one.write(config_text(aliases=[{"name": "fast", "objectives": {"availability": 0.5}}]))
            return one.live.reloader.is_well, one.live.config is before

    assert asyncio.run(go()) == (False, True)
