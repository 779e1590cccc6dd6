"""What is recorded out of other exporters' pages, by the evaluation of a real Prometheus."""

import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts import from_dcgm
from alerts.render import FOLDER
from e2e.tools import tool
from exporter.sources.dcgm_fields import ROWS
from fakes.expositions import TESTS, valued

pytestmark = pytest.mark.real

_ROOT: Final = TESTS.parent
_TARGET: Final = {"job": "other", "instance": "o:1"}
_MIB: Final = 1 << 20
_CARD: Final = 'node="gpu-worker-0", gpu_uuid="GPU-00000000-0000-4000-8000-000000000001"'
_WHOLE: Final = 'node="gpu-worker-1", gpu_uuid="GPU-00000000-0000-4000-8000-000000000010"'
_CUT: Final = "GPU-00000000-0000-4000-8000-000000000011"
_SCHEMAS: Final = ("4.8", "4.8.3", "4.9")
_OURS: Final = 'job="lanewatch",instance="n:1",pod="n-1",node="gpu-worker-0"'


def _series(page: str, *, rising: bool = False, **target: str) -> list[dict[str, str]]:
    """Return a page as a target's series, all of them still, or each rising by its value a minute."""
    found = []
    for name, labels, value in valued((_ROOT / "tests/fixtures" / page).read_text(encoding="utf-8")):
        whole = {**labels, **_TARGET, **target}
        text = ",".join(f"{label}={yaml.safe_dump(one, default_style=chr(34)).strip()}" for label, one in whole.items())
        if not math.isfinite(value):
            continue
        values = f"{value!r}+{value / 2!r}x20" if rising else f"{value!r}x20"
        found.append({"series": f"{name}{{{text}}}", "values": values})
    return found


def _ours(metric: str, labels: str, value: float) -> dict[str, str]:
    return {"series": f"{metric}{{{_OURS},{labels}}}", "values": f"{value}x20"}


