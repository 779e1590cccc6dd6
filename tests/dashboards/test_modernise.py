"""Laws of the repair: whatever grafanalib writes, what comes out is of today, and a second repair changes nothing."""

import copy
import json
from typing import Any

import pytest
from grafanalib import core
from grafanalib._gen import DashboardEncoder
from hypothesis import given
from hypothesis import strategies as st

from dashboards.modernise import modernise

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_DEAD = {"cacheTimeout", "hideTimeOverride", "interval", "maxDataPoints", "maxPerRow", "minSpan", "span", "timeFrom"}
_CALCS = st.sampled_from(["mean", "lastNotNull", "max"])
_STEPS = st.lists(st.floats(0.5, 100), max_size=3).map(
    lambda values: [
        core.Threshold("green", 0, 0.0),
        *(core.Threshold("red", at, value) for at, value in enumerate(sorted(values), 1)),
    ]
)
_SHARED = st.fixed_dictionaries(
    {
        "title": st.text(max_size=8),
        "dataSource": st.sampled_from([None, "${datasource}", "prometheus"]),
        "targets": st.lists(st.builds(core.Target, expr=st.just("up"), instant=st.booleans()), max_size=3),
    }
)


def _of(kind: Any, **own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:  # noqa: ANN401  # grafanalib has no types
    return st.builds(lambda shared, rest: kind(**shared, **rest), _SHARED, st.fixed_dictionaries(own))


_PANELS = st.one_of(
    _of(core.TimeSeries, thresholds=_STEPS),
    _of(core.Stat, thresholds=_STEPS, reduceCalc=_CALCS),
    _of(core.GaugePanel, thresholds=_STEPS, calc=_CALCS),
    _of(core.BarGauge, thresholds=_STEPS, calc=_CALCS),
    _of(core.StateTimeline),
    _of(core.Table),
    _of(core.Heatmap, dataFormat=st.sampled_from(["timeseries", "tsbuckets"])),
    _of(core.Text, content=st.text(max_size=8)),
    st.builds(core.RowPanel, title=st.text(max_size=8)),
)


def _written(panels: list[Any]) -> dict[str, Any]:
    """Return what grafanalib writes for these panels."""
    variables = [core.Template(name="node", query="label_values(up, node)", dataSource="x", includeAll=True)]
    dashboard = core.Dashboard(
        title="t", uid="u", panels=panels, templating=core.Templating(list=variables), tags=["b", "a"]
    )
    written: dict[str, Any] = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    return written


_DASHBOARDS = st.lists(_PANELS, max_size=4).map(_written)


def _keys(given: object) -> set[str]:
    if isinstance(given, dict):
        return {*given, *(key for value in given.values() for key in _keys(value))}
    return {key for value in given for key in _keys(value)} if isinstance(given, list) else set()


def _repaired(panel: Any) -> dict[str, Any]:  # noqa: ANN401
    only: dict[str, Any] = modernise(_written([panel]))["panels"][0]
    return only


@given(_DASHBOARDS)
def test_repairing_twice_is_repairing_once(written: dict[str, Any]) -> None:
    """What is of today already stays as it is."""
    assert modernise(modernise(written)) == modernise(written)


@given(_DASHBOARDS)
def test_what_is_given_is_left_alone(written: dict[str, Any]) -> None:
    """A pure function."""
    before = copy.deepcopy(written)
    modernise(written)
    assert written == before


@given(_DASHBOARDS)
def test_output_is_sorted_and_without_dead_keys(written: dict[str, Any]) -> None:
    """So that a change of one panel is a diff of one panel."""
    modern = modernise(written)
    assert json.dumps(modern) == json.dumps(modern, sort_keys=True)
    assert _keys(modern) & {*_DEAD, "rows", "style", "hideControls", "intervalFactor", "fieldOptions", "op"} == set()


@given(_DASHBOARDS)
def test_thresholds_begin_with_null(written: dict[str, Any]) -> None:
    """Not with the text that grafanalib writes; the others are numbers."""
    panels = [panel for panel in modernise(written)["panels"] if panel["type"] != "row"]
    steps = [panel["fieldConfig"]["defaults"]["thresholds"]["steps"] for panel in panels]
    assert [each for each in steps if each[0]["value"] is not None] == []
    assert [step for each in steps for step in each[1:] if not isinstance(step["value"], float)] == []


@given(_DASHBOARDS)
def test_every_panel_and_target_names_its_data_source(written: dict[str, Any]) -> None:
    """As an object, by the choice at the top of the page."""
    panels = [panel for panel in modernise(written)["panels"] if panel["type"] != "row"]
    assert [one for panel in panels for one in (panel, *panel["targets"]) if one["datasource"] != _SOURCE] == []


@given(_DASHBOARDS)
def test_panels_are_numbered(written: dict[str, Any]) -> None:
    """From 1, each once."""
    panels = modernise(written)["panels"]
    assert [panel["id"] for panel in panels] == [*range(1, len(panels) + 1)]


@pytest.mark.parametrize("kind", [core.GaugePanel, core.BarGauge], ids=["gauge", "bargauge"])
def test_the_chosen_reduction_is_found_where_grafanalib_put_it(kind: Any) -> None:  # noqa: ANN401
    """A gauge has it among the field's defaults, a bar gauge where Grafana 6 looked."""
    options = _repaired(kind(title="", dataSource="x", targets=[], calc="max"))["options"]
    assert options["reduceOptions"] == {"calcs": ["max"], "fields": "", "values": False}


def test_a_bar_gauge_keeps_its_bounds_unit_and_thresholds() -> None:
    """They are written below `fieldOptions`, where no Grafana looks now."""
    thresholds = [core.Threshold("green", 0, 0.0), core.Threshold("red", 1, 3.0)]
    panel = core.BarGauge(title="", dataSource="x", targets=[], min=0, max=9, format="s", thresholds=thresholds)
    defaults = _repaired(panel)["fieldConfig"]["defaults"]
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 3.0}]
    assert (defaults["min"], defaults["max"], defaults["unit"]) == (0, 9, "s")
    assert defaults["thresholds"]["steps"] == steps


