"""The page `/probe`: whom it asks, what it answers, and what it cannot be made to do."""

import asyncio
import socket
from collections.abc import Mapping

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.backend import Backend
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane, Probes
from exporter.route import Handler, Reply, Request
from exporter.secret import Secret
from exporter.server import Listen, application, serving
from exporter.status import Status
from fakes.gateway import HANG, HEALTHY, fake_gateway
from fakes.probing import DEAD, Rig
from fakes.reference_node import page
from probes.ledger import Ledger
from probes.on_demand import PATH, OnDemand, limit_seconds
from probes.prober import Prober
from probes.turn import Turns
from probes.wiring import wire_probes

FAST = Alias(name="fast", lane="a")
CHAT = Alias(name="chat")
CANARY = "sk-canary-0123456789"
SCRAPER = "x-prometheus-scrape-timeout-seconds"


def ask(rig: Rig, query: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Reply:
    """Ask the page of a rig."""
    handler = OnDemand(rig.config, rig.ledger, rig.turns)

    async def go() -> Reply:
        reply = asyncio.create_task(handler.answer(Request(query=query, headers=headers or {})))
        await rig.time.run_until(rig.time.seconds + 30)
        return await reply

    return asyncio.run(go())


def nothing_shown(_: float) -> Status:
    """Return a page for people without anything on it."""
    return Status(version="0", role="all", node="n", at=0.0, light="quiet", headline="")


def lines(reply: Reply) -> list[str]:
    return [line for line in reply.body.decode().splitlines() if not line.startswith("#")]


def test_gateway_probe() -> None:
    """The answer has the families of this attempt alone, in our own names."""
    reply = ask(Rig((FAST, CHAT)), {"alias": "fast"})
    assert (reply.status, reply.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'lanewatch_probe_last_outcome{alias="fast",outcome="ok"} 1.0' in lines(reply)
    assert 'lanewatch_probe_first_token_seconds{alias="fast"} 0.3' in lines(reply)
    assert 'lanewatch_probe_phase_seconds{alias="fast",phase="first_token"} 0.3' in lines(reply)
    assert 'lanewatch_alias_root_cause{alias="fast",cause="none"} 1.0' in lines(reply)
    assert not any("chat" in line for line in lines(reply))


def test_direct_probe() -> None:
    """Past the gateway the numbers are the lane's, and no alias's."""
    rig = Rig((FAST,))
    reply = ask(rig, {"alias": "fast", "target": "direct"})
    assert 'lanewatch_lane_probe_last_outcome{kind="chat",lane="a",outcome="ok"} 1.0' in lines(reply)
    assert not any(line.startswith("lanewatch_probe_") for line in lines(reply))
    assert [question.target for question, _ in rig.asked] == ["direct"]


def test_failure_is_a_page_too() -> None:
    """A probe that failed is what the page is about: it is no failure of the page."""
    reply = ask(Rig((FAST,), gateway=DEAD), {"alias": "fast"})
    assert reply.status == 200
    assert 'lanewatch_probe_last_outcome{alias="fast",outcome="http_5xx"} 1.0' in lines(reply)


def test_busy_lane() -> None:
    """A one-slot lane that works for a user answers for itself."""
    rig = Rig((FAST,), backend=Backend(lane="a", state="busy", slots={"busy": 1, "free": 0}))
    reply = ask(rig, {"alias": "fast"})
    assert 'lanewatch_probe_last_outcome{alias="fast",outcome="skipped_busy"} 1.0' in lines(reply)
    assert rig.asked == []
    assert "nothing was asked" in ask(rig, {"alias": "fast", "debug": "true"}).body.decode()


def test_debug_is_for_a_person() -> None:
    """A waterfall, what it cost, and what explains it."""
    reply = ask(Rig((FAST,)), {"alias": "fast", "debug": "true"})
    text = reply.body.decode()
    assert text.startswith("alias fast: ok, ")
    assert "  first_token     0.300 s  (+0.100)" in text
    assert "  tokens: prompt 20, completion 16" in text
    assert "  root cause of the alias: none" in text


def test_age_of_the_last_answer() -> None:
    """Who asks again at once gets the same answer and hears how old it is."""
    rig = Rig((FAST,), probe_seconds=0.5)
    assert "ok, 0.0 s ago" in ask(rig, {"alias": "fast", "debug": "true"}).body.decode()
    rig.time.seconds = 0.5 + 0.4  # so long after the end of the first
    assert "ok, 0.4 s ago" in ask(rig, {"alias": "fast", "debug": "true"}).body.decode()
    assert len(rig.asked) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param({}, "alias: expected one of chat, fast", id="no alias"),
        pytest.param({"alias": "nope"}, "alias: expected one of chat, fast", id="an alias that nobody configured"),
        pytest.param({"alias": "http://evil/"}, "alias: expected one of chat, fast", id="an address"),
        pytest.param(
            {"alias": "fast", "target": "http://evil/"}, "target: expected one of gateway, direct", id="a target"
        ),
        pytest.param(
            {"alias": "chat", "target": "direct"},
            "target: expected gateway: alias chat has no lane with an address",
            id="a lane that is not configured",
        ),
    ],
)
def test_refusal(query: Mapping[str, str], words: str) -> None:
    """What is not in the configuration is refused with what is, and nothing of the request is said again."""
    reply = ask(Rig((FAST, CHAT)), query)
    assert (reply.status, reply.body.decode()) == (400, f"{words}\n")


