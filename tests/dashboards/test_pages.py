"""What each page is for: its address and title, how it leads to the others, and what it costs to look at."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, get_args

import promql_parser
import pytest

from alerts import links
from dashboards.board import Board, Panel, Word
from dashboards.boards import BOARDS
from dashboards.links import TO_ALIAS, TO_CARD
from dashboards.panels import to_json
from dashboards.rows import cards, layers, same_card, servers, serving
from dashboards.series import CHOICES
from exporter import catalogue as c
from exporter.backend import BACKEND_STATES, SCRAPE_STATES
from exporter.facts import agreement, invariant, ownership
from probes.layers import LAYERS, LayerState

_BY_UID = {board.uid: board for board in BOARDS}
_EVERY = [(board, panel) for board in BOARDS for row in board.rows for panel in row.panels]
_NARROWEST = 6  # columns of 24: at 1280 points some 300, what a stat or a legend needs
_NARROWEST_TABLE = 12
_PANEL = ("board", "panel")
_OF_A_CARD = {"gpu_uuid", "node", "instance"}


def _each(panels: Iterable[tuple[Board, Panel]]) -> list[Any]:
    return [pytest.param(board, panel, id=f"{board.uid}: {panel.title}") for board, panel in panels]


def test_addresses_and_titles_are_kept_for_ever() -> None:
    """Links, bookmarks and the alerts' annotations hold them; the two that people know keep their names."""
    assert {board.uid: board.title for board in BOARDS} == {
        "lanewatch-alias": "Alias & SLO",
        "lanewatch-exporter": "Lanewatch / The exporter itself",
        "lanewatch-fleet": "Lanewatch / Fleet",
        "lanewatch-gpu-node": "GPU / One card in depth",
        "lanewatch-gpu-overview": "GPU / NVIDIA DCGM Overview",
        "lanewatch-inference": "AI / Inference Operational Overview",
    }


def test_every_page_that_alerts_name_exists() -> None:
    assert set(links.BOARDS.values()) | {links.GPU_BOARD, links.FLEET_BOARD} == set(_BY_UID)


@pytest.mark.parametrize(_PANEL, _each(_EVERY))
def test_a_panel_is_wide_enough(board: Board, panel: Panel) -> None:
    """On a page of 1280 points; on a phone Grafana gives each panel the whole width."""
    is_wide = panel.kind == "table" and len(panel.look.columns) > 3
    assert panel.width >= (_NARROWEST_TABLE if is_wide else _NARROWEST), board.uid


@pytest.mark.parametrize("board", [pytest.param(board, id=board.uid) for board in BOARDS])
def test_lines_fill_the_page(board: Board) -> None:
    """A hole looks like a panel that failed."""
    ends: dict[int, int] = {}
    for panel in to_json(board)["panels"]:
        at = panel["gridPos"]
        ends[at["y"]] = max(ends.get(at["y"], 0), at["x"] + at["w"])
    assert {y: end for y, end in ends.items() if end != 24} == {}


@pytest.mark.parametrize(_PANEL, _each((board, panel) for board, panel in _EVERY if panel.links))
def test_a_link_leads_to_a_page_that_takes_the_choice(board: Board, panel: Panel) -> None:
    """The page exists, has the choices that are given to it, and the value has the labels."""
    for link in panel.links:
        taken = {variable.name for variable in _BY_UID[link.uid].variables}
        assert {CHOICES[label].lstrip("$") for label in link.labels} <= taken, board.uid
        for query in panel.queries:
            assert set(link.labels) <= _labels_left(query.expr) | {column.name for column in panel.look.columns}


def _labels_left(expr: str) -> set[str]:
    """Return the labels that are aggregated by, or where nothing is aggregated those that are selected by."""
    by = re.findall(r"by \(([^)]*)\)", expr)
    return {label.strip() for found in by for label in found.split(",")} or set(re.findall(r"(\w+)=~", expr))


