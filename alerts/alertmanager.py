"""The tables of alerts/routes.py as a configuration of Alertmanager and as an object of the Prometheus operator."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alerts.render import written
from alerts.routes import (
    ADDRESSES,
    DEFAULT,
    INFO,
    MAINTENANCE,
    MAINTENANCE_WINDOW,
    NOBODY,
    ROUTES,
    Inhibition,
    Matcher,
    Route,
    inhibitions,
)

FOLDER: Final = "chart/files/alertmanager"
CONFIGURATION: Final = f"{FOLDER}/alertmanager.yaml"
OBJECT: Final = f"{FOLDER}/alertmanagerconfig.yaml"
# One file an address, or one key of a Secret: no address and no key stands in a configuration.
ADDRESS_FOLDER: Final = "/etc/alertmanager/lanewatch"
SECRET: Final = "lanewatch-alertmanager"  # noqa: S105  # the name of an object

_RECEIVERS: Final = (*ADDRESSES, INFO, NOBODY)


def render() -> dict[str, str]:
    """Return both texts by their paths."""
    return {CONFIGURATION: written(configuration()), OBJECT: written(_object())}


def configuration() -> dict[str, Any]:
    """Return the whole configuration; the one route below its root is what a user's own tree takes."""
    return {
        "route": {"receiver": NOBODY, "routes": [{**_route(DEFAULT), "routes": [_route(one) for one in ROUTES]}]},
        "receivers": [_receiver(name) for name in _RECEIVERS],
        "time_intervals": [{"name": MAINTENANCE, "time_intervals": [dict(MAINTENANCE_WINDOW)]}],
        "inhibit_rules": [_inhibition(one) for one in inhibitions()],
    }


def _route(route: Route) -> dict[str, Any]:
    return {
        "matchers": _texts(route.matchers),
        "receiver": route.receiver,
        "group_by": list(route.group_by),
        "group_wait": route.wait,
        "group_interval": route.interval,
        "repeat_interval": route.repeat,
        **({"mute_time_intervals": list(route.mute)} if route.mute else {}),
    }


def _receiver(name: str) -> dict[str, Any]:
    if name not in ADDRESSES:
        return {"name": name}
    return {"name": name, "webhook_configs": [{"url_file": f"{ADDRESS_FOLDER}/{ADDRESSES[name]}"}]}


def _inhibition(one: Inhibition) -> dict[str, Any]:
    return {
        "source_matchers": _texts(one.source),
        "target_matchers": _texts(one.target),
        "equal": list(one.equal),
    }


def _texts(matchers: Sequence[Matcher]) -> list[str]:
    return [str(matcher) for matcher in matchers]


def _object() -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1alpha1",
        "kind": "AlertmanagerConfig",
        "metadata": {"name": "lanewatch", "labels": {"app.kubernetes.io/name": "lanewatch"}},
        "spec": {
            "route": {**_object_route(DEFAULT), "routes": [_object_route(one) for one in ROUTES]},
            "receivers": [_object_receiver(name) for name in _RECEIVERS],
            "muteTimeIntervals": [{"name": MAINTENANCE, "timeIntervals": [_object_window(MAINTENANCE_WINDOW)]}],
            "inhibitRules": [_object_inhibition(one) for one in inhibitions()],
        },
    }


def _object_route(route: Route) -> dict[str, Any]:
    return {
        "matchers": _fields(route.matchers),
        "receiver": route.receiver,
        "groupBy": list(route.group_by),
        "groupWait": route.wait,
        "groupInterval": route.interval,
        "repeatInterval": route.repeat,
        **({"muteTimeIntervals": list(route.mute)} if route.mute else {}),
    }


def _object_receiver(name: str) -> dict[str, Any]:
    if name not in ADDRESSES:
        return {"name": name}
    return {"name": name, "webhookConfigs": [{"urlSecret": {"name": SECRET, "key": ADDRESSES[name]}}]}


def _object_window(window: Mapping[str, Any]) -> dict[str, Any]:
    times = [{"startTime": one["start_time"], "endTime": one["end_time"]} for one in window["times"]]
    return {**window, "times": times}


def _object_inhibition(one: Inhibition) -> dict[str, Any]:
    return {"sourceMatch": _fields(one.source), "targetMatch": _fields(one.target), "equal": list(one.equal)}


def _fields(matchers: Sequence[Matcher]) -> list[dict[str, str]]:
    return [{"name": one.label, "value": one.value, "matchType": one.operator} for one in matchers]