@settings(max_examples=200)
@given(
    query=st.dictionaries(
        st.sampled_from(["alias", "target", "debug", "module", "url", "lane"]),
        st.one_of(st.text(max_size=40), st.just("http://169.254.169.254/"), st.just("fast"), st.just("gateway")),
    )
)
def test_nobody_can_say_where(query: Mapping[str, str]) -> None:
    """Whatever is asked, questions go to the configured gateway or nowhere."""
    rig = Rig((FAST, CHAT))
    reply = ask(rig, query)
    asked = {question.url for question, _ in rig.asked}
    assert asked == ({"http://gateway"} if reply.status == 200 else set())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, None, id="not said"),
        pytest.param("10", 9.5, id="a time"),
        pytest.param("2.25", 1.75, id="a fraction"),
        pytest.param("0.3", 0.1, id="hardly any time"),
        pytest.param("0", None, id="no time"),
        pytest.param("-5", None, id="less than none"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("inf", None, id="for ever"),
        pytest.param("soon", None, id="a word"),
    ],
)
def test_limit(text: str | None, expected: float | None) -> None:
    """The scraper's time less what the way back takes."""
    headers = {} if text is None else {SCRAPER: text}
    assert limit_seconds(headers) == expected


def wire(url: str, lane_url: str | None = None) -> Handler:
    """Return the page of a real prober."""
    lanes = (Lane(name="a", url=lane_url),)
    config = Config(gateway=Gateway(url=url), aliases=(FAST, CHAT), lanes=lanes)
    ledger = Ledger(config)
    turns = Turns(config, ledger, Prober(config=config, key=Secret(CANARY)))
    return OnDemand(config, ledger, turns).answer


def test_hundred_requests_are_one_question() -> None:
    """A hundred clients at once cost the gateway one request, over real connections."""

    async def go() -> tuple[set[int], int]:
        async with fake_gateway(HEALTHY) as fake:
            app = application(page, nothing_shown, {PATH: wire(fake.url)})
            async with serving(app, Listen(host="127.0.0.1", port=0)) as url, httpx.AsyncClient(timeout=30) as client:
                answers = await asyncio.gather(*(client.get(f"{url}/probe?alias=fast") for _ in range(100)))
        return {answer.status_code for answer in answers}, len(fake.requests)

    assert asyncio.run(go()) == ({200}, 1)


def test_scraper_is_answered_in_its_time() -> None:
    """A gateway that hangs is told as such before the scraper gives up."""

    async def go() -> tuple[float, Reply]:
        async with fake_gateway((HANG,)) as fake:
            handler = wire(fake.url)
            begun = asyncio.get_running_loop().time()
            reply = await handler(Request(query={"alias": "chat"}, headers={SCRAPER: "2"}))
            return asyncio.get_running_loop().time() - begun, reply

    seconds, reply = asyncio.run(go())
    assert seconds < 2
    assert 'lanewatch_probe_last_outcome{alias="chat",outcome="timeout_first"} 1.0' in lines(reply)


def test_scraper_does_not_wait_for_the_lane() -> None:
    """While the lane is asked for longer than the scraper waits, the scraper hears that there is no answer yet."""
    rig = Rig((FAST,))

    async def go() -> Reply:
        turn = asyncio.create_task(rig.turns.take(FAST))  # on a clock that stands still: it does not end
        await asyncio.sleep(0)
        handler = OnDemand(rig.config, rig.ledger, rig.turns)
        async with asyncio.timeout(5):
            reply = await handler.answer(Request(query={"alias": "fast"}, headers={SCRAPER: "0.6"}))
        await rig.turns.close()
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        return reply

    reply = asyncio.run(go())
    assert (reply.status, reply.body) == (504, b"the probe of alias fast did not end within 0.1 s\n")
    assert len(rig.asked) == 1


def test_no_connection_to_where_a_client_says() -> None:
    """A listening stranger that a client names hears nothing, by any parameter."""

    async def go() -> int:
        heard = 0

        async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            heard += 1
            writer.close()

        stranger = await asyncio.start_server(listen, "127.0.0.1", 0, family=socket.AF_INET)
        where = f"http://127.0.0.1:{stranger.sockets[0].getsockname()[1]}/"
        async with fake_gateway(HEALTHY) as fake:
            handler = wire(fake.url)
            for name in ("alias", "target", "url", "lane", "module"):
                await handler(Request(query={"alias": "chat", name: where}))
        stranger.close()
        return heard

    assert asyncio.run(go()) == 0


@pytest.mark.parametrize("debug", ["true", "false"])
def test_key_is_not_told(debug: str) -> None:
    """A gateway that echoes the key cannot make the page say it."""
    body = f'{{"error": {{"message": "no such key {CANARY}"}}}}'.encode()
    head = b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nConnection: close\r\nX-Echo: " + CANARY.encode()

    async def go() -> Reply:
        async with fake_gateway((head + b"\r\n\r\n" + body,)) as fake:
            return await wire(fake.url)(Request(query={"alias": "chat", "debug": debug}))

    reply = asyncio.run(go())
    assert reply.status == 200
    assert b"auth" in reply.body
    assert CANARY.encode() not in reply.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get_costs_a_probe(method: str) -> None:
    """A page that costs tokens answers one method."""

    async def go() -> tuple[int, int]:
        async with fake_gateway(HEALTHY) as fake:
            app = application(page, nothing_shown, {PATH: wire(fake.url)})
            async with serving(app, Listen(host="127.0.0.1", port=0)) as url, httpx.AsyncClient() as client:
                answer = await client.request(method, f"{url}/probe?alias=fast")
        return answer.status_code, len(fake.requests)

    assert asyncio.run(go()) == (405, 0)


def test_page_can_be_turned_off() -> None:
    """Where no probe on demand is wanted there is no such page."""
    config = Config(gateway=Gateway(url="http://g"), aliases=(CHAT,))
    assert PATH in wire_probes(config).routes
    config = Config(gateway=Gateway(url="http://g"), aliases=(CHAT,), probes=Probes(on_demand=False))
    assert PATH not in wire_probes(config).routes