def _check(
    tmp_path: Path, series: Sequence[Mapping[str, str]], expected: Mapping[str, Sequence[tuple[str, float]]]
) -> None:
    """Let promtool evaluate all rules over ten minutes of `series`, and compare."""
    tests = [
        {
            "expr": expr,
            "eval_time": "10m",
            "exp_samples": [{"labels": f"{{{labels}}}", "value": v} for labels, v in rows],
        }
        for expr, rows in expected.items()
    ]
    names = ("places", "slo", "from-dcgm", "from-engines", "from-engines-times", "from-gateway", "users")
    document: dict[str, Any] = {
        "rule_files": [str(_ROOT / FOLDER / f"lanewatch-{name}.yaml") for name in names],
        "evaluation_interval": "30s",
        "group_eval_order": [f"lanewatch-{name}" for name in names],
        "fuzzy_compare": True,
        "tests": [{"interval": "30s", "input_series": list(series), "promql_expr_test": tests}],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_facts_are_those_that_the_exporter_reads_itself() -> None:
    """Two tables of DCGM's names and units: one in the exporter, one in the rules; they say the same."""
    known = {(row.old, row.new, row.old_units(1), row.is_of_instance) for row in ROWS}
    told = {
        (f"FI_DEV_{one.old}", f"FI_DEV_{one.new}" if one.new else "", float(one.factor), one.is_of_instance)
        for one in from_dcgm.facts()
    }
    assert sorted(told - known) == []


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_each_schema_of_dcgm_gives_the_same_facts_of_the_reference_card(tmp_path: Path, schema: str) -> None:
    """Labels, names and units differ, what is recorded does not; what the card has not is absent."""
    expected = {
        "lanewatch:gpu_memory_used:bytes": 21642 * _MIB,
        "lanewatch:gpu_memory_free:bytes": 2386 * _MIB,
        "lanewatch:gpu_memory_reserved:bytes": 439 * _MIB,
        "lanewatch:gpu_memory_total:bytes": 24467 * _MIB,
    }
    rows: dict[str, Sequence[tuple[str, float]]] = {
        f"max by (node, gpu_uuid) ({name})": [(_CARD, value)] for name, value in expected.items()
    }
    rows["lanewatch:gpu_temperature:celsius"] = [
        (f'__name__="lanewatch:gpu_temperature:celsius", sensor="gpu", {_CARD}', 37)
    ]
    _check(tmp_path, _series(f"dcgm/{schema}-rtxpro4000.prom"), rows)


@pytest.mark.parametrize("schema", _SCHEMAS)
def test_instances_have_their_memory_and_the_board_its_power_once(tmp_path: Path, schema: str) -> None:
    """A sum over the page would count the board of GPU 1 twice."""
    rows = {
        "count(lanewatch:gpu_memory_used:bytes)": [("", 3.0)],
        f'count(lanewatch:gpu_memory_total:bytes{{gpu_uuid=~"MIG-{_CUT}/[12]"}})': [("", 2.0)],
        f'count(lanewatch:gpu_power:watts{{gpu_uuid="{_CUT}"}})': [("", 1.0)],
        "count(lanewatch:gpu_power:watts)": [("", 2.0)],
    }
    _check(tmp_path, _series(f"dcgm/{schema}-h100.prom"), rows)


def test_a_card_that_we_tell_of_is_left_out(tmp_path: Path) -> None:
    """Whatever each of them calls the node: a card is known by its UUID, and ours has names of its own."""
    mine, both = "GPU-00000000-0000-4000-8000-000000000001", "lanewatch:gpu_told_twice:info"
    other = _series("dcgm/4.8-h100.prom", instance="o:2")
    series = [
        *_series("dcgm/4.8-rtxpro4000.prom", Hostname="another-name"),
        *other,
        _ours("lanewatch_gpu_up", f'gpu_uuid="{mine}"', 1),
    ]
    rows = {
        f'{{__name__=~"lanewatch:gpu_.+",gpu_uuid="{mine}"}}': [
            (f'__name__="{both}", gpu_uuid="{mine}", parent_uuid="{mine}"', 1.0)
        ],
        "count(lanewatch:gpu_memory_used:bytes)": [("", 3.0)],
        "count(lanewatch:gpu_power:watts)": [("", 2.0)],
    }
    _check(tmp_path, series, rows)


def test_the_instances_of_a_card_that_we_tell_of_are_left_out(tmp_path: Path) -> None:
    """The names of instances are the driver's own here, and DCGM's numbers there: an instance is known by its card."""
    series = [*_series("dcgm/4.8-h100.prom"), _ours("lanewatch_gpu_up", f'gpu_uuid="{_CUT}"', 1)]
    rows = {
        "count(lanewatch:gpu_memory_used:bytes)": [("", 1.0)],
        "count(lanewatch:gpu_memory_total:bytes)": [("", 1.0)],
        f'count(lanewatch:gpu_power:watts{{gpu_uuid="{_CUT}"}})': [],
    }
    _check(tmp_path, series, rows)


@pytest.mark.parametrize("blank", ["2147483632", "2147483647", "140737488355328", "9223372036854775794", "NaN", "-1"])
def test_a_blank_is_absent(tmp_path: Path, blank: str) -> None:
    """DCGM has a dozen ways to say that there is no value; none of them is a temperature."""
    labels = 'job="d",instance="d:1",gpu="0",UUID="GPU-x",Hostname="n"'
    series = [
        {"series": f"DCGM_FI_DEV_{name}{{{labels}}}", "values": " ".join([blank] * 21)}
        for name in ("GPU_TEMP", "FB_USED")
    ]
    series.append({"series": f"DCGM_FI_DEV_POWER_USAGE{{{labels}}}", "values": "9x20"})
    rows = {
        "count(lanewatch:gpu_temperature:celsius)": [],
        "count(lanewatch:gpu_memory_used:bytes)": [],
        "count(lanewatch:gpu_power:watts)": [("", 1.0)],
    }
    _check(tmp_path, series, rows)


def test_a_new_name_without_proof_of_its_units_is_left_out(tmp_path: Path) -> None:
    """DCGM 4.6 gave the name of a ratio to a percentage."""
    labels = 'job="d",instance="d:1",gpu="0",UUID="GPU-x",hostname="n"'
    series = [{"series": f"DCGM_FI_DEV_GPU_UTIL_RATIO{{{labels}}}", "values": "1x20"}]
    _check(tmp_path, series, {"count(lanewatch:gpu_utilization:ratio)": []})


@pytest.mark.parametrize(
    ("page", "waiting", "running", "kv_used"),
    [
        pytest.param("vllm-0.8.5.post1", 1.0, 5.0, 0.1841940359172841, id="vLLM, old names"),
        pytest.param("vllm-0.33.0", 3.0, 7.0, 0.2937481734, id="vLLM, new names"),
        pytest.param("sglang-0.5.23", 1.0, 7.0, 0.12995385450597177, id="SGLang"),
        pytest.param("llamacpp-busy", 1.0, 1.0, None, id="llama-server"),
    ],
)
def test_engines_tell_their_load_by_lane(
    tmp_path: Path, page: str, waiting: float | None, running: float | None, kv_used: float | None
) -> None:
    """One name a fact, by the lane that the scrape config names."""
    lane = 'lane="lane-a"'
    facts = {"lane_waiting:requests": waiting, "lane_running:requests": running, "lane_kv_used:ratio": kv_used}
    rows = {f"sum by (lane) (lanewatch:{name})": [(lane, one)] for name, one in facts.items() if one is not None}
    _check(tmp_path, _series(f"backends/{page}.prom", lane="lane-a"), rows)


def test_the_gateway_s_requests_are_told_by_alias_and_by_whose_fault_it_was(tmp_path: Path) -> None:
    """Each counter of the recorded page rises by half of its value at each scrape: by five times it in 5 minutes."""
    requests, seconds = "lanewatch:gateway_requests:increase5m", "lanewatch:gateway_seconds:increase5m"
    rows: dict[str, Sequence[tuple[str, float]]] = {
        f'sum by (alias, result) ({requests}{{alias=~"chat|dead|err429|other"}})': [
            ('alias="chat", result="answered"', 50.0),
            ('alias="chat", result="refused"', 5.0),
            ('alias="dead", result="failed"', 5.0),
            ('alias="err429", result="refused"', 5.0),
            ('alias="other", result="refused"', 5.0),
        ],
        f'sum by (le) ({seconds}{{alias="fast",slo="first_token",le=~"0.05|0.1|1|[+]Inf"}})': [
            ('le="+Inf"', 20.0),
            ('le="0.05"', 15.0),
            ('le="0.1"', 20.0),
            ('le="1"', 20.0),
        ],
    }
    _check(tmp_path, _series("third_party/litellm-1.106.2.prom", rising=True), rows)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        pytest.param("vllm-0.8.5.post1", {"first_token": 250.0, "inter_token": 5720.0, "total": 250.0}, id="vLLM, old"),
        pytest.param("vllm-0.33.0", None, id="vLLM, new"),
        pytest.param("sglang-0.5.23", None, id="SGLang"),
    ],
)
def test_engines_tell_their_times_under_one_name(
    tmp_path: Path, page: str, expected: Mapping[str, float] | None
) -> None:
    """Every answer is in the bucket without an end, whatever the histogram is called."""
    whole = 'lanewatch:lane_seconds:increase5m{lane="lane-a",le="+Inf"}'
    rows: dict[str, Sequence[tuple[str, float]]] = {f"count({whole})": [("", 3.0)]}
    for slo, value in (expected or {}).items():
        rows[f'sum by (slo) ({whole} and on (slo) lanewatch:lane_seconds:increase5m{{slo="{slo}"}})'] = [
            (f'slo="{slo}"', value)
        ]
    _check(tmp_path, _series(f"backends/{page}.prom", rising=True, lane="lane-a"), rows)


