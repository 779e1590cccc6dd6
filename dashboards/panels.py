"""From our boards to Grafana's JSON by way of grafanalib; the only file that knows grafanalib.

Colours, widths of lines and the like are decided here, so that all boards look alike. What grafanalib writes is of
2015; `modernise.py` repairs it.
"""

import json
from collections.abc import Callable, Mapping
from string import ascii_uppercase
from typing import Any, Final

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards.board import Board, Kind, Look, Panel, Place, Query, Row, Variable, arrange
from dashboards.modernise import DATASOURCE, Json, modernise

_CALC: Final = "lastNotNull"  # grafanalib's default is the mean: a card that is down for a minute would be half down
_FROM, _REFRESH = "now-3h", "1m"


def to_json(board: Board) -> Json:
    """Return the dashboard as Grafana loads it."""
    dashboard = core.Dashboard(
        title=board.title,
        description=board.about,
        uid=board.uid,
        tags=list(board.tags),
        panels=[_item(item, place) for item, place in arrange(board.rows)],
        templating=core.Templating(list=[_datasource(), *(_variable(one) for one in board.variables)]),
        annotations=core.Annotations(list=[_annotation(board.annotation)]),
        links=[core.DashboardLink(title="GPU and LLM", type="dashboards", tags=["lanewatch"], includeVars=True)],
        time=core.Time(_FROM, "now"),
        refresh=_REFRESH,
        timezone="browser",
        sharedCrosshair=True,
    ).auto_panel_ids()
    return modernise(json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder)))


def _datasource() -> Any:  # noqa: ANN401  # grafanalib ships no types
    return core.Template(name="datasource", label="Data source", type="datasource", query="prometheus")


def _variable(variable: Variable) -> Any:  # noqa: ANN401
    return core.Template(
        name=variable.name,
        label=variable.name.capitalize(),
        query=f"label_values({variable.metric}, {variable.label})",
        dataSource=DATASOURCE,
        includeAll=True,
        multi=True,
        allValue=".*",
        default="All",
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
    )


def _annotation(query: Query) -> dict[str, object]:
    return {
        "name": "Alerts",
        "datasource": DATASOURCE,
        "enable": True,
        "expr": query.expr,
        "iconColor": "red",
        "titleFormat": query.legend,
        "step": "60s",
    }


def _item(item: Row | Panel, place: Place) -> Any:  # noqa: ANN401
    grid = core.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
    if isinstance(item, Row):
        return core.RowPanel(title=item.title, gridPos=grid)
    shared = {
        "title": item.title,
        "description": item.about,
        "dataSource": DATASOURCE,
        "gridPos": grid,
        "targets": [_target(item, number) for number in range(len(item.queries))],
    }
    return _BUILDERS[item.kind](item.look, shared)


def _target(panel: Panel, number: int) -> Any:  # noqa: ANN401
    query = panel.queries[number]
    return core.Target(
        expr=query.expr,
        legendFormat=query.legend,
        refId=ascii_uppercase[number],
        format="table" if panel.kind == "table" else "time_series",
        instant=panel.kind in _NOW_ONLY,
    )


def _steps(look: Look) -> list[Any]:
    steps = [core.Threshold(look.base, 0, 0.0)]
    return [*steps, *(core.Threshold(colour, at, float(value)) for at, (value, colour) in enumerate(look.steps, 1))]


def _mappings(look: Look) -> list[dict[str, object]]:
    if not look.words:
        return []
    options = {
        str(word.value): {"color": word.colour, "index": index, "text": word.text}
        for index, word in enumerate(look.words)
    }
    return [{"type": "value", "options": options}]


def _timeseries(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.TimeSeries(
        **shared,
        unit=look.unit,
        valueMin=look.least,
        valueMax=look.most,
        fillOpacity=60 if look.is_stacked else 0,
        stacking={"group": "A", "mode": "normal" if look.is_stacked else "none"},
        tooltipMode="multi",
        showPoints="never",
        mappings=_mappings(look),
        thresholds=_steps(look),
        thresholdsStyleMode="line" if look.steps else "off",
    )


def _stat(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.Stat(
        **shared,
        format=look.unit,
        reduceCalc=_CALC,
        colorMode="background",
        graphMode="none",
        textMode="value_and_name",
        noValue="unknown",
        mappings=_mappings(look),
        thresholds=_steps(look),
    )


def _gauge(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.GaugePanel(
        **shared, format=look.unit, calc=_CALC, min=look.least, max=look.most, thresholds=_steps(look)
    )


def _bargauge(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.BarGauge(
        **shared,
        format=look.unit,
        calc=_CALC,
        min=look.least,
        max=look.most,
        thresholds=_steps(look),
        displayMode="basic",
    )


def _table(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    columns = dict(look.columns)
    order = {name: index for index, name in enumerate(columns)}
    organise = {"id": "organize", "options": {"indexByName": order, "renameByName": columns}}
    only = {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}}
    return core.Table(**shared, unit=look.unit, mappings=_mappings(look), transformations=[only, organise])


def _state_timeline(look: Look, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.StateTimeline(**shared, mappings=_mappings(look), thresholds=_steps(look), showValue="auto")


_NOW_ONLY: Final[frozenset[Kind]] = frozenset({"table", "stat", "gauge", "bargauge"})
_BUILDERS: Final[Mapping[Kind, Callable[[Look, Mapping[str, object]], Any]]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "gauge": _gauge,
    "bargauge": _bargauge,
    "table": _table,
    "state-timeline": _state_timeline,
}