def test_a_link_keeps_what_is_chosen() -> None:
    """Data source, clusters and time; labels of a graph and of a table are written each in their way."""
    table, graph = (
        next(panel for _, panel in _EVERY if panel.kind == kind and panel.links == TO_CARD)
        for kind in ("table", "timeseries")
    )
    start = "/d/lanewatch-gpu-node?${datasource:queryparam}&${cluster:queryparam}&${__url_time_range}"
    assert [_urls(one) for one in (table, graph)] == [
        [f"{start}&var-node=${{__data.fields.node}}&var-gpu=${{__data.fields.gpu_uuid}}"],
        [f"{start}&var-node=${{__field.labels.node}}&var-gpu=${{__field.labels.gpu_uuid}}"],
    ]
    assert TO_ALIAS[0].uid == links.ALIAS_BOARD


def _urls(panel: Panel) -> list[str]:
    board = replace(BOARDS[0], rows=(replace(BOARDS[0].rows[0], panels=(panel,)),))
    written = to_json(board)["panels"][1]["fieldConfig"]["defaults"]["links"]
    return [link["url"] for link in written]


@pytest.mark.parametrize(
    _PANEL, _each((board, panel) for board, panel in _EVERY if any(query.is_limit for query in panel.queries))
)
def test_a_limit_is_asked_for_and_drawn_as_one(board: Board, panel: Panel) -> None:
    """It comes from an exported series, so that no line drifts from the configuration; dashed, and never stacked."""
    written = next(one for one in to_json(board)["panels"] if one["title"] == panel.title)
    limits = [chr(ord("A") + at) for at, query in enumerate(panel.queries) if query.is_limit]
    overrides = {one["matcher"]["options"]: one["properties"] for one in written["fieldConfig"]["overrides"]}
    assert sorted(overrides) == limits
    for properties in overrides.values():
        by_id = {one["id"]: one["value"] for one in properties}
        assert (by_id["custom.lineStyle"]["fill"], by_id["custom.stacking"]["mode"]) == ("dash", "none")


def _selected(board: Board) -> Iterator[Any]:
    for expr in (query.expr for row in board.rows for panel in row.panels for query in panel.queries):
        found: list[Any] = []
        promql_parser.walk(promql_parser.parse(expr), pre_visit=found.append)
        yield from (node.name for node in found if isinstance(node, promql_parser.VectorSelector))


def test_the_fleet_asks_for_no_card() -> None:
    """Recorded series, or what the watcher counted: a page over a thousand cards costs as much as one over ten."""
    by_card = {str(metric) for metric in c.METRICS if _OF_A_CARD & set(metric.labels)}
    selected = set(_selected(_BY_UID[links.FLEET_BOARD]))
    assert selected & by_card == set()
    assert {name for name in selected if ":" not in name} == {str(c.NODE_BASELINE_NODES), str(c.NODE_CARD_NODES)}


def test_columns_of_several_queries_are_joined_by_what_they_share() -> None:
    """Each names its labels: a label that one query has and another has otherwise would make two rows of one."""
    tables = [panel for _, panel in _EVERY if panel.kind == "table" and len(panel.queries) > 1]
    assert [query.expr for panel in tables for query in panel.queries if "by (" not in query.expr] == []


def test_no_page_needs_the_image_renderer() -> None:
    """It is not installed: nothing links to /render, and no panel is of a plug-in."""
    assert [board.uid for board in BOARDS if "/render" in json.dumps(to_json(board))] == []


def test_layers_are_those_of_the_verdict() -> None:
    """In its order: the lowest first."""
    assert layers.LAYERS == LAYERS


@pytest.mark.parametrize(
    ("words", "states"),
    [
        pytest.param(cards.OWNERSHIP_STATES, ownership.STATES, id="whose a card is"),
        pytest.param(layers.LAYER_STATES, get_args(LayerState), id="how a layer is"),
        pytest.param(same_card.AGREEMENTS, agreement.STATES, id="whether views agree"),
        pytest.param(servers.SCRAPES, SCRAPE_STATES, id="whether its metrics can be read"),
        pytest.param(servers.STATES, BACKEND_STATES, id="what a server does"),
        pytest.param(serving.POOL_STATES, invariant.STATES, id="how a pool is"),
    ],
)
def test_words_of_a_state_are_those_that_are_exposed(words: tuple[Word, ...], states: tuple[str, ...]) -> None:
    """A state that the page does not know would be a hole in the line."""
    assert sorted(word.text for word in words) == sorted(states)
