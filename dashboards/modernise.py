"""From the JSON that grafanalib 0.7.1 writes (schema 12, of 2015) to what Grafana 10.4 and later load as it is.

Pure. It keeps what is known to be alive and drops the rest, so that nothing depends on a migration in the browser. It
refuses a kind of panel that it cannot repair; `graph`, `singlestat` and other Angular panels are gone since Grafana 12.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39  # migration only goes up: a newer number than the server's is shown as it is, and breaks
DATASOURCE: Final = "${datasource}"
_SOURCE: Final[Mapping[str, str]] = {"type": "prometheus", "uid": DATASOURCE}
_CALCS: Final = ("lastNotNull",)

_TOP: Final = (
    *("annotations", "description", "editable", "graphTooltip", "id", "links", "panels", "refresh", "tags"),
    *("templating", "time", "timezone", "title", "uid", "version"),
)
_ROW: Final = ("collapsed", "gridPos", "panels", "title", "type")
_PANEL: Final = ("description", "fieldConfig", "gridPos", "options", "targets", "title", "transformations", "type")
_TARGET: Final = ("expr", "format", "instant", "legendFormat", "refId")
_VARIABLE: Final = (
    *("allValue", "current", "hide", "includeAll", "label", "multi", "name", "query", "refresh", "regex", "sort"),
    "type",
)
_FIELD: Final = ("color", "custom", "decimals", "links", "mappings", "max", "min", "noValue", "thresholds", "unit")


def modernise(dashboard: Mapping[str, Any]) -> Json:
    """Return the dashboard in the classic model of schema 39, in a stable order; what it is given stays as it is."""
    kept = _keep(dashboard, _TOP)
    crosshair = 1 if dashboard.get("sharedCrosshair") else kept.get("graphTooltip", 0)
    modern: Json = _sorted(
        {
            **kept,
            "annotations": {"list": [_annotation(one) for one in dashboard["annotations"]["list"]]},
            "graphTooltip": crosshair,
            "id": None,  # the server's own number; `uid` is ours
            "panels": [_panel(one) | {"id": number} for number, one in enumerate(dashboard["panels"], 1)],
            "schemaVersion": SCHEMA_VERSION,
            "templating": {"list": [_variable(one) for one in dashboard["templating"]["list"]]},
        }
    )
    return modern


def _keep(given: Mapping[str, Any], names: Iterable[str]) -> Json:
    return {name: given[name] for name in names if given.get(name) is not None}


def _sorted(given: Any) -> Any:  # noqa: ANN401  # JSON
    if isinstance(given, dict):
        return {name: _sorted(given[name]) for name in sorted(given)}
    return [_sorted(one) for one in given] if isinstance(given, (list, tuple)) else given


def _annotation(annotation: Mapping[str, Any]) -> Json:
    return {**annotation, "datasource": dict(_SOURCE)}


def _variable(variable: Mapping[str, Any]) -> Json:
    kept = _keep(variable, _VARIABLE)
    chosen = {name: value for name, value in kept.get("current", {}).items() if name in {"text", "value"} and value}
    if chosen.get("text") == "All":
        chosen = {"text": "All", "value": "$__all"}
    source = {} if kept["type"] == "datasource" else {"datasource": dict(_SOURCE)}
    kept.pop("current", None)  # an empty one is none: the first value is taken
    return {**kept, **source, **({"current": chosen} if chosen else {}), "regex": kept.get("regex", "")}


def _panel(panel: Mapping[str, Any]) -> Json:
    kind = panel["type"]
    if kind == "row":
        return _keep(panel, _ROW)
    if kind not in _OPTIONS:
        raise ValueError(
            f"expected a panel out of {sorted(_OPTIONS)}, found `{kind}` - at panel {panel.get('title')!r}"
        )
    return {
        **_keep(panel, _PANEL),
        "datasource": dict(_SOURCE),
        "fieldConfig": _field_config(panel),
        "options": _OPTIONS[kind](panel),
        "targets": [_target(one) for one in panel["targets"]],
        "transformations": panel.get("transformations") or [],
    }


def _target(target: Mapping[str, Any]) -> Json:
    is_instant = bool(target.get("instant"))
    # No `intervalFactor`: grafanalib's 2 halves the resolution. No `step`, `metric`, `query`, `target`: dead.
    return {**_keep(target, _TARGET), "datasource": dict(_SOURCE), "instant": is_instant, "range": not is_instant}


def _field_config(panel: Mapping[str, Any]) -> Json:
    config = panel.get("fieldConfig", {})
    old = _options(panel).get("fieldOptions", {})  # where Grafana 6 kept them: BarGauge
    said = {name: value for name, value in old.get("defaults", {}).items() if value not in ([], {}, None)}
    defaults = {**config.get("defaults", {}), **said}
    if old.get("thresholds"):
        defaults["thresholds"] = {"mode": "absolute", "steps": old["thresholds"]}
    if panel["type"] == "table":  # grafanalib puts these beside `fieldConfig`, where Grafana does not look
        defaults = {"color": panel.get("color"), "mappings": panel.get("mappings"), **defaults}
    kept = _keep(defaults, _FIELD)
    return {
        "defaults": {
            **kept,
            "color": kept.get("color", {"mode": "thresholds"}),
            "custom": _custom(kept.get("custom", {})),
            "mappings": kept.get("mappings", []),
            "thresholds": _thresholds(kept.get("thresholds", {})),
            "unit": kept.get("unit") or "none",
        },
        "overrides": config.get("overrides", []),
    }


def _custom(custom: Mapping[str, Any]) -> Json:
    """Return a kind's own settings; how a table shows its cells has moved since Grafana 9."""
    kept = _keep(custom, custom)
    cells = kept.pop("displayMode", None)
    return {**kept, "cellOptions": {"type": cells}} if cells else kept


