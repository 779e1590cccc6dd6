"""A real llama-server of one slot: while it works for a user no probe comes near it, and then one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from e2e.path import Lane as Server
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane
from exporter.route import Request
from exporter.secret import Secret
from probes.backends.looker import Looker
from probes.ledger import Ledger
from probes.on_demand import OnDemand
from probes.prober import Prober
from probes.turn import Turns

pytestmark = pytest.mark.real

FAST: Final = Alias(name="fast", lane="fast")
ONE_SLOT: Final = ("-np", "1", "-c", "32768")
LONG_ANSWER: Final = {"messages": [{"role": "user", "content": "ping"}], "max_tokens": 30_000, "stream": True}


@asynccontextmanager
async def user(url: str) -> AsyncIterator[None]:
    """Keep a long answer coming while the context is open."""
    async with (
        httpx.AsyncClient(timeout=60, trust_env=False) as client,
        client.stream("POST", f"{url}/v1/chat/completions", json=LONG_ANSWER) as answer,
    ):
        chunks = answer.aiter_raw()
        await anext(chunks)
        reading = asyncio.create_task(_read(chunks))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(chunks: AsyncIterator[bytes]) -> None:
    async for _ in chunks:
        pass


def test_user_of_the_only_slot_is_not_disturbed(tmp_path: Path) -> None:
    """Turns and questions on demand are skipped while the slot is busy; then the next turn is a probe that is good."""

    async def go(url: str) -> None:
        # llama-server speaks the gateway's language, so it can stand for both
        config = Config(gateway=Gateway(url=url), aliases=(FAST,), lanes=(Lane(name="fast", url=url),))
        ledger, looker = Ledger(config), Looker(config.lanes, 60.0)
        turns = Turns(config, ledger, Prober(config=config, key=Secret("")), look=looker.look)
        page = OnDemand(config, ledger, turns)
        async with user(url):
            found = [(await turns.take(FAST)).outcome for _ in range(5)]
            reply = await page.answer(Request(query={"alias": "fast"}))
        assert found == ["skipped_busy"] * 5
        assert b'outcome="skipped_busy"} 1.0' in reply.body
        assert (ledger.account("fast").passive, ledger.account("fast").tokens["completion"]) == (5, 0)
        assert (await _first_sent(turns)) == "ok"

    async def _first_sent(turns: Turns) -> str:
        """Return what the first probe after the user came to; the server notices that he left at its next token."""
        async with asyncio.timeout(10):
            while (outcome := (await turns.take(FAST)).outcome) == "skipped_busy":
                pass
        return outcome

    with Server("fast", "tiny-chat", tmp_path, options=ONE_SLOT).serving() as server:
        asyncio.run(go(server.url))
