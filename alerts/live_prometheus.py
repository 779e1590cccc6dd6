"""A live Prometheus: every question in bounded time, every answer of bounded size."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from exporter.errors import LanewatchError

BACK: Final = "15m"  # a series that was there then is there, whatever is restarted just now
_QUESTION_SECONDS: Final = 10.0
_LARGEST_ANSWER: Final = 1 << 20  # bytes


class LiveError(LanewatchError):
    """The server cannot be asked, or is none."""


class QuestionError(LiveError):
    """This question is refused, or its answer is too large; the server may answer others."""


# What the API says of a query: not understood, not executed, or it took too long.
_REFUSALS: Final[Mapping[int, type[LiveError]]] = dict.fromkeys((400, 422, 503), QuestionError)


class LivePrometheus:
    """Answers by its HTTP API; the client closes it. `authorize` returns the value of that header, empty for none."""

    def __init__(self, url: str, authorize: Callable[[], str]) -> None:
        import httpx  # noqa: PLC0415  # it takes longer to load than most subcommands run

        self._url = f"{url.rstrip('/')}/api/v1"
        self._authorize = authorize
        self._client = httpx.AsyncClient(trust_env=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def has(self, selector: str) -> bool:
        """Return whether anything was selected within the last minutes."""
        query = f"group(last_over_time({selector}[{BACK}]))"
        data = await self.ask("query", {"query": query, "timeout": f"{_QUESTION_SECONDS:g}s"})
        try:
            return bool(data["result"])
        except (KeyError, TypeError) as error:
            raise LiveError("expected the answer of a Prometheus, found something else") from error

    async def ask(self, what: str, parameters: Mapping[str, str], *, largest: int = _LARGEST_ANSWER) -> Any:  # noqa: ANN401  # whatever the server says
        """Return the data of the answer to one call of the API; raise `QuestionError` where only it is refused."""
        import json  # noqa: PLC0415

        import httpx  # noqa: PLC0415

        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                status, body = await self._get(what, parameters, largest)
        except httpx.ConnectError as error:
            raise LiveError("the server did not answer: no connection") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LiveError(f"the server did not answer: {type(error).__name__}") from error
        except TimeoutError as error:
            raise LiveError(f"the server did not answer within {_QUESTION_SECONDS:g} s") from error
        if status != 200:
            raise _REFUSALS.get(status, LiveError)(f"the server refused to answer: HTTP {status}")
        try:
            return json.loads(body)["data"]
        except (KeyError, TypeError, ValueError) as error:
            raise LiveError("expected the answer of a Prometheus, found something else") from error

    async def _get(self, what: str, parameters: Mapping[str, str], largest: int) -> tuple[int, bytes]:
        authorization = self._authorize()
        headers = {"accept-encoding": "identity"} | ({"authorization": authorization} if authorization else {})
        body = bytearray()
        url = f"{self._url}/{what}"
        async with self._client.stream("GET", url, params=dict(parameters), headers=headers) as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > largest:
                    raise QuestionError(f"expected an answer of at most {largest} bytes, found more")
            return response.status_code, bytes(body)
