"""One lane of the simulated path: a small llama-server on loopback that streams at a given speed.

Real HTTP, made-up words, and the pages of the true one: `/health`, `/slots`, `/props`, `/metrics`, `/v1/models`. A lane
that is stopped keeps its port but does not listen: what connects is really refused. One that loads says so everywhere.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

SIMULATED: Final = {"x-lanewatch-simulated": "1"}
_HEADERS: Final = {**SIMULATED, "Server": "llama.cpp"}
_WORDS: Final = ("This", " answer", " is", " simulated", ".", " ")
_PROMPT_TOKENS: Final = 23
_CONTEXT_TOKENS: Final = 49_152
_METRICS: Final = (
    ("prompt_tokens_total", "counter", "Number of prompt tokens processed, excluding cached tokens"),
    ("prompt_seconds_total", "counter", "Total time spent processing prompts"),
    ("tokens_predicted_total", "counter", "Number of generation tokens processed"),
    ("tokens_predicted_seconds_total", "counter", "Total time spent generating tokens"),
    ("n_decode_total", "counter", "Total number of llama_decode() calls"),
    ("requests_processing", "gauge", "Number of requests processing"),
    ("requests_deferred", "gauge", "Number of requests deferred"),
)
_LOADING: Final = {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedLane:
    """How one lane behaves; the speeds are those of the reference lane, asked directly."""

    name: str
    model_id: str = ""
    first_token_seconds: float = 0.25
    tokens_per_second: float = 96.7


class LaneServer:
    """Serves one lane with one slot; what comes while it is taken waits, as with `--parallel 1`."""

    def __init__(self, lane: SimulatedLane) -> None:
        self.lane = lane
        self._socket = loopback_socket()
        self._port: int = self._socket.getsockname()[1]
        self._runner: web.AppRunner | None = None
        self._slot = asyncio.Semaphore(1)
        self._counts: dict[str, float] = dict.fromkeys((name for name, _, _ in _METRICS), 0)
        self._tasks = 0
        self._decoded = 0  # tokens of the task that runs
        self.is_loading = False

    @property
    def url(self) -> str:
        """The lane's address, the same however often it is stopped and started."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen, unless it does already."""
        if self._runner is not None:
            return
        self._runner = await start_server(self._application(), self._socket)

    async def stop(self) -> None:
        """Break off whatever runs and refuse what comes."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await runner.cleanup()  # closes the socket
        self._socket = loopback_socket(self._port)

    async def close(self) -> None:
        """Stop and give the port away."""
        await self.stop()
        self._socket.close()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._refuse_while_loading])
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/slots", self._slots)
        app.router.add_get("/props", self._props)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    @web.middleware
    async def _refuse_while_loading(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self.is_loading:
            return web.json_response(_LOADING, status=503, headers=_HEADERS)
        return await handler(request)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers=_HEADERS)

    async def _metrics(self, _: web.Request) -> web.Response:
        lines = (
            f"# HELP llamacpp:{name} {words}.\n# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {self._counts[name]:g}\n"
            for name, kind, words in _METRICS
        )
        return web.Response(text="".join(lines), headers={**_HEADERS, "Content-Type": "text/plain; version=0.0.4"})

    async def _slots(self, _: web.Request) -> web.Response:
        """Tell of the one slot; one that was never used tells of no task, as in the true server."""
        slot: dict[str, Any] = {"id": 0, "n_ctx": _CONTEXT_TOKENS, "is_processing": self._slot.locked()}
        if self._tasks:
            slot |= {"id_task": self._tasks, "next_token": [{"n_decoded": self._decoded}]}
        return web.json_response([slot], headers=_HEADERS)

    async def _props(self, _: web.Request) -> web.Response:
        props = {
            "default_generation_settings": {"n_ctx": _CONTEXT_TOKENS},
            "total_slots": 1,
            "model_alias": self.lane.name,
            "model_path": f"/models/{self.lane.name}.gguf",
            "build_info": "simulated",
            "is_sleeping": False,
        }
        return web.json_response(props, headers=_HEADERS)

    async def _models(self, _: web.Request) -> web.Response:
        listed = {"id": self.lane.name, "object": "model", "owned_by": "llamacpp"}
        return web.json_response({"object": "list", "data": [listed]}, headers=_HEADERS)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self._counts["requests_deferred"] += 1
        try:
            await self._slot.acquire()
        finally:
            self._counts["requests_deferred"] -= 1
        self._counts["requests_processing"] += 1
        try:
            return await self._stream(request, int(asked.get("max_tokens") or 16))
        finally:
            self._counts["requests_processing"] -= 1
            self._slot.release()

    async def _stream(self, request: web.Request, tokens: int) -> web.StreamResponse:
        """Send one chunk a token, each at its own time, so that small delays do not add up."""
        begun = asyncio.get_running_loop().time()
        self._tasks, self._decoded = self._tasks + 1, 0
        response = web.StreamResponse(
            headers={**_HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await sleep_until(begun + self.lane.first_token_seconds)
        await response.prepare(request)  # llama-server, too, sends nothing before the slot has worked
        for number, chunk in enumerate(_chunks(tokens, self.lane)):
            await sleep_until(begun + self.lane.first_token_seconds + max(0, number - 1) / self.lane.tokens_per_second)
            await response.write(as_event(chunk))
            self._decoded = min(tokens, number)
            self._counts["n_decode_total"] += 1
        await response.write(as_event("[DONE]"))
        self._count(tokens)
        return response

    def _count(self, tokens: int) -> None:
        """Count a request at its end, as the true server does."""
        self._counts["prompt_tokens_total"] += _PROMPT_TOKENS
        self._counts["prompt_seconds_total"] += self.lane.first_token_seconds
        self._counts["tokens_predicted_total"] += tokens
        self._counts["tokens_predicted_seconds_total"] += tokens / self.lane.tokens_per_second


def _chunks(tokens: int, lane: SimulatedLane) -> Iterator[dict[str, Any]]:
    """Yield the role, the tokens, the reason to end, and what it cost."""
    yield _chunk({"role": "assistant", "content": None})
    for number in range(tokens):
        yield _chunk({"content": _WORDS[number % len(_WORDS)]})
    ending = _chunk({}, "length")
    usage = {
        "completion_tokens": tokens,
        "prompt_tokens": _PROMPT_TOKENS,
        "total_tokens": _PROMPT_TOKENS + tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    yield ending
    timings = {"prompt_n": _PROMPT_TOKENS, "prompt_ms": lane.first_token_seconds * 1000}
    yield {**ending, "choices": [], "usage": usage, "timings": timings}


def _chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"finish_reason": finish_reason, "index": 0, "delta": delta}
    return {"choices": [choice], "id": "chatcmpl-simulated", "model": "simulated", "object": "chat.completion.chunk"}


def as_event(data: dict[str, Any] | str) -> bytes:
    """Return one server-sent event."""
    return f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()


async def sleep_until(at: float) -> None:
    """Sleep until the event loop's clock shows `at`."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))


async def start_server(app: web.Application, listener: socket.socket) -> web.AppRunner:
    """Serve `app` on a bound socket; its end breaks off what still runs."""
    # not 0: aiohttp takes that for no limit at all
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.001, handler_cancellation=True)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


def loopback_socket(port: int = 0) -> socket.socket:
    """Return a socket that holds a port of loopback; until something listens on it, connections are refused."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener
