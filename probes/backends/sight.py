"""What one look at a lane's server saw, before anything is concluded from it; and each page's own meaning. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from exporter.backend import Engine, ScrapeState
from probes.backends import llamacpp
from probes.backends.page import Page
from probes.failure import Failure

Life = Literal["well", "loading", "asleep", "silent", "refused", "unreachable", "ill", "untold"]
Work = Literal["told", "silent", "untold"]

_LIVES: Final[Mapping[Failure, Life]] = {"dns": "unreachable", "connect": "unreachable", "timeout": "unreachable"}
_SCRAPES: Final[Mapping[Failure, ScrapeState]] = {
    "dns": "refused",
    "connect": "refused",
    "closed": "refused",
    "timeout": "silent",
    "error": "unknown",  # on our side
}
_SCRAPE_STATUSES: Final[Mapping[int, ScrapeState]] = {
    401: "forbidden",
    403: "forbidden",
    404: "not_served",
    405: "not_served",
    501: "not_served",
}
NO_HEALTH_PAGE: Final = frozenset({404, 405, 501})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look saw; `pulse` are numbers of which some change while the server works."""

    life: Life = "untold"
    work: Work = "untold"
    scrape: ScrapeState = "unknown"
    kind: str = ""
    build: str = ""
    model: str = ""
    slots: Mapping[str, int] = field(default_factory=dict)
    context_tokens: int | None = None
    engine: Engine = field(default_factory=Engine)
    pulse: Mapping[str, float] = field(default_factory=dict)
    has_metrics: bool = False  # its metrics page told of its work
    is_swap: bool = False  # a llama-swap answers
    notes: tuple[str, ...] = ()

    @property
    def is_busy(self) -> bool:
        """Whether a request is worked on or waits."""
        return bool(self.slots.get("busy") or self.engine.running or self.engine.waiting)


def life_of(health: Page, listing: Page) -> Life:
    """Return whether a server lives, by its health page; one that has none lives while it lists its models."""
    if health.failure is not None:
        return _life_of_failure(health)
    if health.status == 200 or (health.status in NO_HEALTH_PAGE and listing.is_well):
        return "well"
    if health.status == 503 and llamacpp.is_loading(health.body):
        return "loading"
    return "ill"


def _life_of_failure(health: Page) -> Life:
    if health.is_refused:
        return "refused"
    if health.is_silent:
        return "silent"
    return _LIVES.get(health.failure, "untold") if health.failure else "untold"


def scrape_of(page: Page) -> ScrapeState:
    """Return what a metrics page gave; `ok` only says that something did, which is yet to be read as metrics."""
    status = page.status or 0
    if status in _SCRAPE_STATUSES:
        return _SCRAPE_STATUSES[status]
    if page.failure is not None:
        return _SCRAPES.get(page.failure, "not_metrics")
    if status >= 500:
        return "unknown"
    return "ok" if status == 200 else "not_metrics"
