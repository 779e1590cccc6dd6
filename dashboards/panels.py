"""From our boards to Grafana's JSON by way of grafanalib; the only file that knows grafanalib.

Colours, widths of lines and the like are decided here, so that all boards look alike. What grafanalib writes is of
2015; `modernise.py` repairs it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any, Final

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards.board import (
    NOW_ONLY,
    Annotation,
    Board,
    Column,
    Kind,
    Link,
    Look,
    Panel,
    Place,
    Row,
    Variable,
    Word,
    arrange,
)
from dashboards.modernise import DATASOURCE, Json, modernise
from dashboards.series import CHOICES

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
        annotations=core.Annotations(list=[_annotation(one) for one in board.annotations]),
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
        query=f"label_values({variable.selector}, {variable.label})",
        dataSource=DATASOURCE,
        includeAll=not variable.takes_one,
        multi=not variable.takes_one,
        allValue=None if variable.takes_one else ".*",
        default=None if variable.takes_one else "All",
        refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
    )


def _annotation(annotation: Annotation) -> dict[str, object]:
    return {
        "name": annotation.name,
        "datasource": DATASOURCE,
        "enable": True,
        "expr": annotation.query.expr,
        "iconColor": annotation.colour,
        "titleFormat": annotation.query.legend,
        "step": "60s",
        **({"useValueForTime": True} if annotation.is_time else {}),
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
        "extraJson": {"fieldConfig": {"defaults": {"links": [_link(one, item) for one in item.links] or None}}},
    }
    return _BUILDERS[item.kind](item, shared)


def _target(panel: Panel, number: int) -> Any:  # noqa: ANN401
    query = panel.queries[number]
    return core.Target(
        expr=query.expr,
        legendFormat=query.legend,
        refId=ascii_uppercase[number],
        format=_FORMATS.get(panel.kind, "time_series"),
        instant=panel.kind in NOW_ONLY,
    )


def _link(link: Link, panel: Panel) -> dict[str, object]:
    value = "${__data.fields.%s}" if panel.kind == "table" else "${__field.labels.%s}"
    chosen = (f"var-{CHOICES[label].lstrip('$')}={value % label}" for label in link.labels)
    kept = ("${datasource:queryparam}", "${cluster:queryparam}", "${__url_time_range}")
    return {"title": link.title, "url": f"/d/{link.uid}?{'&'.join((*kept, *chosen))}", "targetBlank": False}


def _override(matcher: str, name: str, **properties: object) -> dict[str, object]:
    listed = [{"id": key.replace("_", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": matcher, "options": name}, "properties": listed}


def _limits(panel: Panel) -> list[dict[str, object]]:
    """Return the overrides that draw each limit as a dashed line of its own, over whatever is stacked."""
    return [
        _override(
            "byFrameRefID",
            ascii_uppercase[number],
            color={"fixedColor": "red", "mode": "fixed"},
            custom_fillOpacity=0,
            custom_lineStyle={"dash": [10, 10], "fill": "dash"},
            custom_stacking={"group": "limit", "mode": "none"},
        )
        for number, query in enumerate(panel.queries)
        if query.is_limit
    ]


def _steps(look: Look) -> list[Any]:
    steps = [core.Threshold(look.base, 0, 0.0)]
    return [*steps, *(core.Threshold(colour, at, float(value)) for at, (value, colour) in enumerate(look.steps, 1))]


def _mappings(words: Iterable[Word]) -> list[dict[str, object]]:
    options = {
        str(word.value): {"color": word.colour, "index": index, "text": word.text} for index, word in enumerate(words)
    }
    return [{"type": "value", "options": options}] if options else []


def _timeseries(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    look = panel.look
    return core.TimeSeries(
        **shared,
        overrides=_limits(panel),
        unit=look.unit,
        valueMin=look.least,
        valueMax=look.most,
        fillOpacity=60 if look.is_stacked else 0,
        stacking={"group": "A", "mode": "normal" if look.is_stacked else "none"},
        tooltipMode="multi",
        showPoints="never",
        mappings=_mappings(look.words),
        thresholds=_steps(look),
        thresholdsStyleMode="line" if look.steps else "off",
    )


def _stat(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    look = panel.look
    return core.Stat(
        **shared,
        format=look.unit,
        reduceCalc=_CALC,
        colorMode="background",
        graphMode="none",
        textMode="value_and_name",
        noValue="unknown",
        mappings=_mappings(look.words),
        thresholds=_steps(look),
    )


def _gauge(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    look = panel.look
    return core.GaugePanel(
        **shared, format=look.unit, calc=_CALC, min=look.least, max=look.most, thresholds=_steps(look)
    )


def _bargauge(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    look = panel.look
    return core.BarGauge(
        **shared,
        format=look.unit,
        calc=_CALC,
        min=look.least,
        max=look.most,
        thresholds=_steps(look),
        displayMode="basic",
    )


def _table(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    look = panel.look
    names = [column.name for column in look.columns]
    merge = [{"id": "merge", "options": {}}] if len(panel.queries) > 1 else []
    only = {"id": "filterFieldsByName", "options": {"include": {"names": names}}}
    titles = {column.name: column.title for column in look.columns}
    order = {name: index for index, name in enumerate(names)}
    organise = {"id": "organize", "options": {"indexByName": order, "renameByName": titles}}
    return core.Table(
        **shared,
        unit=look.unit,
        mappings=_mappings(look.words),
        overrides=list(_columns(look.columns)),
        transformations=[*merge, only, organise],
    )


def _columns(columns: Iterable[Column]) -> Iterator[dict[str, object]]:
    """Yield the overrides of the columns that are shown otherwise than the table says."""
    for column in columns:
        if column.unit:
            yield _override("byName", column.title, unit=column.unit)
        if column.words:
            cells = {"type": "color-text"}
            yield _override("byName", column.title, mappings=_mappings(column.words), custom_cellOptions=cells)


def _state_timeline(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.StateTimeline(
        **shared, mappings=_mappings(panel.look.words), thresholds=_steps(panel.look), showValue="auto"
    )


def _heatmap(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.Heatmap(**shared, dataFormat="tsbuckets", yAxis=core.YAxis(format=panel.look.unit))


def _text(panel: Panel, shared: Mapping[str, object]) -> Any:  # noqa: ANN401
    return core.Text(**shared, content=panel.text, mode="markdown")


_FORMATS: Final[Mapping[Kind, str]] = {"table": "table", "heatmap": "heatmap"}
_BUILDERS: Final[Mapping[Kind, Callable[[Panel, Mapping[str, object]], Any]]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "gauge": _gauge,
    "bargauge": _bargauge,
    "table": _table,
    "state-timeline": _state_timeline,
    "heatmap": _heatmap,
    "text": _text,
}
