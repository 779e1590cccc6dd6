"""What every alert must survive, derived from the first test of its promtool file and from nothing else.

The first test of `promtool/<Name>.yaml` is the plain case: it says when the alert fires and with which labels. From
its series come the cases below; the plain one is evaluated with every rule file of the pack together.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from e2e.promtool_series import GONE, ON_EACH_PAGE, Series, Values, as_scraped, loaded, read
from e2e.tools import ROOT

PROMTOOL: Final = ROOT / "tests/alerts/promtool"

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AFTER: Final = 12  # scrapes for which the fault goes on
_ENDS: Final = 5  # scrapes after it fired, a process ends: what fires at the edge may wait for a lost scrape
# What a rule may see without any series that is given to it.
_ALWAYS: Final = frozenset({"absent", "vector", "ALERTS", "__name__"})
_WORD: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """The plain case of an alert: its series to the time at which it fires, and on from there as they were."""

    alert: str
    interval: int
    evaluation: int
    fires: int  # seconds
    labels: tuple[Mapping[str, str], ...]
    series: tuple[Series, ...]
    rules: tuple[Path, ...]
    order: tuple[str, ...]  # of groups, where one of them reads what another has recorded

    @property
    def at(self) -> int:
        """The scrape at which it fires."""
        return self.fires // self.interval


@dataclass(frozen=True, slots=True)
class Derived:
    """One case: how the series are changed, and how many scrapes after the plain time the alert must be firing."""

    name: str
    change: Callable[[Series, int], Iterable[Series]]
    evaluations: tuple[int, ...]


def plain(alert: str, after: int = _AFTER) -> Plain:
    """Return the plain case of the alert, with as many scrapes after it fires."""
    document = _document(alert)
    test = document["tests"][0]
    firing = next(one for one in test["alert_rule_test"] if _fires(one, alert))
    interval, fires = seconds(test["interval"]), seconds(firing["eval_time"])
    given = [_read(one) for one in test["input_series"]]
    return Plain(
        alert=alert,
        interval=interval,
        evaluation=seconds(document["evaluation_interval"]),
        fires=fires,
        labels=tuple(one["exp_labels"] for one in firing["exp_alerts"]),
        rules=tuple(PROMTOOL.joinpath(path).resolve() for path in document["rule_files"]),
        order=tuple(document.get("group_eval_order", ())),
        series=tuple(replace(one, values=_goes_on(one.values, fires // interval, after)) for one in given),
    )


def is_shown(alert: str) -> bool:
    """Whether there is a first test that shows the alert firing."""
    if not (PROMTOOL / f"{alert}.yaml").is_file():
        return False
    return any(_fires(one, alert) for one in _document(alert)["tests"][0].get("alert_rule_test", ()))


def _document(alert: str) -> Any:  # noqa: ANN401  # YAML
    return loaded((PROMTOOL / f"{alert}.yaml").read_text(encoding="utf-8"))


def _fires(case: Mapping[str, Any], alert: str) -> bool:
    return case["alertname"] == alert and bool(case.get("exp_alerts"))


def _read(given: Mapping[str, str]) -> Series:
    one = read(given)
    place = {"instance": "first:1", "pod": "first"} if one.is_scraped else {}
    return replace(one, labels={**place, **one.labels})


def seconds(duration: str) -> int:
    """Return the seconds of a duration as promtool writes it."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


def _goes_on(values: Values, at: int, after: int) -> Values:
    """Return the values to scrape `at`, and on from there: at the pace of the last two steps, if it is one."""
    head = (values + ("_",) * (at + 1))[: at + 1]
    last = head[-3:]
    if head[-1] in GONE:
        return head + ("_",) * after
    step = 0.0
    if len(last) == 3 and not set(last) & set(GONE):
        first, second = (float(last[1]) - float(last[0]), float(last[2]) - float(last[1]))
        step = second if first == second else 0.0
    return head + tuple(f"{float(head[-1]) + step * (number + 1):.10g}" for number in range(after))


def _unchanged(series: Series, _at: int) -> Iterator[Series]:
    yield series


