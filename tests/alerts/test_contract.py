"""Every rule, panel, template and runbook selects series that exist: a misspelt one would be silent for ever."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import promql_parser
import pytest
import yaml

from alerts import third_party
from alerts.edges import EDGES
from alerts.groups import GROUPS
from alerts.selectors import Selector, selectors
from dashboards.boards import BOARDS
from dashboards.panels import to_json
from exporter.catalogue import (
    BUILD_INFO,
    CONFIG_INFO,
    CONFIG_RELOAD_OK,
    CONFIG_RELOADED_AT,
    GPU_HOLDER_MEMORY,
    GPU_UP,
    GPU_XID_ERRORS,
    GPUS,
    LANE_PROBLEMS,
    LANE_START_LAST,
    METRICS,
    NODE_CARD_ODD_VIEW,
    NOTABLE_NODE_BASELINE,
    NOTABLE_NODE_CARD_AGREEMENT,
    NOTABLE_POOL_VIOLATION,
    POOL_STATE,
    POOL_VIOLATOR_INFO,
    PROBE_PHASE,
    READER_STUCK,
    SERIES_DROPPED,
    XID_STORE_ERRORS,
)
from exporter.facts import agreement, baseline, presence
from exporter.facts.attribution import HELD_PARTS
from exporter.facts.cold_start import PHASES
from exporter.facts.violators import VIOLATIONS
from exporter.metric import Metric
from exporter.xid_words import XidClass
from fakes.expositions import GOLDEN, RECORDED, Labels, both_spellings, emitted
from probes.record import PHASES as PROBE_PHASES

_ROOT = Path(__file__).resolve().parents[2]
# What Prometheus, its operator and a fleet's federation add.
_TARGET_LABELS = frozenset({"cluster", "instance", "job", "namespace", "pod"})
_DROPPED = _TARGET_LABELS | {"node"}  # where a watcher runs says nothing, if its target has that label at all
_FOREIGN = both_spellings(emitted(RECORDED))
_OURS = emitted(GOLDEN)
_PAGES: Mapping[str, Labels] = {**_FOREIGN, **_OURS}
_RECORDED = {record.name: record.labels for group in GROUPS for record in group.records}
# What only a process says of itself, or of what never happens on a page that is made in a test; each has its own test.
_OF_A_PROCESS = {
    str(metric)
    for metric in (
        BUILD_INFO,
        CONFIG_INFO,
        CONFIG_RELOAD_OK,
        CONFIG_RELOADED_AT,
        READER_STUCK,
        SERIES_DROPPED,
        XID_STORE_ERRORS,
    )
}
# Names that people give: no page knows them all.
_GIVEN = _TARGET_LABELS | {"alias", "gpu_uuid", "lane", "lane_namespace", "node", "owner_pod", "pool", "unit"}
# Closed lists of the code, where a page has only what is so at its instant: violators, phases that were reached.
_CLOSED: Mapping[tuple[Metric, str], Collection[str]] = {
    (POOL_VIOLATOR_INFO, "reason"): VIOLATIONS,
    (NOTABLE_POOL_VIOLATION, "reason"): VIOLATIONS,
    (NOTABLE_NODE_CARD_AGREEMENT, "state"): ("disagree", "unknown"),
    (NOTABLE_NODE_BASELINE, "check"): baseline.CHECKS,
    (LANE_START_LAST, "phase"): PHASES,
    (GPUS, "view"): presence.VIEWS,
    (NODE_CARD_ODD_VIEW, "view"): agreement.VIEWS,
    (GPU_HOLDER_MEMORY, "part"): HELD_PARTS,
    (GPU_XID_ERRORS, "class"): get_args(XidClass),
    (PROBE_PHASE, "phase"): PROBE_PHASES,
    (LANE_PROBLEMS, "reason"): ("CrashLoopBackOff", "SchedulingGated"),  # Kubernetes' own words, an open list
}
_KNOWN: Mapping[str, frozenset[str]] = {
    # what a scrape config puts on a target: a label `lane` says whose server it is
    **{name: frozenset(labels) | _TARGET_LABELS | {"lane"} for name, labels in _FOREIGN.items()},
    "up": _TARGET_LABELS,
    **{str(metric): frozenset(metric.labels) | _TARGET_LABELS for metric in (*METRICS, *third_party.METRICS)},
    **{
        f"{metric}{part}": frozenset(metric.labels) | _TARGET_LABELS | {"le"}
        for metric in METRICS
        for part in ("_bucket", "_count", "_sum")
        if metric.kind == "histogram"
    },
    **{name: frozenset(labels) | _TARGET_LABELS for name, labels in _RECORDED.items()},
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "layer", "action", "pool", "alias"}) | _TARGET_LABELS,
}
_DURATIONS = {"$__rate_interval": "5m", "$__range": "1h"}
_IN_A_TEMPLATE = re.compile(r"printf `([^`]*)`")
_WITH_QUERIES = (*sorted((_ROOT / "alerts/runbooks").glob("*.md")), *sorted((_ROOT / "docs").glob("*.md")))
_IN_A_RUNBOOK = re.compile(r"```promql\n(.*?)```", re.DOTALL)


def _problems(expression: str) -> list[str]:
    nodes = list(_nodes(expression))
    selected = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    if not selected and not expression.startswith("label_replace(vector("):  # the edges are numbers
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
        elif _is_never(selector.name, matcher):
            yield f"{selector.name}: expected a value that {matcher.name} was seen with, found {matcher.value!r}"


def _is_never(name: str, matcher: Any) -> bool:  # noqa: ANN401  # promql_parser ships no types
    """Whether no page has what is matched by equality; what people name, and what a template fills in, is free."""
    listed = {
        value
        for (metric, label), values in _CLOSED.items()
        if (str(metric), label) == (name, matcher.name)
        for value in values
    }
    seen = _PAGES.get(name, {}).get(matcher.name)
    is_free = matcher.name in _GIVEN or matcher.value in {"", "%s"} or "$" in matcher.value
    return (
        seen is not None
        and not is_free
        and matcher.op == promql_parser.MatchOp.Equal
        and matcher.value not in listed.union(seen)
    )


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
        for one in board.annotations:
            yield pytest.param(one.query.expr, id=f"{board.uid}: annotation {one.name}")
        for variable in board.variables:
            yield pytest.param(variable.selector, id=f"{board.uid}: choice {variable.name}")
        for panel in to_json(board)["panels"]:
            for target in panel.get("targets", []):
                yield pytest.param(target["expr"], id=f"{board.uid}: panel {panel['title']} {target['refId']}")


def _every_example() -> Iterator[Any]:
    for path in _WITH_QUERIES:
        for block in _IN_A_RUNBOOK.findall(path.read_text(encoding="utf-8")):
            for line in block.strip().splitlines():
                yield pytest.param(line, id=f"{path.stem}: {line}")


def _every_query_to_scale_on() -> Iterator[Any]:
    for path in sorted((_ROOT / "docs/autoscaling").glob("*.yaml")):
        for number, query in enumerate(_queries(yaml.safe_load(path.read_text(encoding="utf-8")))):
            yield pytest.param(query, id=f"{path.stem} {number}")


def _queries(document: Any) -> Iterator[str]:  # noqa: ANN401  # any YAML
    """Yield every query of an example, with what prometheus-adapter fills in filled in."""
    if isinstance(document, list):
        document = dict(enumerate(document))
    for key, value in document.items() if isinstance(document, dict) else ():
        if key in {"query", "metricsQuery", "seriesQuery"}:
            query = value.replace("<<.LabelMatchers>>", 'lane="a"').replace("<<.GroupBy>>", "lane")
            yield re.sub(r'^\{__name__="([^"]*)"\}$', r"\1", query)
        else:
            yield from _queries(value)


@pytest.mark.parametrize("expression", list(_every_query_to_scale_on()))
def test_examples_scale_on_series_that_exist(expression: str) -> None:
    """An autoscaler that asks for nothing leaves a lane as it is, and says so nowhere."""
    assert _problems(expression) == []


def test_the_adapter_s_names_are_those_that_the_autoscaler_asks_for() -> None:
    """Two files, one name."""
    adapter, scaler = (
        yaml.safe_load((_ROOT / f"docs/autoscaling/{name}.yaml").read_text(encoding="utf-8"))
        for name in ("prometheus-adapter", "horizontal-pod-autoscaler")
    )
    given = {rule["name"]["as"] for rule in adapter["rules"]["external"]}
    assert {one["external"]["metric"]["name"] for one in scaler["spec"]["metrics"]} <= given


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
    metrics = {one.name: one.selector.partition("{")[0] for one in board.variables}
    assert [one for one in board.variables if one.label not in _KNOWN[metrics[one.name]]] == []


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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param(
            "vllm:num_requests_waitin > 0",
            "expected a metric of the catalogue or a recorded series, found 'vllm:num_requests_waitin'",
            id="a name that no engine was recorded with",
        ),
        pytest.param(
            "litellm_proxy_total_requests_metric > 0",
            "expected a metric of the catalogue or a recorded series, found 'litellm_proxy_total_requests_metric'",
            id="a counter without its ending",
        ),
        pytest.param(
            'rate(vllm_request_success_total{finish_reason="stop"}[5m])',
            "vllm_request_success_total: expected a label that it has, found 'finish_reason'",
            id="a label of another version",
        ),
        pytest.param(
            'vllm:request_success_total{finished_reason="failed"}',
            "vllm:request_success_total: expected a value that finished_reason was seen with, found 'failed'",
            id="a value that no page has",
        ),
        pytest.param(
            f'{POOL_STATE}{{state="switchin"}} == 1',
            "lanewatch_pool_state: expected a value that state was seen with, found 'switchin'",
            id="a misspelt state of ours",
        ),
    ],
)
def test_a_planted_typo_against_the_pages_is_found(expression: str, expected: str) -> None:
    """What others export is known by what was recorded of them, values too; ours by the golden pages."""
    assert _problems(expression) == [expected]


def test_every_metric_that_is_selected_stands_on_a_page() -> None:
    """The catalogue says what may be; a golden page says that something emits it."""
    texts = [rule.expr for group in GROUPS for rule in group.rules]
    names = {one.name for text in texts for one in selectors(text)}
    ours = {str(metric) for metric in METRICS} & names
    assert sorted(ours - _OURS.keys() - _OF_A_PROCESS) == []


def test_nearly_every_metric_of_the_catalogue_stands_on_a_page() -> None:
    """A family that no page shows is one that nobody ever saw; a histogram stands there by its buckets."""
    shown = {name.removesuffix("_bucket") for name in _OURS}
    assert sorted({str(metric) for metric in METRICS} - shown - _OF_A_PROCESS) == []


@pytest.mark.parametrize("expression", list(_every_expression()))
def test_selectors_are_found_as_a_parser_finds_them(expression: str) -> None:
    """`lanewatch rules check` has no parser of PromQL: what it asks a server for is just what the rules select."""
    for name, value in _DURATIONS.items():
        expression = expression.replace(name, value)
    parsed = [node for node in _nodes(expression) if isinstance(node, promql_parser.VectorSelector)]
    expected = {
        (one.name, len(one.matchers.matchers)) for one in parsed if Selector(one.name or "").source or _is_rules(one)
    }
    found = {(one.name, _count(one)) for one in selectors(expression)}
    assert found == expected


def _is_rules(selector: Any) -> bool:  # noqa: ANN401
    return selector.name == "up" or selector.name in _RECORDED or selector.name in {str(metric) for metric in METRICS}


def _count(selector: Selector) -> int:
    """Return how many matchers a selector has, by the parser."""
    parsed: Any = promql_parser.parse(str(selector))
    return len(parsed.matchers.matchers)


def test_every_edge_that_was_recorded_is_known_as_a_number() -> None:
    """An edge that is not would be passed over without a word."""
    times = re.compile(
        r"(litellm_llm_api_time_to_first_token_metric|litellm_request_total_latency_metric"
        r"|(vllm|sglang):(time_to_first_token|inter_token_latency|time_per_output_token|e2e_request_latency)_seconds)"
        r"_bucket"
    )
    recorded = [labels["le"] for name, labels in _FOREIGN.items() if times.fullmatch(name)]
    assert {float(edge) for edges in recorded for edge in edges} - {float("inf")} <= set(EDGES)
