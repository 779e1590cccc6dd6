"""What the page says of the one pool that a test watches, short enough to be compared."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from e2e.waiting import eventually
from e2e.watcher import Watcher, holding, samples
from exporter import catalogue as c
from exporter.exposition import Page

SWITCH_SECONDS: Final = 600  # that the pool of a stage has for a switch
SOON: Final = 15.0  # seconds for a controller, a watch and a look
Violator = tuple[str, str, str]  # reason, kind, name


@dataclass(frozen=True, slots=True)
class Told:
    """The state of the pool, which reasons hold, and who is named for them."""

    state: str
    reasons: frozenset[str] = frozenset()
    violators: frozenset[Violator] = frozenset()


WELL: Final = Told("steady")


def told(state: str, *violators: Violator) -> Told:
    """Return a state in which exactly these are named, each for its reason."""
    return Told(state, frozenset(reason for reason, _, _ in violators), frozenset(violators))


def read(page: Page) -> Told:
    """Return what the page says."""
    return Told(
        "+".join(sorted(holding(page, c.POOL_STATE, "state"))),
        frozenset(holding(page, c.POOL_VIOLATION, "reason")),
        frozenset(
            (named["reason"], named["kind"], _family_name(named["violator"]))
            for named, _ in samples(page, c.POOL_VIOLATOR_INFO)
        ),
    )


def _family_name(name: str) -> str:
    """Return `lane-*` for a pod of a Deployment: the end of its name is made up by the server."""
    return re.sub(r"-[a-z0-9]{6,10}-[a-z0-9]{5}$", "-*", name)


def expect(watcher: Watcher, expected: Told) -> None:
    """Look until exactly this is told."""
    eventually(lambda: read(watcher.look()), expected, within=SOON, what="what is said of the pool")


def expect_state(watcher: Watcher, state: str) -> None:
    """Look until the pool is in this state, whatever else is told."""
    eventually(lambda: read(watcher.look()).state, state, within=SOON, what="state of the pool")


def sees(watcher: Watcher, ask: Callable[[Page], object], expected: object, what: str) -> None:
    """Look until the page answers so."""
    eventually(lambda: ask(watcher.look()), expected, within=SOON, what=what)
