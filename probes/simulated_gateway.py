"""A LiteLLM gateway and its lanes on loopback, for `lanewatch demo`: real HTTP, real streams, made-up words.

It answers as LiteLLM 1.106.2 does, error for error, and says in every answer that it is simulated.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web

from probes.simulated_lane import (
    SIMULATED,
    LaneServer,
    SimulatedLane,
    as_event,
    loopback_socket,
    sleep_until,
    start_server,
)

_TOKENS_PER_SECOND: Final = 88.7  # what the reference measured through the alias; its lane alone gives 96.7


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPlan:
    """Which lanes there are, which of them answer at first, and which alias goes where."""

    lanes: tuple[SimulatedLane, ...]
    running: tuple[str, ...]
    routes: Mapping[str, str]  # alias -> lane
    key: str = field(default="sk-simulated", repr=False)


class SimulatedPath:
    """A running gateway with its lanes; what a scenario changes, it changes here."""

    def __init__(self, plan: SimulatedPlan) -> None:
        self.url = ""
        self.key = plan.key
        self._lanes = {lane.name: LaneServer(lane) for lane in plan.lanes}
        self._routes = dict(plan.routes)
        self._fallbacks: dict[str, str] = {}

    def lane_url(self, lane: str) -> str:
        """Return the address of a lane, as the gateway's headers will name it."""
        return self._lanes[lane].url

    async def start_lane(self, lane: str, *, loads: bool = False) -> None:
        """Let the lane answer again, on the port that it had; while it loads it only says so."""
        self._lanes[lane].is_loading = loads
        await self._lanes[lane].start()

    async def stop_lane(self, lane: str) -> None:
        """Kill the lane's server: streams break off, new connections are refused."""
        await self._lanes[lane].stop()

    def set_route(self, alias: str, lane: str) -> None:
        """Point an alias at a lane."""
        self._routes[alias] = self._lanes[lane].lane.name

    def set_fallback(self, alias: str, other: str | None) -> None:
        """Let `other` answer for `alias` when its lane does not; None: nobody does."""
        self._fallbacks.pop(alias, None)
        if other is not None:
            self._fallbacks[alias] = other

    def choices(self, alias: str) -> list[tuple[str, LaneServer]]:
        """Return the alias and its lane, then its fallback and that one's lane."""
        names = (alias, self._fallbacks.get(alias))
        return [(name, self._lanes[self._routes[name]]) for name in names if name in self._routes]

    async def close(self) -> None:
        """Stop all lanes and give their ports away."""
        for lane in self._lanes.values():
            await lane.close()


@asynccontextmanager
async def simulated_path(plan: SimulatedPlan) -> AsyncIterator[SimulatedPath]:
    """Run a gateway and its lanes until the block ends."""
    path = SimulatedPath(plan)
    try:
        for name in plan.running:
            await path.start_lane(name)
        async with aiohttp.ClientSession(trust_env=False) as session:
            listener = loopback_socket()
            path.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            runner = await start_server(_application(path, session), listener)
            try:
                yield path
            finally:
                await runner.cleanup()
    finally:
        await path.close()


def _application(path: SimulatedPath, session: aiohttp.ClientSession) -> web.Application:
    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        alias = str(body.get("model"))
        return _refusal(path, request, alias) or await _serve(path, session, request, body)

    async def liveliness(_: web.Request) -> web.Response:
        return web.json_response("I'm alive!", headers=SIMULATED)

    app = web.Application()
    app.router.add_get("/health/liveliness", liveliness)
    app.router.add_post("/v1/chat/completions", chat)
    return app


def _refusal(path: SimulatedPath, request: web.Request, alias: str) -> web.Response | None:
    """Return the answer to what LiteLLM does not even try."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not key:
        return _error(401, "Authentication Error, No api key passed in.", "auth_error")
    if key != path.key:
        return _error(400, "No connected db.", "no_db_connection")
    if path.choices(alias):
        return None
    message = (
        f"/chat/completions: Invalid model name passed in model={alias}. Call `/v1/models` to view available models"
    )
    return _error(400, f"{message} for your key.", "invalid_request_error", _call_headers(request))


async def _serve(
    path: SimulatedPath, session: aiohttp.ClientSession, request: web.Request, body: dict[str, Any]
) -> web.StreamResponse:
    """Ask the alias's lane, then its fallback; the first that begins to answer does so to its end."""
    message = "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error."
    refusal = _error(500, message, "internal_server_error", _call_headers(request))
    for fallbacks, (alias, lane) in enumerate(path.choices(body["model"])):
        try:
            async with session.post(f"{lane.url}/v1/chat/completions", json=body, timeout=_limit(request)) as answer:
                if answer.status == 200:
                    return await _relay(request, answer, _served_headers(request, alias, lane, fallbacks))
                refusal = await _as_litellm_error(request, answer)
        except (aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError):
            continue
        except TimeoutError:
            message = "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out."
            return _error(408, message, "invalid_request_error", _call_headers(request))
    return refusal


