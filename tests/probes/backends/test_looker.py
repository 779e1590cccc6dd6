"""Looking at a server over HTTP: what is asked, what is concluded, and what is not shown to anybody."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec

import pytest

from exporter.backend import Backend
from exporter.config_path import Lane
from fakes.lane import SILENCE, FakeLane, fake_lane, llama, page, recorded, server_of
from probes.backends.look import Moment
from probes.backends.looker import Looker

P = ParamSpec("P")
PATIENCE: Final = 60.0
CANARY: Final = "sk-canary-4242"
MOST_GETS: Final = 4
LOADING: Final = recorded("llamacpp-health-503-loading.json", 503, Server="llama.cpp")
NO_METRICS: Final = page(501, b'{"error":{"code":501}}', Server="llama.cpp")
FORBIDDEN: Final = page(401, b'{"error":{"message":"Invalid API Key"}}', Server="llama.cpp")
SLEEPING: Final = page(200, b'{"build_info":"b1","total_slots":1,"is_sleeping":true}', Server="llama.cpp")
PROPS: Final = (
    b'{"build_info":"b1-0c","model_path":"/models/of/me/tiny.gguf","total_slots":1,'
    b'"default_generation_settings":{"n_ctx":4096},"chat_template":"secret"}'
)
VLLM: Final = server_of('{"id":"Qwen/Qwen3-8B","owned_by":"vllm","max_model_len":40960}', recorded("vllm-0.33.0.prom"))
SGLANG: Final = server_of('{"id":"Qwen/Qwen3-8B","owned_by":"sglang"}', recorded("sglang-0.5.23.prom"))
NO_HEALTH: Final = {"/v1/models": page(200, b'{"data":[{"id":"/models/a.gguf","owned_by":"me"}]}')}
SWAP: Final = server_of('{"id":"a","owned_by":"llama-swap"},{"id":"b","owned_by":"llama-swap"}', page(404))


@dataclass
class Clock:
    """A clock that stands where it is put."""

    steady: float = 1000.0

    def __call__(self) -> Moment:
        return Moment(1_795_219_200.0 + self.steady, self.steady)


def in_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in an event loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


def looker_at(lane: Lane, clock: Clock | None = None) -> Looker:
    return Looker((lane,), PATIENCE, clock or Clock())


async def look_again(fake: FakeLane, looker: Looker, clock: Clock, seconds: float = 10.0) -> Backend:
    fake.requests.clear()
    clock.steady += seconds
    return await looker.look("fast")


@pytest.mark.parametrize(
    ("pages", "state", "scrape", "kind"),
    [
        pytest.param(llama(), "idle", "ok", "llamacpp", id="a llama-server that waits"),
        pytest.param(
            llama(metrics=recorded("llamacpp-busy.prom")), "busy", "ok", "llamacpp", id="a llama-server that works"
        ),
        pytest.param(llama(health=LOADING), "loading", "unknown", "llamacpp", id="one that loads its model"),
        pytest.param(llama(props=SLEEPING), "asleep", "unknown", "llamacpp", id="one that sleeps"),
        pytest.param(
            llama(metrics=NO_METRICS, slots=recorded("llamacpp-slots-busy.json")),
            "busy", "not_served", "llamacpp", id="one without metrics works by its slots",
        ),
        pytest.param(
            llama(metrics=NO_METRICS, slots=NO_METRICS), "idle", "not_served", "llamacpp", id="one that shows no work"
        ),
        pytest.param(
            llama(metrics=FORBIDDEN, slots=FORBIDDEN, props=FORBIDDEN),
            "idle", "forbidden", "llamacpp", id="one that wants another key",
        ),
        pytest.param(
            llama(metrics=SILENCE, slots=SILENCE), "unknown", "silent", "llamacpp", id="its main loop is silent, once"
        ),
        pytest.param(
            dict.fromkeys(llama(), SILENCE), "stopped", "silent", "", id="one that takes connections and is silent"
        ),
        pytest.param(
            llama(metrics=page(200, b"<html>sign in</html>")), "idle", "not_metrics", "llamacpp", id="a sign-in page"
        ),
        pytest.param(llama(metrics=page(200)), "idle", "not_metrics", "llamacpp", id="an empty metrics page"),
        pytest.param(
            llama(metrics=page(302, Location="http://127.0.0.1:9/")), "idle", "not_metrics", "llamacpp", id="a redirect"
        ),
        pytest.param(
            llama(metrics=recorded("llamacpp-idle.prom", Content_Encoding="gzip")),
            "idle", "not_metrics", "llamacpp", id="a compressed answer",
        ),
        pytest.param(
            llama(metrics=page(200, b"llamacpp:n_decode_total 1\n" * 200_000)),
            "idle", "not_metrics", "llamacpp", id="a page that is too large",
        ),
        pytest.param(
            llama(metrics=page(200, b"llamacpp:requests_processing 1\n{{{\n")),
            "idle", "not_metrics", "llamacpp", id="a page of which one line is broken",
        ),
        pytest.param(
            llama(props=page(200, b'{"a":' + b"[" * 200_000), metrics=NO_METRICS, slots=page(200, b"[" * 200_000)),
            "idle", "not_served", "llamacpp", id="JSON nested without an end",
        ),
        pytest.param(VLLM, "busy", "ok", "vllm", id="a vLLM that works"),
        pytest.param(SGLANG, "busy", "ok", "sglang", id="an SGLang that works"),
        pytest.param({**VLLM, "/health": page(503)}, "unknown", "ok", "vllm", id="a vLLM whose engine is dead"),
        pytest.param(NO_HEALTH, "idle", "not_served", "llama-cpp-python", id="llama-cpp-python has no health page"),
        pytest.param(
            server_of('{"id":"m"}', page(404)), "idle", "not_served", "openai", id="any other server that is healthy"
        ),
        pytest.param({}, "unknown", "not_served", "", id="something that knows no page at all"),
        pytest.param({"/health": b"SSH-2.0\r\n"}, "unknown", "unknown", "", id="something that is no web server"),
    ],
)  # fmt: skip
@in_a_loop
async def test_first_look(pages: Mapping[str, bytes], state: str, scrape: str, kind: str) -> None:
    """One look tells the server and its state, and the scrape apart from it, with four GETs at most."""
    async with fake_lane(pages) as fake:
        backend = await looker_at(fake.lane()).look("fast")
        assert (state, scrape, kind) == (backend.state, backend.scrape, backend.kind)
        assert len(fake.requests) <= MOST_GETS


@in_a_loop
async def test_nobody_listens() -> None:
    """A refused connection is a process that is not there."""
    async with fake_lane({}) as fake:
        lane = fake.lane()
    backend = await looker_at(lane).look("fast")
    assert (backend.state, backend.scrape) == ("down", "refused")


@in_a_loop
async def test_metrics_elsewhere() -> None:
    """A metrics page at another address that is gone or hangs says nothing of the server: it serves."""
    async with fake_lane(llama()) as fake, fake_lane({"/metrics": SILENCE}) as hung:
        async with fake_lane({}) as gone:
            pass
        lanes = [fake.lane(metrics_url=f"{other.url}/metrics") for other in (gone, hung)]
        found = [await looker_at(lane).look("fast") for lane in lanes]
    assert [(one.state, one.scrape) for one in found] == [("idle", "refused"), ("idle", "silent")]


@in_a_loop
async def test_fields_of_llama_server() -> None:
    """Of the pages a few fields are told: no path, no template."""
    pages = llama(props=page(200, PROPS))
    async with fake_lane(pages) as fake:
        backend = await looker_at(fake.lane()).look("fast")
    assert (backend.build, backend.model, backend.context_tokens) == ("b1-0c", "tiny.gguf", 4096)
    assert backend.slots == {"busy": 0, "free": 1}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        pytest.param(llama(), ["/health", "/metrics", "/props"], id="slots, which keep it awake, only when needed"),
        pytest.param(
            llama(metrics=NO_METRICS), ["/health", "/metrics", "/props", "/slots"], id="slots where no metrics tell"
        ),
        pytest.param(llama(props=SLEEPING), ["/health", "/props"], id="one that sleeps is not woken"),
        pytest.param(VLLM, ["/health", "/metrics", "/v1/models"], id="vLLM"),
        pytest.param(SGLANG, ["/metrics", "/v1/models"], id="SGLang, which generates a token for /health"),
        pytest.param(SWAP, ["/health", "/metrics", "/running", "/v1/models"], id="llama-swap"),
    ],
)
@in_a_loop
async def test_what_is_asked(pages: Mapping[str, bytes], expected: list[str]) -> None:
    """A server that is known is asked only for what costs it nothing."""
    clock = Clock()
    async with fake_lane(pages) as fake:
        looker = looker_at(fake.lane(), clock)
        await looker.look("fast")
        await look_again(fake, looker, clock)
        assert expected == fake.paths


@pytest.mark.parametrize(
    ("running", "model", "expected"),
    [
        pytest.param(b'{"running":[]}', "", "asleep", id="no model is loaded"),
        pytest.param(b'{"running":[{"model":"b","state":"ready"}]}', "a", "asleep", id="another model is loaded"),
        pytest.param(b'{"running":[{"model":"a","state":"starting"}]}', "a", "loading", id="the model is being loaded"),
        pytest.param(b'{"running":[{"model":"a","state":"ready"}]}', "a", "idle", id="the model is loaded"),
        pytest.param(b"{}", "a", "idle", id="it does not say"),
    ],
)
@in_a_loop
async def test_llama_swap(running: bytes, model: str, expected: str) -> None:
    """A request to a model that is not loaded would swap it in: the lane is asleep."""
    clock = Clock()
    async with fake_lane({**SWAP, "/running": page(200, running)}) as fake:
        looker = looker_at(fake.lane(model=model), clock)
        await looker.look("fast")
        assert expected == (await look_again(fake, looker, clock)).state


@in_a_loop
async def test_stalled_and_moving() -> None:
    """A busy lane is stalled once nothing moved for the configured time, and well as soon as something does."""
    clock = Clock()
    busy = recorded("llamacpp-busy.prom")
    async with fake_lane(llama(metrics=busy)) as fake:
        looker = looker_at(fake.lane(), clock)
        states = [(await looker.look("fast")).state]
        states.append((await look_again(fake, looker, clock, PATIENCE - 1)).state)
        states.append((await look_again(fake, looker, clock, 1)).state)
        fake.pages["/metrics"] = busy.replace(b"n_decode_total 1544", b"n_decode_total 1545")
        moving = await look_again(fake, looker, clock, 1)
    assert states == ["busy", "busy", "stalled"]
    assert ("busy", clock().at) == (moving.state, moving.moved_at)


@in_a_loop
async def test_wedged() -> None:
    """Work that stays silent while health says ok is wedged after the configured time."""
    clock = Clock()
    async with fake_lane(llama()) as fake:
        looker = looker_at(fake.lane(), clock)
        states = [(await looker.look("fast")).state]
        fake.pages.update({"/metrics": SILENCE, "/slots": SILENCE})
        states.append((await look_again(fake, looker, clock)).state)
        states.append((await look_again(fake, looker, clock, PATIENCE)).state)
    assert states == ["idle", "unknown", "wedged"]


@in_a_loop
async def test_one_look_at_a_time() -> None:
    """Who asks while a look is on its way gets that look's answer, and a lane is never asked twice at once."""
    clock = Clock()
    async with fake_lane(llama()) as fake:
        looker = looker_at(fake.lane(), clock)
        first, *others = await asyncio.gather(*(looker.look("fast") for _ in range(10)))
        assert all(first is other for other in others)
        assert len(fake.requests) <= MOST_GETS


