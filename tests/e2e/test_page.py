"""The page for people in a real browser: right in every state, for eyes, keyboard and screen reader, and unharmed."""

import asyncio
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from e2e.looking import Look, look
from e2e.processes import LOOPBACK, Command, free_port, running
from exporter.history import History
from exporter.server import Listen, application, serving
from exporter.status import Status
from exporter.status_rows import status_of
from fakes.hostile import EVIL, named
from fakes.reference_node import page
from fakes.shown import IDENTITY

pytestmark = pytest.mark.real

_PICTURES: Final = Path(__file__).resolve().parents[2] / "dashboards" / "pictures"


@contextmanager
def demo(scenario: str, headline: str, directory: Path) -> Iterator[str]:
    """Play a scenario until its page says so."""
    address = f"{LOOPBACK}:{free_port()}"
    line: list[str | Path] = [
        Path(sys.executable).parent / "lanewatch",
        "demo",
        "--scenario",
        scenario,
        "--web.listen-address",
        address,
    ]
    url = f"http://{address}"

    def says_so() -> bool:
        try:
            return headline in httpx.get(f"{url}/status.json", trust_env=False).json()["headline"]
        except httpx.TransportError:
            return False

    with running(Command(name=scenario, line=line, directory=directory)) as program:
        program.wait_until(says_so, within=60.0)
        yield f"{url}/"


@contextmanager
def showing(status: Status) -> Iterator[str]:
    """Serve a page of these records from this process."""
    stop, ready = threading.Event(), threading.Event()
    urls: list[str] = []

    async def go() -> None:
        async with serving(application(page, lambda _: status), Listen(host=LOOPBACK, port=0)) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(go()))
    thread.start()
    try:
        assert ready.wait(10)
        yield f"{urls[0]}/"
    finally:
        stop.set()
        thread.join()


def picture(name: str, directory: Path) -> str:
    """Return where the picture goes: into the docs with LANEWATCH_WRITE_PICTURES=1."""
    return str((_PICTURES if os.environ.get("LANEWATCH_WRITE_PICTURES") else directory) / f"{name}.png")


def assert_sound(seen: dict[str, Any], url: str) -> None:
    """No error, no other host, nothing that an accessibility check finds, and it refreshes itself."""
    assert seen["console"] == []
    assert set(seen["hosts"]) == {url.removeprefix("http://").rstrip("/")}
    assert seen["violations"] == []
    assert seen["refreshed"]


@pytest.mark.parametrize(
    ("scenario", "headline", "light"),
    [
        pytest.param("healthy", "All is well", "ok", id="healthy"),
        pytest.param("dead-backend", "the server of its lane fails", "FAILED", id="a dead server"),
        pytest.param("two-lanes", "several GPU LLMs", "FAILED", id="two lanes"),
    ],
)
def test_the_demo_in_a_browser(scenario: str, headline: str, light: str, tmp_path: Path) -> None:
    """The state is in the title, the headline and the lights, light and dark, and it is said that it is simulated."""
    with demo(scenario, headline, tmp_path) as url:
        bright = look(Look(url=url, tabs=3, picture=picture(f"page-{scenario}", tmp_path)))
        dark = look(Look(url=url, scheme="dark", picture=picture(f"page-{scenario}-dark", tmp_path)))
        phone = look(Look(url=url, width=390, scheme="dark", picture=picture(f"page-{scenario}-phone", tmp_path)))
    for seen in (bright, dark, phone):
        assert_sound(seen, url)
        assert headline in seen["headline"]
        assert "simulated: no card" in seen["text"]
    assert bright["title"] == f"{light} · Lanewatch"
    assert phone["wide"] <= 390


def test_a_fault_for_the_keyboard_and_the_screen_reader(tmp_path: Path) -> None:
    """The first things that Tab reaches are the evidence links, by their alias; lights are read as words."""
    with demo("dead-backend", "chat, fast: the server of its lane fails", tmp_path) as url:
        seen = look(Look(url=url, tabs=3))
    assert seen["tabbed"] == ["evidence for chat", "evidence for fast", "metrics"]
    assert 'list "layers under fast, the node first"' in seen["spoken"]
    assert "server : failed, the cause" in seen["spoken"]
    assert "node : ok" in seen["spoken"]


def test_without_javascript_the_page_stands(tmp_path: Path) -> None:
    """Whoever has none sees the same, once."""
    with demo("healthy", "All is well", tmp_path) as url:
        seen = look(Look(url=url, javascript=False))
    assert "All is well" in seen["headline"]
    assert seen["console"] == []


def test_a_machine_without_anything(tmp_path: Path) -> None:
    """Not simulated, nothing found: it says what is off and how to turn it on, and nothing is called well."""
    address = f"{LOOPBACK}:{free_port()}"
    line: list[str | Path] = [Path(sys.executable).parent / "lanewatch", "serve", "--web.listen-address", address]
    with running(Command(name="serve", line=line, directory=tmp_path)) as program:
        program.wait_until(lambda: _is_ready(address), within=30.0)
        seen = look(Look(url=f"http://{address}/"))
    assert_sound(seen, f"http://{address}/")
    assert "All is well" not in seen["headline"]
    assert "Off: no alias is probed" in seen["text"]
    assert "simulated" not in seen["text"]


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_hostile_name_does_nothing_in_a_browser() -> None:
    """As an alias, a pod, a card, a node, a message: it is read, not run."""
    with showing(named("x")) as url:
        harmless = look(Look(url=url))
    with showing(named(" ".join(EVIL))) as url:
        hostile = look(Look(url=url))
    assert (hostile["dialogs"], hostile["console"]) == ([], [])
    assert hostile["elements"] == harmless["elements"]
    assert hostile["scripts"] == 1


def test_a_long_history_is_drawn() -> None:
    """An hour of points of a card and an alias: pictures with words."""
    history = History()
    for step in range(240):
        history.note(page().families, 1_790_000_000.0 + 15 * step)
    status = status_of(page(), IDENTITY, 1_790_003_600.0, history)
    with showing(status) as url:
        seen = look(Look(url=url))
    assert_sound(seen, url)
    assert 'img "memory used of GPU-' in seen["spoken"]
