"""Every panel is filled by a real Prometheus that has seen every scenario, and no query of a page is refused.

Names that were planted there are in no picture. One run over all pages: what is still empty is asked again until it
is filled, or until the time is up.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest

from alerts.links import GPU_BOARD
from dashboards.boards import BOARDS, by_name
from dashboards.interpolation import Shown, as_regex, interpolate
from dashboards.panels import to_json
from e2e.monitoring import Prometheus
from e2e.pictures import HOSTILE, drawn, planted
from e2e.showroom import showroom

pytestmark = pytest.mark.real

_WITHIN_SECONDS: Final = 95.0  # the last scenario to show its fault does so 80 s after its start
_STEP_SECONDS: Final = 5
_PAUSE_SECONDS: Final = 2.0

# What neither a scenario nor a recorded card can show, with the reason.
_NO_TIMINGS: Final = "the simulated server tells no timings of its own, as few gateways pass them on"
_NO_SUCH_LINE: Final = "no kernel log with such a line is read here: tests/exporter/test_wiring_xids.py does"
_NO_STEP: Final = "a recorded card stands still: nothing of it rises"
_LLAMACPP: Final = "the demo's lanes are llama.cpp, which does not tell it; tests/probes/backends reads vLLM and SGLang"
_EMPTY: Final[Mapping[tuple[str, str], str]] = {
    ("How fast is the prompt read?", "A"): _NO_TIMINGS,
    ("How long between two tokens, and for a slot?", "B"): _NO_TIMINGS,
    ("How long does each phase take?", "C"): "the demo's gateway speaks plain HTTP: there is no phase tls",
    ("Do two sources contradict each other?", "B"): "a source stands still only after minutes",
    ("Do NVML and DCGM contradict each other?", "B"): "a source stands still only after minutes",
    ("Was a line of the kernel log missed?", "B"): _NO_SUCH_LINE,
    ("Did something reach us that names no card we know?", "D"): _NO_SUCH_LINE,
    ("Which claims are on it?", "A"): "the reference node gives its card away by the device plugin",
    ("Which series were dropped?", "A"): "no family here is near its budget",
    ("Is anything left out?", "A"): "no family here is near its budget",
    ("Do requests lose their cache?", "A"): _LLAMACPP,
    ("Do requests lose their cache?", "B"): _LLAMACPP,
    ("How full are slots and KV cache?", "B"): _LLAMACPP,
    ("What holds the clock down?", "A"): _NO_STEP,
}


_EVERY_SOURCE: Final = frozenset(
    {
        "How many cards are known?",
        "Does each card answer?",
        "Which card is which?",
        "How much memory is in use, of how much?",
        "Does anything run?",
        "How much power is drawn, of how much?",
        "How much power on average?",
        "How fast does it run?",
    }
)
_LEAST_TOLD: Final[Mapping[str, frozenset[str]]] = {
    "xpum": _EVERY_SOURCE,
    "dcgm": _EVERY_SOURCE | {"How hot is each sensor?"},
    "driver": _EVERY_SOURCE | {"How hot is each sensor?", "How many degrees are left?"},
}


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
    told_by: Mapping[str, frozenset[str]]  # source -> panels of the cards' overview that it alone fills
    choices: Mapping[str, Mapping[str, list[str]]]
    server: Prometheus
    began: float


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
    with showroom(tmp_path_factory.mktemp("showroom"), HOSTILE) as server:
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
        told_by = {source: frozenset(_filled_by(server, source, shown)) for source in _LEAST_TOLD}
        yield Found(frozenset(empty), told_by, values, server, began)


def _filled_by(server: Prometheus, source: str, shown: Shown) -> Iterator[str]:
    chosen = {**dict.fromkeys(("node", "gpu"), ".*"), "cluster": source}
    for asked in _queries():
        if asked.board == GPU_BOARD and not _is_empty(server, asked, chosen, shown):
            yield asked.panel


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


@pytest.mark.parametrize("source", _LEAST_TOLD)
def test_the_overview_of_cards_works_on_any_source(found: Found, source: str) -> None:
    """Whoever tells of a card: what all sources have is shown, and what one lacks costs its own panel only."""
    assert _LEAST_TOLD[source] - found.told_by[source] == set()


def test_every_choice_offers_something(found: Found) -> None:
    assert [
        (uid, name) for uid, values in found.choices.items() for name, offered in values.items() if not offered
    ] == []


@pytest.mark.parametrize("name", by_name())
def test_a_picture_is_filled_and_shows_no_planted_name(found: Found, name: str) -> None:
    """Of every page, with all clusters: neither drawn nor in the data."""
    shown, picture = drawn(found.server.url, name, found.began)
    names = planted(found.server)
    assert len(names) > 40
    assert [one for one in names if one in shown] == []
    assert (picture.refused, picture.is_simulated) == (0, True)
    assert sum(bool(one.lines or one.rows) for one in picture.filled) > len(picture.filled) / 3
