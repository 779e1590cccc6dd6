"""The server: it answers from prepared bytes, says whether it is ready, and refuses what it does not know."""

import asyncio
import dataclasses
import socket

import httpx
import pytest
from aiohttp import web

from exporter.exposition import OPENMETRICS, Page
from exporter.history import History
from exporter.poll import NOT_READ_YET
from exporter.route import Reply, Request, say
from exporter.server import Listen, application, serving
from exporter.snapshot import SourceState
from exporter.status_rows import status_of
from fakes.reference_node import SNAPSHOT, page
from fakes.shown import IDENTITY


async def _echo(request: Request) -> Reply:
    """Tell a client what it said."""
    body = f"{sorted(request.query.items())} {request.headers.get('xwho')}".encode()
    return Reply(body=body, content_type="text/x-echo", headers={"Age": "3"})


async def _refuse(_: Request) -> Reply:
    return say(400, "expected something else")


_ROUTES = {"/echo": _echo, "/refuse": _refuse}


def _application(served: Page) -> web.Application:
    return application(lambda: served, lambda now: status_of(served, IDENTITY, now, History()), _ROUTES)


def _get(path: str, served: Page | None = None, *, method: str = "GET", **headers: str) -> httpx.Response:
    async def go() -> httpx.Response:
        app = _application(served or page())
        async with serving(app, Listen(host="127.0.0.1", port=0)) as url, httpx.AsyncClient() as client:
            return await client.request(method, url + path, headers=headers)

    return asyncio.run(go())


def test_metrics_are_the_prepared_page() -> None:
    answer = _get("/metrics")
    assert answer.status_code == 200
    assert answer.content == page().text.plain
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_metrics_are_openmetrics_for_who_asks() -> None:
    answer = _get("/metrics", Accept="application/openmetrics-text;version=1.0.0")
    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.text.endswith("# EOF\n")


def test_healthz_is_well_while_the_loop_turns() -> None:
    assert _get("/healthz").text == "ok\n"


def test_readyz_is_ready_once_every_source_was_read_or_failed() -> None:
    """A source that failed is no reason to take the exporter out: it tells of the failure."""
    failed = SourceState(name="nvml", is_up=False, message="no driver")
    assert _get("/readyz", page(dataclasses.replace(SNAPSHOT, sources={"nvml": failed}))).status_code == 200
    waiting = SourceState(name="nvml", is_up=False, message=NOT_READ_YET)
    answer = _get("/readyz", page(dataclasses.replace(SNAPSHOT, sources={"nvml": waiting})))
    assert answer.status_code == 503
    assert answer.text == "waiting for the first reading of: nvml\n"


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/metrics/../etc/passwd", 404)])
def test_an_unknown_path_is_refused(path: str, status: int) -> None:
    assert _get(path).status_code == status


def test_only_reading_is_allowed() -> None:
    assert _get("/metrics", method="POST").status_code == 405
    assert _get("/metrics", method="HEAD").status_code == 200


def test_a_page_tells_of_the_node_and_asks_nothing_from_elsewhere() -> None:
    answer = _get("/")
    assert "qwen36-35b-gguf-fast" in answer.text
    assert "21.1 of 23.9 GiB" in answer.text
    assert "http" not in answer.text
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:4] == ["default-src 'none'", "style-src 'unsafe-inline'", "script-src 'self'", "connect-src 'self'"]


def test_the_page_is_there_as_json_and_brings_its_script() -> None:
    """For programs, and for the browser that refreshes it."""
    status = _get("/status.json")
    assert (status.headers["content-type"], status.json()["schema"]) == ("application/json", 1)
    assert status.json()["cards"][0]["memory_used_bytes"] == SNAPSHOT.gpus.devices[0].memory_used_bytes  # type: ignore[union-attr]  # the reference has one card
    assert _get("/status.js").headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_hostile_name_stays_text() -> None:
    evil = "<script>alert(1)</script>"
    cards = dataclasses.replace(SNAPSHOT.gpus, devices=(dataclasses.replace(SNAPSHOT.gpus.devices[0], model=evil),))  # type: ignore[type-var, union-attr]  # the reference has one card
    answer = _get("/", page(dataclasses.replace(SNAPSHOT, gpus=cards)))
    assert evil not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_simulated_page_says_so() -> None:
    assert "simulated:" in _get("/", page(dataclasses.replace(SNAPSHOT, is_simulated=True))).text
    assert "simulated:" not in _get("/").text


def test_a_page_without_anything_says_how_to_turn_it_on() -> None:
    bare = dataclasses.replace(SNAPSHOT, gpus=None, workloads=None, allocations=None, sources={})
    assert "Set <code>gateway.url</code>" in _get("/", page(bare)).text


def test_a_half_sent_request_delays_nobody() -> None:
    """One silent client must not hold up a scrape."""

    async def go() -> int:
        async with serving(_application(page()), Listen(host="127.0.0.1", port=0)) as url:
            host, port = url.removeprefix("http://").split(":")
            silent = socket.create_connection((host, int(port)))
            silent.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
            async with httpx.AsyncClient(timeout=2) as client:
                answer = await client.get(url + "/metrics")
            silent.close()
            return answer.status_code

    assert asyncio.run(go()) == 200


def test_a_page_of_others_hears_the_request_and_says_its_reply() -> None:
    """The first of several values counts, names of headers are in lower case, and no cache keeps the answer."""
    answer = _get("/echo?a=1&b=%20x&a=2", XWho="me")
    assert answer.text == "[('a', '1'), ('b', ' x')] me"
    assert (answer.headers["content-type"], answer.headers["age"]) == ("text/x-echo", "3")
    assert answer.headers["cache-control"] == "no-store"


def test_a_page_of_others_can_refuse() -> None:
    answer = _get("/refuse")
    assert (answer.status_code, answer.text) == (400, "expected something else\n")


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT"])
def test_a_page_of_others_is_only_asked_with_get(method: str) -> None:
    """Such a page may cost something; a method that is not meant must not."""
    assert _get("/echo", method=method).status_code == 405