def _missing(value: str, before: int) -> Callable[[Series, int], Iterator[Series]]:
    def change(series: Series, at: int) -> Iterator[Series]:
        values = list(series.values)
        if at >= before and values[at - before] not in GONE:
            values[at - before] = value
        yield replace(series, values=tuple(values))

    return change


def _restarted(series: Series, at: int) -> Iterator[Series]:
    """The old process ends some scrapes after `at`, the next finds nobody, and a new one begins to count."""
    end = at + _ENDS
    before, after = series.values[: end + 1], series.values[end + 2 :]
    if before[-1] in GONE:
        yield series
        return
    yield replace(series, values=(*before, "stale"))
    if series.is_counter:
        after = tuple(f"{float(value) - float(after[0]):.10g}" for value in after)
    yield replace(series, values=("_",) * (end + 2) + after).moved("second")


def _doubled(series: Series, _at: int) -> Iterator[Series]:
    yield series
    yield series.moved("second")


PLAIN: Final = Derived("fires in the whole pack as it does alone", _unchanged, (0, 1))
CASES: Final = (
    PLAIN,
    Derived("survives a lost target just before", _missing("stale", 1), (1,)),
    Derived("survives a lost target as it fires", _missing("stale", 0), (1,)),
    Derived("survives a gap just before", _missing("_", 1), (1,)),
    Derived("survives a gap as it fires", _missing("_", 0), (1,)),
    Derived("survives a restart under another name", _restarted, tuple(range(_ENDS, _AFTER - 1))),
    Derived("fires once for two that say the same", _doubled, (0, 1)),
)

# By nature, with the reason. A name that is missing here has to hold every case.
_EACH_EXPORTER: Final = "the exporter's own place is the name of the patient: another one is another alert"
_HEARTBEAT: Final = "its silence is what it says: while nobody is scraped it must not fire"
_OF_THE_GATEWAY: Final = (
    "it counts what the gateway did, and a gateway that was restarted has put nothing aside any more"
)
_FEW_PROBES: Final = "at 95 % four of the last five probes must be late, and a restart takes two of them away"
EXCEPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("LanewatchWatchdog", "survives a restart under another name"): _HEARTBEAT,
    ("LanewatchAliasFirstTokenBurnsFast", "survives a restart under another name"): _FEW_PROBES,
    ("LanewatchAliasInterTokenBurnsFast", "survives a restart under another name"): _FEW_PROBES,
    ("LanewatchAliasTotalBurnsFast", "survives a restart under another name"): _FEW_PROBES,
    ("LanewatchDeploymentCooledDown", "survives a restart under another name"): _OF_THE_GATEWAY,
    ("LanewatchSourceDown", "survives a restart under another name"): _EACH_EXPORTER,
    ("LanewatchSourceDown", "fires once for two that say the same"): _EACH_EXPORTER,
}

# Which other pages the plain case of an alert brings about, because both are true; routes make them one notification.
OTHER_PAGES: Final[Mapping[str, frozenset[str]]] = {
    "LanewatchAliasBudgetBurnsFast": frozenset({"LanewatchAliasDown"}),
    "LanewatchAliasBudgetBurnsSlowly": frozenset({"LanewatchAliasBudgetBurnsFast"}),
    "LanewatchGatewayDisagrees": frozenset({"LanewatchAliasDown"}),
}


