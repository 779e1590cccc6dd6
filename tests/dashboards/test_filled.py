"""Every panel is filled by a real Prometheus that has seen every scenario, and no query of a page is refused.

One run over all pages: what is still empty is asked again until it is filled, or until the time is up.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from dashboards.panels import to_json
from dashboards.render import BOARDS
from e2e.grafana import Shown, as_regex, interpolate
from e2e.monitoring import Prometheus
from e2e.showroom import showroom

pytestmark = pytest.mark.real

_WITHIN_SECONDS: Final = 95.0  # the last scenario to show its fault does so 80 s after its start
_STEP_SECONDS: Final = 5
_PAUSE_SECONDS: Final = 2.0

# What neither a scenario nor a recorded card can show, with the reason.
_EMPTY: Final[Mapping[tuple[str, str], str]] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a page."""

    board: str
    panel: str
    letter: str
    expr: str
    is_instant: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the run found: the queries that stayed empty, and the values of every choice."""

    empty: frozenset[Asked]
    choices: Mapping[str, Mapping[str, list[str]]]
    seconds: float


def _queries() -> Iterator[Asked]:
    for board in BOARDS:
        for annotation in board.annotations:
            yield Asked(board.uid, annotation.name, "", annotation.query.expr, is_instant=False)
        for panel in to_json(board)["panels"]:
            for target in panel.get("targets", []):
                yield Asked(board.uid, panel["title"], target["refId"], target["expr"], target["instant"])


def _choices(server: Prometheus, variables: list[dict[str, Any]], shown: Shown) -> dict[str, list[str]]:
    """Return the values of each choice within those before it, all of which are All."""
    found: dict[str, list[str]] = {}
    for variable in variables:
        selector, _, label = variable["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        found[variable["name"]] = server.values_of(label, interpolate(selector, dict.fromkeys(found, ".*"), shown))
    return found


def _chosen(variables: list[dict[str, Any]], values: Mapping[str, list[str]]) -> dict[str, str]:
    """Return All of each choice; where one must be taken, each of them."""
    return {
        one["name"]: one["allValue"] if one["includeAll"] else as_regex(values[one["name"]] or [""])
        for one in variables
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """Return what is left when everything that can be filled is."""
    variables = {board.uid: to_json(board)["templating"]["list"][1:] for board in BOARDS}
    with showroom(tmp_path_factory.mktemp("showroom")) as server:
        began = time.time()
        empty = set(_queries())
        while True:
            shown = Shown(start=began, end=time.time(), step=_STEP_SECONDS)
            values = {uid: _choices(server, listed, shown) for uid, listed in variables.items()}
            chosen = {uid: _chosen(listed, values[uid]) for uid, listed in variables.items()}
            empty = {one for one in empty if _is_empty(server, one, chosen[one.board], shown)}
            if not _unexpected(empty) or time.time() - began > _WITHIN_SECONDS:
                break
            time.sleep(_PAUSE_SECONDS)
        yield Found(frozenset(empty), values, time.time() - began)


def _is_empty(server: Prometheus, asked: Asked, chosen: Mapping[str, str], shown: Shown) -> bool:
    promql = interpolate(asked.expr, chosen, shown)
    if asked.is_instant:
        return server.query(promql) == []
    return server.is_empty(promql, start=shown.start, end=shown.end, step=shown.step)


def _unexpected(empty: set[Asked]) -> list[str]:
    return sorted(f"{one.board}: {one.panel} {one.letter}" for one in empty if (one.panel, one.letter) not in _EMPTY)


def test_every_query_is_filled_or_says_why_not(found: Found) -> None:
    """A query that Prometheus refuses fails the run itself."""
    assert _unexpected(set(found.empty)) == []


def test_no_reason_outlives_itself(found: Found) -> None:
    """What is filled needs no excuse."""
    assert {(one.panel, one.letter) for one in found.empty} == set(_EMPTY)


def test_every_choice_offers_something(found: Found) -> None:
    assert [
        (uid, name) for uid, values in found.choices.items() for name, offered in values.items() if not offered
    ] == []
