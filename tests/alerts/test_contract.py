"""Every rule, panel, template and runbook selects series that exist: a misspelt one would be silent for ever."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from alerts import third_party
from alerts.groups import GROUPS
from dashboards.panels import to_json
from dashboards.render import BOARDS
from exporter.catalogue import GPU_UP, METRICS

_ROOT = Path(__file__).resolve().parents[2]
# What Prometheus, its operator and a fleet's federation add.
_TARGET_LABELS = frozenset({"cluster", "instance", "job", "namespace", "pod"})
_DROPPED = _TARGET_LABELS | {"node"}  # where a watcher runs says nothing, if its target has that label at all
_RECORDED = {record.name: record.labels for group in GROUPS for record in group.records}
_KNOWN: Mapping[str, frozenset[str]] = {
    **{str(metric): frozenset(metric.labels) | _TARGET_LABELS for metric in (*METRICS, *third_party.METRICS)},
    **{
        f"{metric}{part}": frozenset(metric.labels) | _TARGET_LABELS | {"le"}
        for metric in METRICS
        for part in ("_bucket", "_count", "_sum")
        if metric.kind == "histogram"
    },
    **{name: frozenset(labels) | _TARGET_LABELS for name, labels in _RECORDED.items()},
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "layer", "action"}) | _TARGET_LABELS,
}
_DURATIONS = {"$__rate_interval": "5m", "$__range": "1h"}
_IN_A_TEMPLATE = re.compile(r"printf `([^`]*)`")
_WITH_QUERIES = (*sorted((_ROOT / "alerts/runbooks").glob("*.md")), *sorted((_ROOT / "docs").glob("*.md")))
_IN_A_RUNBOOK = re.compile(r"```promql\n(.*?)```", re.DOTALL)


def _problems(expression: str) -> list[str]:
    nodes = list(_nodes(expression))
    selected = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    if not selected:
        return [f"expected a selector, found none in {expression!r}"]
    known = _DROPPED.union(*(_KNOWN.get(node.name or "", ()) for node in selected), _made(nodes))
    joined = {label for node in nodes for label in _grouping(node)}
    return [
        *(problem for node in selected for problem in _problems_of(node)),
        *(f"expected to join by labels of what is joined, found {label!r}" for label in sorted(joined - known)),
    ]


def _nodes(expression: str) -> Iterator[Any]:
    for name, value in _DURATIONS.items():
        expression = expression.replace(name, value)
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), pre_visit=found.append)
    return iter(found)


def _problems_of(selector: Any) -> Iterator[str]:  # noqa: ANN401  # promql_parser ships no types
    if selector.name not in _KNOWN:
        yield f"expected a metric of the catalogue or a recorded series, found {selector.name!r}"
        return
    for matcher in selector.matchers.matchers:
        if matcher.name not in _KNOWN[selector.name]:
            yield f"{selector.name}: expected a label that it has, found {matcher.name!r}"


def _made(nodes: Iterable[Any]) -> frozenset[str]:
    """Return the labels that `label_replace` and `label_join` make."""
    calls = [node for node in nodes if isinstance(node, promql_parser.Call)]
    return frozenset(call.args[1].val for call in calls if call.func.name in {"label_replace", "label_join"})


def _grouping(node: Any) -> list[str]:  # noqa: ANN401
    if isinstance(node, promql_parser.AggregateExpr):
        return list(node.modifier.labels) if node.modifier else []
    if isinstance(node, promql_parser.BinaryExpr) and node.modifier:
        matching = node.modifier.matching.labels if node.modifier.matching else []
        return [*matching, *(node.modifier.group_labels or [])]
    return []


def _every_expression() -> Iterator[Any]:
    for group in GROUPS:
        for rule in group.rules:
            yield pytest.param(rule.expr, id=f"rule {rule.name}")
        for alert in group.alerts:
            for query in _IN_A_TEMPLATE.findall(alert.summary + alert.description):
                yield pytest.param(query, id=f"template of {alert.name}: {query}")
    for board in BOARDS:
        yield pytest.param(board.annotation.expr, id=f"annotation of {board.uid}")
        for panel in to_json(board)["panels"]:
            for target in panel.get("targets", []):
                yield pytest.param(target["expr"], id=f"panel {panel['title']} {target['refId']}")


def _every_example() -> Iterator[Any]:
    for path in _WITH_QUERIES:
        for block in _IN_A_RUNBOOK.findall(path.read_text(encoding="utf-8")):
            for line in block.strip().splitlines():
                yield pytest.param(line, id=f"{path.stem}: {line}")


@pytest.mark.parametrize("expression", list(_every_expression()))
def test_rules_panels_and_templates_select_what_exists(expression: str) -> None:
    """Names come from the catalogue or from our recorded series, labels from what they select."""
    assert _problems(expression) == []


@pytest.mark.parametrize("expression", list(_every_example()))
def test_runbooks_and_documents_show_queries_that_select_what_exists(expression: str) -> None:
    """Nobody debugs a runbook at 3 a.m."""
    assert _problems(expression) == []


@pytest.mark.parametrize("board", [pytest.param(board, id=board.uid) for board in BOARDS])
def test_variables_take_their_values_from_series_that_exist(board: Any) -> None:  # noqa: ANN401
    """A choice at the top of a page names a metric and one of its labels."""
    assert [one for one in board.variables if one.label not in _KNOWN[one.metric]] == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param(
            "max(lanewatch_gpu_upp) == 0",
            "expected a metric of the catalogue or a recorded series, found 'lanewatch_gpu_upp'",
            id="a misspelt metric",
        ),
        pytest.param(
            f'{GPU_UP}{{gpu="x"}} == 0',
            "lanewatch_gpu_up: expected a label that it has, found 'gpu'",
            id="a misspelt label",
        ),
        pytest.param(
            f"{GPU_UP} and on (gpu_uid) {GPU_UP}",
            "expected to join by labels of what is joined, found 'gpu_uid'",
            id="a misspelt join",
        ),
        pytest.param(
            "lanewatch:probe_bad:ratio_rate7m",
            "expected a metric of the catalogue or a recorded series, found 'lanewatch:probe_bad:ratio_rate7m'",
            id="a window that is not recorded",
        ),
        pytest.param("vector(1)", "expected a selector, found none in 'vector(1)'", id="nothing is selected"),
    ],
)
def test_a_planted_typo_is_found(expression: str, expected: str) -> None:
    """The test above tests something."""
    assert _problems(expression) == [expected]
