"""The lanes' servers and the gateway's own liveliness as one part of the snapshot."""

import asyncio
from typing import Final

from exporter.backend import Backends
from exporter.config_path import Gateway
from probes.backends.looker import Looker
from probes.backends.page import Address, Page, Visit, read_page

_LIVELINESS: Final = "/health/liveliness"  # LiteLLM's, and it asks for no key
_VISIT: Final = Visit(deadline_seconds=3.0)  # one process serves all users there, and may be late
_NO_SUCH_PAGE: Final = frozenset({401, 403, 404, 405, 501})


class BackendsSource:
    """Looks at all lanes and at the gateway, side by side."""

    def __init__(self, looker: Looker, gateway: Gateway | None) -> None:
        self._looker = looker
        self._gateway = gateway

    async def read(self) -> Backends:
        """Return how each server is now; one that does not answer is data, never an error."""
        looks = asyncio.gather(*(self._looker.look(name) for name in self._looker.names))
        (is_alive, evidence), backends = await asyncio.gather(self._ask_gateway(), looks)
        by_lane = {backend.lane: backend for backend in backends}
        return Backends(by_lane=by_lane, is_gateway_alive=is_alive, gateway_evidence=evidence)

    async def _ask_gateway(self) -> tuple[bool | None, str]:
        if self._gateway is None:
            return None, ""
        url = self._gateway.url.rstrip("/").removesuffix("/v1") + _LIVELINESS
        return judge_gateway(await read_page(Address(url=url, ca_file=self._gateway.ca_file), _VISIT))


def judge_gateway(page: Page) -> tuple[bool | None, str]:
    """Return whether the gateway lives, and the sentence that says why not; another gateway may have no such page."""
    if page.is_well:
        return True, ""
    if page.failure == "error":
        return None, "the gateway's liveliness could not be asked for: the fault is on our side"
    if page.status in _NO_SUCH_PAGE:
        return None, f"the gateway has no liveliness page for us: {page.status}"
    return False, _why_dead(page)


def _why_dead(page: Page) -> str:
    if page.is_refused:
        return "the gateway refuses connections: no process listens"
    if page.is_silent:
        return "the gateway takes connections and answers nothing"
    if page.status is not None:
        return f"the gateway's liveliness page answers {page.status}"
    return f"the gateway cannot be reached from here: {page.failure}"
