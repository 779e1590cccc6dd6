"""What every dashboard is: complete, described, laid out without overlap, and the file in the chart."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from alerts.links import CARD_BOARD
from alerts.render import render as render_rules
from dashboards.board import Unit
from dashboards.boards import BOARDS
from dashboards.panels import to_json
from dashboards.render import FOLDER, render

_ROOT = Path(__file__).resolve().parents[2]
_LARGEST = 900 * 1024  # a ConfigMap holds 1 MiB
_LIVING = {"bargauge", "gauge", "heatmap", "row", "stat", "state-timeline", "table", "text", "timeseries"}
_CHOICES = ["cluster", "node", "gpu", "alias", "exporter"]
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_DASHBOARDS = [to_json(board) for board in BOARDS]
_EACH = pytest.mark.parametrize("dashboard", _DASHBOARDS, ids=lambda dashboard: str(dashboard["uid"]))
_PANELS = [
    pytest.param(panel, id=f"{dashboard['uid']}: {panel['title']}")
    for dashboard in _DASHBOARDS
    for panel in dashboard["panels"]
    if panel["type"] != "row"
]
_EACH_PANEL = pytest.mark.parametrize("panel", _PANELS)


def _cells(panel: dict[str, Any]) -> Iterator[tuple[int, int]]:
    at = panel["gridPos"]
    return itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))


def test_committed_dashboards_are_those_rendered() -> None:
    """Never edited by hand, and no file of a board that is gone stays behind."""
    committed = {f"{FOLDER}/{path.name}": path.read_text(encoding="utf-8") for path in (_ROOT / FOLDER).iterdir()}
    rendered = render()
    differing = sorted(path for path in committed.keys() | rendered if committed.get(path) != rendered.get(path))
    assert differing == [], "the dashboards differ from dashboards/: run `make generate`"


def test_rendering_is_stable_and_fits_a_config_map() -> None:
    """Twice the same text, below 900 KiB each."""
    assert render() == render()
    assert [path for path, text in render().items() if len(text.encode()) >= _LARGEST] == []


def test_every_alert_leads_to_a_dashboard_that_exists() -> None:
    """The annotation holds a uid."""
    uids = {
        line.split()[-1] for text in render_rules().values() for line in text.splitlines() if " dashboard: " in line
    }
    assert uids <= {board.uid for board in BOARDS}


@_EACH
def test_a_dashboard_is_found_again(dashboard: dict[str, Any]) -> None:
    """A uid of at most 40 characters, sorted tags with ours among them, a modest refresh, and links to its siblings."""
    assert 0 < len(dashboard["uid"]) <= 40
    assert dashboard["tags"] == sorted({*dashboard["tags"], "lanewatch"})
    assert (dashboard["refresh"], dashboard["schemaVersion"], dashboard["id"]) == ("1m", 39, None)
    assert [(link["keepTime"], link["includeVars"]) for link in dashboard["links"]] == [(True, True)]


@_EACH
def test_choices_come_in_their_order_and_change_something(dashboard: dict[str, Any]) -> None:
    """The data source first, for the others ask it; a choice that no query follows would lie."""
    first, *others = dashboard["templating"]["list"]
    names = [one["name"] for one in others]
    queries = json.dumps([panel.get("targets") for panel in dashboard["panels"]])
    assert (first["name"], first["type"]) == ("datasource", "datasource")
    assert names == [name for name in _CHOICES if f'=~\\"${name}\\"' in queries]
    assert [one for one in others if one["datasource"] != _SOURCE] == []


@_EACH
def test_choices_default_to_all_but_for_the_one_card(dashboard: dict[str, Any]) -> None:
    """All matches a label that is not there as well; the page of one card shows one."""
    one_only = {"node", "gpu"} if dashboard["uid"] == CARD_BOARD else set()
    choices = {
        one["name"]: (one.get("allValue"), one["includeAll"], one["multi"])
        for one in dashboard["templating"]["list"][1:]
    }
    assert choices == {name: (None, False, False) if name in one_only else (".*", True, True) for name in choices}


@_EACH
def test_panels_do_not_overlap_and_stay_on_the_page(dashboard: dict[str, Any]) -> None:
    """No cell of the grid is taken twice."""
    cells = [cell for panel in dashboard["panels"] for cell in _cells(panel)]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@_EACH
def test_panels_are_told_apart(dashboard: dict[str, Any]) -> None:
    """By their number, and by their title."""
    for key in ("id", "title"):
        values = [panel[key] for panel in dashboard["panels"]]
        assert sorted(set(values), key=str) == sorted(values, key=str)


@_EACH
def test_rows_ask_questions(dashboard: dict[str, Any]) -> None:
    """A page reads like a table of contents."""
    assert [panel["title"] for panel in dashboard["panels"] if not panel["title"].endswith("?")] == []


@_EACH_PANEL
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    """A description, a unit that we know, a kind that Grafana still has."""
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in get_args(Unit)
    assert panel["type"] in _LIVING


@_EACH_PANEL
def test_a_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    """Nothing is wired to one Grafana; each query has its letter and the full resolution."""
    assert {json.dumps(one["datasource"]) for one in (panel, *panel["targets"])} == {json.dumps(_SOURCE)}
    letters = [target["refId"] for target in panel["targets"]]
    assert letters == sorted(set(letters))
    assert [target for target in panel["targets"] if "intervalFactor" in target or "step" in target] == []


@_EACH_PANEL
def test_a_panel_follows_the_choice_of_clusters(panel: dict[str, Any]) -> None:
    """On a fleet's server a page that ignores the choice shows somebody else's cards."""
    assert [target["expr"] for target in panel["targets"] if 'cluster=~"$cluster"' not in target["expr"]] == []


@_EACH_PANEL
def test_ranges_fit_the_resolution(panel: dict[str, Any]) -> None:
    """A fixed range either has holes or hides peaks; only recorded series have windows of their own.

    What is asked once may go over the whole time that is shown.
    """
    rest = {one["expr"].replace("[$__rate_interval]", ""): one["instant"] for one in panel["targets"]}
    whole = {expr.replace("[$__range]", "") if is_instant else expr for expr, is_instant in rest.items()}
    assert [expr for expr in whole if "[" in expr] == []


@_EACH_PANEL
def test_a_value_that_is_reduced_is_the_last(panel: dict[str, Any]) -> None:
    """The mean, grafanalib's default, shows a card that was lost a minute ago as nearly well."""
    assert panel["options"].get("reduceOptions", {"calcs": ["lastNotNull"]})["calcs"] == ["lastNotNull"]
