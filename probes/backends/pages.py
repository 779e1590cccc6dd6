"""Which pages of one lane's server are asked for, and what they say together.

At most four GETs a look, in two waves; none of them is work for the server, and none wakes it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.backend import ScrapeState
from exporter.config_path import Lane
from exporter.errors import SourceError
from exporter.secret import Secret
from probes.backends import generic, llamacpp
from probes.backends.look import Memory
from probes.backends.metrics import Reading, read_engine
from probes.backends.page import LARGEST_METRICS, PLAIN_TEXT, Address, Page, Visit, read_page
from probes.backends.sight import Life, Sight, Work, life_of, scrape_of

_METRICS: Final = Visit(accept=PLAIN_TEXT, largest=LARGEST_METRICS)
_MODELS: Final = "/v1/models"
_NOT_ASKED: Final = Page()
_DEAF: Final = frozenset({"refused", "silent", "unreachable", "loading", "untold"})  # more pages would say the same
_DEAF_SCRAPES: Final[Mapping[Life, ScrapeState]] = {"refused": "refused", "unreachable": "refused", "silent": "silent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scrape:
    """What the metrics page gave; `is_own`: the lane's server itself answers there."""

    state: ScrapeState
    reading: Reading = field(default_factory=Reading)
    is_own: bool = True

    @property
    def work(self) -> Work:
        if self.reading.engine.running is not None:
            return "told"
        return "silent" if self.state == "silent" and self.is_own else "untold"


class Pages:
    """The pages of one lane's server, as one look reads them."""

    def __init__(self, lane: Lane, key: Secret, memory: Memory) -> None:
        self._lane = lane
        self._memory = memory
        self._kind = memory.kind if lane.engine == "auto" else lane.engine
        url = (lane.url or "").rstrip("/").removesuffix("/v1")
        self._address = Address(url=url, key=key, ca_file=lane.ca_file)

    async def see(self) -> Sight:
        """Return what one look sees."""
        listing_path = self._listing_path()
        health, listing = await asyncio.gather(self._health(), self._page(listing_path))
        props = llamacpp.read_props(listing.body) if listing.is_well else None
        if self._lane.engine == "llamacpp" or props is not None or health.server == llamacpp.SERVER:
            return await self._see_llamacpp(health, props)
        is_models = listing_path == _MODELS
        health = listing if health is _NOT_ASKED else health
        sight = Sight(life=life_of(health, listing if is_models else _NOT_ASKED), kind=self._kind)
        if sight.life in _DEAF:
            return await self._see_from_afar(sight)
        return await self._see_openai(health, listing, is_models=is_models)

    async def _see_llamacpp(self, health: Page, props: llamacpp.Props | None) -> Sight:
        sight = _with_props(Sight(life=life_of(health, _NOT_ASKED), kind="llamacpp"), props)
        if sight.life in _DEAF or sight.life == "asleep":  # early versions wake up for their metrics page
            return await self._see_from_afar(sight)
        is_awake = props is not None and sight.life == "well"
        scrape, page = await asyncio.gather(self._scrape(), self._slots(is_asked=is_awake))
        sight = _with_scrape(sight, scrape)
        if sight.work != "told" and page.is_silent:
            return replace(sight, work="silent")
        slots = llamacpp.read_slots(page.body) if page.is_well else None
        return _with_slots(sight, slots, props)

    async def _see_openai(self, health: Page, listing: Page, *, is_models: bool) -> Sight:
        scrape, page = await asyncio.gather(self._scrape(), self._models(listing if is_models else None))
        models = (generic.read_models(page.body) if page.is_well else None) or ()
        sight = _with_models(Sight(life=life_of(health, page)), models, self._lane.model)
        kind = self._lane.engine if self._lane.engine != "auto" else scrape.reading.kind or sight.kind
        sight = _with_scrape(replace(sight, kind=kind), scrape)
        if self._memory.is_swap and sight.life == "well":
            return _with_swap(sight, generic.swap_state(listing.body, self._lane.model))
        return sight

    async def _see_from_afar(self, sight: Sight) -> Sight:
        """Ask only a metrics page that stands elsewhere: the server itself has said all that it can."""
        if self._metrics_address().is_beside(self._address.url):
            return replace(sight, scrape=_DEAF_SCRAPES.get(sight.life, "unknown"))
        return _with_scrape(sight, await self._scrape())

    def _listing_path(self) -> str:
        """Return the page that says what is served."""
        if self._kind in {"", "llamacpp"}:
            return "/props"
        return "/running" if self._memory.is_swap else _MODELS

    async def _page(self, path: str) -> Page:
        return await read_page(replace(self._address, url=self._address.url + path), Visit())

    async def _health(self) -> Page:
        """Ask for `/health`, but of SGLang, which generates a token for it."""
        return _NOT_ASKED if self._kind == "sglang" else await self._page("/health")

    async def _models(self, known: Page | None) -> Page:
        return await self._page(_MODELS) if known is None else known

    async def _slots(self, *, is_asked: bool) -> Page:
        """Ask for `/slots` where the metrics do not tell of the work: it keeps a server from falling asleep."""
        return await self._page("/slots") if is_asked and not self._memory.has_metrics else _NOT_ASKED

    async def _scrape(self) -> _Scrape:
        address = self._metrics_address()
        page = await read_page(address, _METRICS)
        state, reading = scrape_of(page), Reading()
        if state == "ok":
            state, reading = await asyncio.to_thread(_read_metrics, page.body)
        return _Scrape(state=state, reading=reading, is_own=address.is_beside(self._address.url))

    def _metrics_address(self) -> Address:
        """Return where the metrics are; the lane's key is shown to no other server."""
        if self._lane.metrics_url is None:
            return replace(self._address, url=f"{self._address.url}/metrics")
        elsewhere = replace(self._address, url=self._lane.metrics_url)
        return elsewhere if elsewhere.is_beside(self._address.url) else replace(elsewhere, key=Secret(""))


