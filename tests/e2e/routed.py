"""The shipped routes as a test runs them: the same tree and rules, their waits in moments, every receiver a webhook."""

import re
from typing import Any, Final

from alerts.alertmanager import configuration

_DURATION: Final = re.compile(r"(?<![\w\"])(?:\d+(?:ms|[smhdw]))+\b")
_PART: Final = re.compile(r"(\d+)(ms|[smhdw])")
_MILLISECONDS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LEAST_WINDOW: Final = (
    15_000  # a busy machine scrapes late, and a window that bridges one missed scrape must do so here
)
_TIMES: Final[tuple[str, ...]] = ("group_wait", "group_interval", "repeat_interval")


def lapse(text: str, factor: int, least: int = 1) -> str:
    """Return PromQL or a duration with each duration in it shortened by `factor`, to `least` milliseconds."""
    return _DURATION.sub(lambda found: _shortened(found.group(), factor, least), text)


def _shortened(duration: str, factor: int, least: int) -> str:
    milliseconds = sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(duration))
    return f"{max(least, milliseconds // factor)}ms" if milliseconds else duration


def lapsed_rules(document: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return a rule file whose groups, waits and windows are `factor` times as fast."""
    return {"groups": [_lapsed_group(group, factor) for group in document["groups"]]}


def _lapsed_group(group: dict[str, Any], factor: int) -> dict[str, Any]:
    rules = [_lapsed_rule(rule, factor) for rule in group["rules"]]
    return {**group, "interval": lapse(group["interval"], factor), "rules": rules}


def _lapsed_rule(rule: dict[str, Any], factor: int) -> dict[str, Any]:
    wait = {"for": lapse(rule["for"], factor)} if "for" in rule else {}
    return {**rule, **wait, "expr": lapse(rule["expr"], factor, _LEAST_WINDOW)}


def routes(receiver_url: str, factor: int) -> dict[str, Any]:
    """Return the shipped configuration, `factor` times as fast, which tells one webhook what each receiver is told."""
    shipped = configuration()
    names = [receiver["name"] for receiver in shipped["receivers"]]
    webhook = {"url": receiver_url, "send_resolved": True, "max_alerts": 0}
    return {
        **shipped,
        "route": _lapsed_route(shipped["route"], factor),
        "receivers": [{"name": name, "webhook_configs": [webhook]} for name in names],
    }


def _lapsed_route(route: dict[str, Any], factor: int) -> dict[str, Any]:
    times = {key: lapse(route[key], factor) for key in _TIMES if key in route}
    return {**route, **times, "routes": [_lapsed_route(one, factor) for one in route.get("routes", ())]}