def in_the_whole_pack(alerts: Sequence[str], pack: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the promtool files of the plain cases, and beside each the rules of the pack that its series can reach.

    All other rules select nothing of them, and evaluating six hundred of those at each step would take minutes.
    """
    return {
        name: document
        for alert in alerts
        for one in [plain(alert)]
        for name, document in (
            (f"reached-by-{alert}.yaml", _reached(pack, _told_of(one))),
            (f"plain-{alert}.yaml", _file([Path(f"reached-by-{alert}.yaml")], one, [_test(one, PLAIN)])),
        )
    }


def _told_of(one: Plain) -> set[str]:
    """Return the names of all series, but for what each page says besides: nearly every rule asks for that."""
    given = {series.name for series in one.series}
    return {series.name for series in as_scraped(one.series)} - (ON_EACH_PAGE - given)


def _reached(pack: Sequence[Mapping[str, Any]], names: set[str]) -> dict[str, Any]:
    """Return the groups with the rules that read one of these series, or what such a rule records, and so on."""
    rules = [(group["name"], rule) for group in pack for rule in group["rules"]]
    known: set[str] = names | _ALWAYS
    while True:
        reached = [(name, rule) for name, rule in rules if known & set(_WORD.findall(rule["expr"]))]
        more = {rule["record"] for _, rule in reached if "record" in rule} - known
        if not more:
            break
        known |= more
    kept = {name: [rule for of, rule in reached if of == name] for name in dict.fromkeys(name for name, _ in reached)}
    return {"groups": [{"name": name, "rules": some} for name, some in kept.items()]}


def derived(alerts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the promtool files of the other cases, one an alert, with the rule files that its own tests name."""
    return {
        f"{alert}.yaml": _file(one.rules, one, [_test(one, case) for case in CASES if _holds(alert, case)])
        for alert in alerts
        for one in [plain(alert)]
    }


def _holds(alert: str, case: Derived) -> bool:
    return case is not PLAIN and (alert, case.name) not in EXCEPTIONS


def _file(rules: Sequence[Path], one: Plain, tests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names, order = [str(path) for path in rules], {"group_eval_order": list(one.order)} if one.order else {}
    return {"rule_files": names, "evaluation_interval": f"{one.evaluation}s", **order, "tests": list(tests)}


def _test(one: Plain, case: Derived) -> dict[str, Any]:
    changed = [new for series in one.series for new in (case.change(series, one.at) if series.is_scraped else [series])]
    step = max(one.interval, one.evaluation)
    times = [one.fires + number * step for number in case.evaluations]
    checks = [_firing(one, time) for time in times]
    return {
        "name": f"{one.alert}: {case.name}",
        "interval": f"{one.interval}s",
        "input_series": [series.written() for series in as_scraped(changed)],
        "promql_expr_test": [*checks, *([_no_other_page(one, times[-1])] if case is PLAIN else [])],
    }


def _firing(one: Plain, time: int) -> dict[str, Any]:
    state = {"__name__": "ALERTS", "alertname": one.alert, "alertstate": "firing"}
    return {
        "expr": f'ALERTS{{alertname="{one.alert}",alertstate="firing"}}',
        "eval_time": f"{time}s",
        "exp_samples": [{"labels": _braced({**state, **labels}), "value": 1} for labels in one.labels],
    }


def _no_other_page(one: Plain, time: int) -> dict[str, Any]:
    handed_in = {series.labels["alertname"] for series in one.series if not series.is_scraped}
    stated = "|".join(sorted({one.alert, *handed_in, *OTHER_PAGES.get(one.alert, ())}))
    pages = f'ALERTS{{alertstate="firing",severity="critical",alertname!~"{stated}"}}'
    return {"expr": f"count by (alertname) ({pages})", "eval_time": f"{time}s", "exp_samples": []}


def _braced(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels.items())) + "}"


def as_seldom(alert: str, interval: int) -> dict[str, Any]:
    """Return the promtool file that evaluates the plain case each `interval` seconds: two of them later it fires."""
    one = replace(plain(alert, after=4 * interval // 30), evaluation=interval)
    time = (one.fires // interval + 2) * interval
    test = {
        "name": f"{alert}: in its own interval",
        "interval": f"{one.interval}s",
        "input_series": [series.written() for series in as_scraped(one.series)],
        "promql_expr_test": [_firing(one, time), _firing(one, time + interval)],
    }
    return _file(one.rules, one, [test])


def telling(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last two cases, each claiming that nothing fires: promtool's complaint then shows every text."""
    return {**document, "tests": [_claiming_nothing(test) for test in document["tests"][-2:]]}


def _claiming_nothing(test: Mapping[str, Any]) -> dict[str, Any]:
    alert = str(test["name"]).partition(":")[0]
    times = sorted({check["eval_time"] for check in test["promql_expr_test"]})
    claims = [{"eval_time": time, "alertname": alert} for time in times]
    return {key: value for key, value in test.items() if key != "promql_expr_test"} | {"alert_rule_test": claims}