@pytest.mark.parametrize(("data", "is_counted_here"), [("timeseries", True), ("tsbuckets", False)])
def test_a_heatmap_of_angular_times_is_written_anew(data: str, is_counted_here: bool) -> None:  # noqa: FBT001  # a column
    """With its unit, and with the buckets that Prometheus has, unless it has none."""
    options = _repaired(
        core.Heatmap(title="", dataSource="x", targets=[], dataFormat=data, yAxis=core.YAxis(format="s"))
    )["options"]
    assert (options["calculate"], options["yAxis"]["unit"]) == (is_counted_here, "s")


@pytest.mark.parametrize(
    "kind", [core.TimeSeries, core.Stat, core.GaugePanel, core.BarGauge, core.StateTimeline, core.Table, core.Heatmap]
)
def test_a_link_is_kept_by_every_kind(kind: Any) -> None:  # noqa: ANN401
    """Where grafanalib has no word for it, it is given to it as it is."""
    links = [{"title": "t", "url": "/d/u"}]
    panel = kind(title="", dataSource="x", targets=[], extraJson={"fieldConfig": {"defaults": {"links": links}}})
    assert _repaired(panel)["fieldConfig"]["defaults"]["links"] == links


def test_cells_of_a_table_are_where_grafana_looks_now() -> None:
    """Not in the setting of Grafana 8, which is read no more."""
    custom = _repaired(core.Table(title="", dataSource="x", targets=[], displayMode="color-text"))["fieldConfig"]
    assert custom["defaults"]["custom"] == {"align": "auto", "cellOptions": {"type": "color-text"}, "filterable": False}


@pytest.mark.parametrize("kind", [core.TimeSeries, core.Table])
def test_an_override_is_kept(kind: Any) -> None:  # noqa: ANN401
    """For one column, or one query."""
    overrides = [{"matcher": {"id": "byName", "options": "a"}, "properties": []}]
    panel = kind(title="", dataSource="x", targets=[], overrides=overrides)
    assert _repaired(panel)["fieldConfig"]["overrides"] == overrides


@pytest.mark.parametrize("kind", [core.Graph, core.SingleStat, core.PieChart, core.Worldmap])
def test_panels_of_angular_times_are_refused(kind: Any) -> None:  # noqa: ANN401
    """Grafana 12 shows a hole in their place."""
    written = _written([kind(title="old", dataSource="x", targets=[])])
    with pytest.raises(ValueError, match=r"^expected a panel out of .*, found `[\w-]+` - at panel 'old'$"):
        modernise(written)