@pytest.mark.parametrize("is_looked_at", [True, False], ids=["the watcher asks it too", "only others do"])
def test_a_server_is_of_the_lane_of_its_pod_and_told_of_once(tmp_path: Path, *, is_looked_at: bool) -> None:
    """The model's name is nobody's lane while the pod is known; what we asked ourselves wins."""
    watcher = 'job="lanewatch",instance="w:1",pod="w-1"'
    pod = f'lanewatch_lane_pod_info{{{watcher},pool="gpu-llm",lane_namespace="vllm",lane="lane-a",owner_pod="a-1"}}'
    ours = {"series": f'lanewatch_engine_requests_waiting{{{watcher},lane="lane-a"}}', "values": "9x20"}
    series = [
        *_series("backends/vllm-0.33.0.prom", namespace="vllm", pod="a-1"),
        {"series": pod, "values": "1x20"},
        *([ours] if is_looked_at else []),
    ]
    waiting = "lanewatch:lane_waiting:requests"
    _check(tmp_path, series, {waiting: [(f'__name__="{waiting}", lane="lane-a"', 9.0 if is_looked_at else 3.0)]})


def test_the_ranks_of_one_replica_do_not_add_up_and_replicas_do(tmp_path: Path) -> None:
    """SGLang's scheduler of each rank repeats the numbers of its replica."""
    labels = 'job="s",lane="lane-a",model_name="m"'
    series = [
        {
            "series": f'sglang:num_queue_reqs{{{labels},instance="s:{replica}",tp_rank="{rank}"}}',
            "values": "4x20",
        }
        for replica in (1, 2)
        for rank in (0, 1)
    ]
    waiting = "lanewatch:lane_waiting:requests"
    _check(tmp_path, series, {waiting: [(f'__name__="{waiting}", lane="lane-a"', 8.0)]})
