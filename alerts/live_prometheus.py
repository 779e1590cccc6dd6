"""A live Prometheus, asked whether it has a series: a small answer a question, in bounded time and bytes."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from exporter.errors import LanewatchError

BACK: Final = "15m"  # a series that was there then is there, whatever is restarted just now
_QUESTION_SECONDS: Final = 10.0
_LARGEST_ANSWER: Final = 1 << 20  # bytes


class LiveError(LanewatchError):
    """The server cannot be asked, or is none."""


class LivePrometheus:
    """Answers by the instant query API; the client closes it."""

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        import httpx  # noqa: PLC0415  # it takes longer to load than most subcommands run

        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._token = token
        self._client = httpx.AsyncClient(trust_env=False)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def has(self, selector: str) -> bool:
        """Return whether anything was selected within the last minutes."""
        answer = await self._ask(f"group(last_over_time({selector}[{BACK}]))")
        try:
            return bool(answer["data"]["result"])
        except (KeyError, TypeError) as error:
            raise LiveError("expected the answer of a Prometheus, found something else") from error

    async def _ask(self, query: str) -> Any:  # noqa: ANN401  # whatever the server says
        import json  # noqa: PLC0415

        import httpx  # noqa: PLC0415

        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                status, body = await self._get(query)
        except httpx.ConnectError as error:
            raise LiveError("the server did not answer: no connection") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LiveError(f"the server did not answer: {type(error).__name__}") from error
        except TimeoutError as error:
            raise LiveError(f"the server did not answer within {_QUESTION_SECONDS:g} s") from error
        if status != 200:
            raise LiveError(f"the server refused to answer: HTTP {status}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise LiveError("expected the answer of a Prometheus, found something else") from error

    async def _get(self, query: str) -> tuple[int, bytes]:
        token = self._token()
        headers = {"accept-encoding": "identity"} | ({"authorization": f"Bearer {token}"} if token else {})
        parameters = {"query": query, "timeout": f"{_QUESTION_SECONDS:g}s"}
        body = bytearray()
        async with self._client.stream("GET", self._url, params=parameters, headers=headers) as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise LiveError(f"expected an answer of at most {_LARGEST_ANSWER} bytes, found more")
            return response.status_code, bytes(body)
