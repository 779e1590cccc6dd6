"""What the rules in the chart would have said at each evaluation of a history, by a real Prometheus.

A range query of an alert's own expression, in which each recorded series stands as what records it: exact, for rules
of a group see what those before them recorded at the same moment. Only the wait (`for`) is counted here.
"""

import re
import subprocess
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from alerts.places import ALIAS_POOL, BY_ALIAS, in_pool
from alerts.render import FOLDER
from e2e.processes import LOOPBACK, Command, answers, free_port, running
from e2e.tools import ROOT, tool

_GROUPS: Final = ("availability", "heartbeat", "slo")
_RECORDED: Final = re.compile(
    r"(lanewatch:alias_switch:info|lanewatch:probe_\w+:\w+|lanewatch:\w+:found)(\{[^}]*\})?(\[\w+\])?"
)
_MATCHER: Final = re.compile(r'(\w+)="([^"]*)"')
_LOOKBACK: Final = 75  # seconds; blocks hold no marks of staleness, so a series ends when a scrape is surely missed
_MOST_STEPS: Final = 10_000  # of one answer
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_READY_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alert as Prometheus can be asked for it."""

    name: str
    expr: str
    wait: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The evaluations from `begin` to `end`, Unix times."""

    begin: int
    end: int
    step: int

    def parts(self) -> Iterator["Span"]:
        """Yield spans that one answer can hold."""
        for begin in range(self.begin, self.end + 1, self.step * _MOST_STEPS):
            yield Span(begin=begin, end=min(self.end, begin + self.step * (_MOST_STEPS - 1)), step=self.step)


@dataclass(frozen=True, slots=True)
class Firing:
    """The first moment at which an alert fired for an alias of a cluster."""

    alert: str
    cluster: str
    alias: str
    at: int


def rules() -> tuple[Rule, ...]:
    """Return the alerts about aliases and the exporter out of the rendered files, heartbeat aside."""
    files = [ROOT / FOLDER / f"lanewatch-{name}.yaml" for name in _GROUPS]
    found = [rule for file in files for rule in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"][0]["rules"]]
    recorded = {rule["record"]: rule["expr"] for rule in found if "record" in rule}
    return tuple(
        Rule(
            name=rule["alert"],
            expr=_expand(_without_pool(rule["expr"]), recorded),
            wait=_seconds(rule.get("for", "0s")),
        )
        for rule in found
        if rule.get("labels", {}).get("severity") in {"critical", "warning"}
    )


def first_firings(url: str, rule: Rule, span: Span) -> Iterator[Firing]:
    """Yield when the rule fired first for each alias."""
    active: dict[tuple[str, str], list[int]] = defaultdict(list)
    for part in span.parts():
        for series in _ask(url, rule.expr, part):
            labels = series["metric"]
            times = [int(float(at)) for at, _ in series["values"]]
            active[labels["cluster"], labels.get("alias", "")] += times
    for (cluster, alias), times in active.items():
        at = _first(times, rule.wait, span.step)
        if at is not None:
            yield Firing(rule.name, cluster, alias, at)


@contextmanager
def serving(lines: Iterable[str], directory: Path) -> Iterator[str]:
    """Serve a history while the context is open; gives the address of the Prometheus that knows it."""
    data = directory / "data"
    history = directory / "history.txt"
    with history.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.write("# EOF\n")
    make = ("tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=500h", history, data)
    subprocess.run([tool("promtool"), *make], check=True, capture_output=True)
    history.unlink()
    config = directory / "prometheus.yaml"
    config.write_text("{}\n", encoding="utf-8")
    port = free_port()
    line = (
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--query.lookback-delta={_LOOKBACK}s",
        f"--web.listen-address={LOOPBACK}:{port}",
    )
    url = f"http://{LOOPBACK}:{port}"
    with running(Command(name="prometheus", line=line, directory=directory)) as program:
        program.wait_until(lambda: answers(f"{url}/-/ready"), within=_READY_SECONDS)
        yield url


def _without_pool(expr: str) -> str:
    """Return what is left of `in_pool` where no pool is known, as in these histories: half of the work."""
    inner, found, _ = expr.removeprefix("(\n").partition("\n) * on (cluster, alias) group_left (pool) ")
    plain = textwrap.dedent(inner)
    return plain if found and in_pool(plain, ALIAS_POOL, BY_ALIAS) == expr else expr


def _expand(expr: str, recorded: Mapping[str, str]) -> str:
    def inner(match: re.Match[str]) -> str:
        name, matchers, window = match.groups()
        text = f"({_expand(recorded[name], recorded)})"
        for label, value in _MATCHER.findall(matchers or ""):
            text = f'({text} and on ({label}) label_replace(vector(1), "{label}", "{value}", "", ""))'
        return f"{text}[{window[1:-1]}:30s]" if window else text

    return _RECORDED.sub(inner, expr)


def _ask(url: str, expr: str, span: Span) -> Sequence[dict[str, Any]]:
    asked = {"query": expr, "start": str(span.begin), "end": str(span.end), "step": str(span.step), "timeout": "120s"}
    answer = httpx.post(f"{url}/api/v1/query_range", data=asked, timeout=180.0, trust_env=False)
    body: dict[str, Any] = answer.json()
    if body["status"] != "success":
        raise AssertionError(f"expected an answer, found {body['error']}")
    found: Sequence[dict[str, Any]] = body["data"]["result"]
    return found


def _first(times: Sequence[int], wait: int, step: int) -> int | None:
    """Return the first time at which the alert was active for `wait` seconds without a break."""
    begin = times[0]
    if wait == 0:
        return begin
    for before, at in pairwise(times):
        begin = begin if at - before == step else at
        if at - begin >= wait:
            return at
    return None


def _seconds(text: str) -> int:
    return int(text[:-1]) * _SECONDS[text[-1]]