def _read_metrics(body: bytes) -> tuple[ScrapeState, Reading]:
    from exporter.sources.exposition_text import parse  # noqa: PLC0415  # its parser is slow to load

    try:
        return "ok", read_engine(parse(body, prefixes=("",)))
    except SourceError:
        return "not_metrics", Reading()


def _with_props(sight: Sight, props: llamacpp.Props | None) -> Sight:
    if props is None:
        return sight
    life: Life = "asleep" if props.is_sleeping and sight.life == "well" else sight.life
    return replace(sight, life=life, build=props.build_info, model=props.model, context_tokens=props.context_tokens)


def _with_scrape(sight: Sight, scrape: _Scrape) -> Sight:
    reading = scrape.reading
    return replace(
        sight,
        life="asleep" if reading.is_asleep and sight.life == "well" else sight.life,
        work=scrape.work,
        scrape=scrape.state,
        engine=reading.engine,
        pulse=reading.pulse,
        has_metrics=scrape.work == "told",
    )


def _with_slots(sight: Sight, slots: llamacpp.Slots | None, props: llamacpp.Props | None) -> Sight:
    """Count the slots: by their own page where it was asked for, else by the metrics' count of those that work."""
    if slots is not None:
        counts = {"busy": slots.busy, "free": slots.total - slots.busy}
        return replace(sight, work="told", slots=counts, pulse={**sight.pulse, **slots.pulse})
    running = sight.engine.running
    if running is None or props is None or props.total_slots is None:
        return sight
    busy = min(int(running), props.total_slots)
    return replace(sight, slots={"busy": busy, "free": props.total_slots - busy})


def _with_models(sight: Sight, models: tuple[generic.Model, ...], wanted: str) -> Sight:
    model = generic.own_model(models, wanted)
    if model is None:
        return sight
    return replace(
        sight,
        kind=generic.kind_of(models),
        model=model.id,
        context_tokens=model.max_model_len,
        is_swap=generic.is_swap(models),
    )


def _with_swap(sight: Sight, state: generic.SwapState) -> Sight:
    if state in {"asleep", "loading"}:
        return replace(sight, life=state)
    return sight
