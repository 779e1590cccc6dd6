"""The page for people, as a browser would get it."""

from exporter.exposition import Page
from exporter.history import History
from exporter.landing import render
from exporter.status import Identity
from exporter.status_rows import status_of

IDENTITY = Identity(version="0", role="all")


def shown(page: Page, now: float, history: History | None = None) -> str:
    """Return the page as HTML."""
    return render(status_of(page, IDENTITY, now, history or History()), now)