async def _as_litellm_error(request: web.Request, answer: aiohttp.ClientResponse) -> web.Response:
    """Return a lane's error as LiteLLM words it; of the lane it names nothing but the headers."""
    said = (await answer.json())["error"]["message"]
    message = f"litellm.ServiceUnavailableError: ServiceUnavailableError: OpenAIException - {said}"
    headers = {**_call_headers(request), **_provider_headers(answer)}
    return _error(answer.status, message, "internal_server_error", headers)


def _provider_headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {f"llm_provider-{name.lower()}": value for name, value in answer.headers.items()}


async def _relay(
    request: web.Request, answer: aiohttp.ClientResponse, headers: Mapping[str, str]
) -> web.StreamResponse:
    """Pass the lane's stream on, at the pace of the gateway; a lane that dies becomes an `error` event."""
    provider = _provider_headers(answer)
    response = web.StreamResponse(headers={**headers, **provider, "Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    try:
        await _relay_events(answer, response, headers["x-litellm-model-group"])
    except aiohttp.ClientPayloadError:
        words = "litellm.APIConnectionError: APIConnectionError: OpenAIException - Response payload is not completed"
        await response.write(as_event({"error": {"message": words, "type": None, "param": None, "code": "500"}}))
    return response


async def _relay_events(answer: aiohttp.ClientResponse, response: web.StreamResponse, alias: str) -> None:
    interval, due = 1 / _TOKENS_PER_SECOND, 0.0
    async for line in answer.content:
        if not line.startswith(b"data: {"):
            continue
        chunk = json.loads(line.removeprefix(b"data: "))
        await sleep_until(due)
        await response.write(as_event(_as_litellm(chunk, alias)))
        if _holds_token(chunk):
            now = asyncio.get_running_loop().time()
            due = max(due, now - interval) + interval  # a late wake-up is made up for, a pause of the lane is not
    await response.write(as_event("[DONE]"))


def _holds_token(chunk: Mapping[str, Any]) -> bool:
    return any(choice["delta"].get("content") for choice in chunk["choices"])


def _as_litellm(chunk: Mapping[str, Any], alias: str) -> dict[str, Any]:
    """Return the chunk as LiteLLM rewrites it: its own model, no nulls, no timings, a choice even beside the usage."""
    choices = [_without_nulls(choice) for choice in chunk["choices"]] or [{"index": 0, "delta": {}}]
    kept = {name: value for name, value in chunk.items() if name != "timings"}
    return {**kept, "model": alias, "choices": choices}


def _without_nulls(choice: Mapping[str, Any]) -> dict[str, Any]:
    delta = {name: value for name, value in choice["delta"].items() if value is not None}
    rest = {name: value for name, value in choice.items() if value is not None}
    return {**rest, "delta": delta}


def _limit(request: web.Request) -> aiohttp.ClientTimeout:
    """Return the limit that the request brings; LiteLLM's own default is hours."""
    seconds = float(request.headers.get("x-litellm-timeout", "600"))
    return aiohttp.ClientTimeout(total=None, sock_read=seconds)


def _call_headers(request: web.Request) -> dict[str, str]:
    call_id = request.headers.get("x-litellm-call-id", "simulated")
    return {**SIMULATED, "x-litellm-call-id": call_id, "x-litellm-key-spend": "0.0"}


def _served_headers(request: web.Request, alias: str, lane: LaneServer, fallbacks: int) -> dict[str, str]:
    return {
        **_call_headers(request),
        "x-litellm-model-id": lane.lane.model_id or lane.lane.name,
        "x-litellm-model-api-base": f"{lane.url}/v1",
        "x-litellm-model-group": alias,
        "x-litellm-version": "1.106.2",
        "x-litellm-attempted-retries": "0",
        "x-litellm-attempted-fallbacks": str(fallbacks),
    }


def _error(status: int, message: str, kind: str, headers: Mapping[str, str] = SIMULATED) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": str(status)}
    return web.json_response({"error": error}, status=status, headers=headers)