def _options(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    return panel.get("options") or {}  # of a heatmap grafanalib writes an empty list


def _thresholds(thresholds: Mapping[str, Any]) -> Json:
    steps = thresholds.get("steps") or [{"color": "green"}]
    repaired = [{"color": step["color"], "value": step.get("value") if at else None} for at, step in enumerate(steps)]
    return {"mode": thresholds.get("mode", "absolute"), "steps": repaired}


def _reduce(panel: Mapping[str, Any]) -> Json:
    """Return the reduction that was asked for, from wherever grafanalib put it."""
    options = _options(panel)
    places: list[Mapping[str, Any]] = [
        options.get("reduceOptions", {}),
        options.get("fieldOptions", {}),
        panel.get("fieldConfig", {}).get("defaults", {}),
    ]
    calcs = next((place["calcs"] for place in places if place.get("calcs")), _CALCS)
    return {"calcs": list(calcs), "fields": "", "values": False}


def _gauge_options(panel: Mapping[str, Any]) -> Json:
    return {
        "orientation": "auto",
        "reduceOptions": _reduce(panel),
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
    }


def _bargauge_options(panel: Mapping[str, Any]) -> Json:
    kept = _keep(_options(panel), ("displayMode", "orientation"))
    return {**kept, "reduceOptions": _reduce(panel), "showUnfilled": True, "valueMode": "color"}


def _stat_options(panel: Mapping[str, Any]) -> Json:
    names = ("colorMode", "graphMode", "justifyMode", "orientation", "textMode")
    return {**_keep(_options(panel), names), "reduceOptions": _reduce(panel)}


def _legend_options(panel: Mapping[str, Any]) -> Json:
    options = _options(panel)
    legend = {"calcs": [], "displayMode": "list", "placement": "bottom", **options.get("legend", {})}
    tooltip = {"mode": "single", "sort": "none", **options.get("tooltip", {})}
    return {**options, "legend": {**legend, "showLegend": legend["displayMode"] != "hidden"}, "tooltip": tooltip}


def _table_options(panel: Mapping[str, Any]) -> Json:
    return {"cellHeight": "sm", **_keep(_options(panel), ("showHeader", "sortBy"))}


def _heatmap_options(panel: Mapping[str, Any]) -> Json:
    """Return what Grafana 9 and later need of a heatmap; grafanalib writes the one of Angular times."""
    return {
        "calculate": panel.get("dataFormat") == "timeseries",  # else the buckets are Prometheus' own
        "cellGap": 1,
        "color": {"exponent": 0.5, "fill": "blue", "mode": "scheme", "reverse": False, "scheme": "Blues", "steps": 64},
        "exemplars": {"color": "orange"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.get("yAxis", {}).get("format") or "short"},
        **_options(panel),
    }


def _text_options(panel: Mapping[str, Any]) -> Json:
    return _keep(_options(panel), ("content", "mode"))


_OPTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Json]]] = {
    "bargauge": _bargauge_options,
    "gauge": _gauge_options,
    "heatmap": _heatmap_options,
    "stat": _stat_options,
    "state-timeline": _legend_options,
    "table": _table_options,
    "text": _text_options,
    "timeseries": _legend_options,
}