@in_a_loop
async def test_a_lane_without_address() -> None:
    """A lane without an address is not looked at."""
    looker = Looker((Lane(name="fast"),), PATIENCE, Clock())
    assert looker.names == ()
    assert await looker.look("fast") == Backend(lane="fast")


@in_a_loop
async def test_key_stays_with_the_lane(tmp_path: Path) -> None:
    """The lane's key is shown to the lane's server, and to no other that has its metrics."""
    (tmp_path / "key").write_text(CANARY)
    async with fake_lane(llama()) as fake, fake_lane(llama()) as other:
        lane = fake.lane(key_file=str(tmp_path / "key"), metrics_url=f"{other.url}/metrics")
        backend = await looker_at(lane).look("fast")
        assert backend.scrape == "ok"
        assert all(CANARY in request for request in fake.requests)
        assert not any(CANARY in request for request in other.requests)


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(llama(), id="well"),
        pytest.param(dict.fromkeys(llama(), SILENCE), id="silent"),
        pytest.param(dict.fromkeys(llama(), page(500, CANARY.encode(), Server=CANARY)), id="it echoes the key"),
        pytest.param(dict.fromkeys(llama(), page(302, Location=f"http://h/{CANARY}")), id="it redirects"),
        pytest.param(llama(metrics=page(200, f"{CANARY} {CANARY} x\n".encode())), id="bad metrics with the key"),
    ],
)
@in_a_loop
async def test_nothing_leaks(pages: Mapping[str, bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the key nor an address gets into what is told of a lane, nor into a log at any level."""
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(CANARY)
    async with fake_lane(pages) as fake:
        told = repr(await looker_at(fake.lane(key_file=str(tmp_path / "key"))).look("fast")) + caplog.text
        assert CANARY not in told
        assert str(fake.port) not in told


@in_a_loop
async def test_key_that_cannot_be_read() -> None:
    """Health is told without a key, and that the key is missing is said."""
    async with fake_lane(llama(metrics=FORBIDDEN, props=FORBIDDEN)) as fake:
        backend = await looker_at(fake.lane(key_file="/nowhere/key")).look("fast")
    assert (backend.state, backend.scrape) == ("idle", "forbidden")
    assert "the key that is configured for the lane's server could not be read" in backend.evidence
