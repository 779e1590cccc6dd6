"""Metrics, samples and the catalogue: names hold to the rules, labels are checked, text is made safe."""

import math
import re
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import catalogue
from exporter.catalogue import GPU_MEMORY_USED, GPU_UP, METRICS, PROBE_ATTEMPTS
from exporter.errors import CatalogueError
from exporter.metric import Metric, clean_label_value, one_hot

_UNITS = ("_bytes", "_seconds", "_ratio", "_watts", "_hertz", "_celsius", "_lanes", "_per_second")


@pytest.mark.parametrize("metric", METRICS, ids=str)
def test_a_name_holds_to_the_conventions(metric: Metric) -> None:
    """One prefix, base units, `_total` only and always on counters, `_info` only on infos, no colon."""
    assert re.fullmatch(r"lanewatch_[a-z][a-z0-9_]*[a-z0-9]", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.name.endswith("_info") == (metric.kind == "info")
    assert len(metric.help) > 20
    assert metric.help.endswith(".")


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_series_that_others_rely_on_are_there() -> None:
    """The names and labels that were fixed for rules, dashboards and users: a change here breaks them."""
    device = ("node", "gpu_uuid")
    fixed = {
        "lanewatch_gpu_memory_total_bytes": device,
        "lanewatch_gpu_memory_used_bytes": device,
        "lanewatch_gpu_memory_free_bytes": device,
        "lanewatch_gpu_memory_reserved_bytes": device,
        "lanewatch_gpu_utilization_ratio": device,
        "lanewatch_gpu_power_watts": device,
        "lanewatch_gpu_power_limit_watts": device,
        "lanewatch_gpu_energy_joules_total": device,
        "lanewatch_gpu_temperature_celsius": (*device, "sensor"),
        "lanewatch_gpu_clock_hertz": (*device, "domain"),
        "lanewatch_gpu_throttle_seconds_total": (*device, "reason"),
        "lanewatch_gpu_xid_errors_total": (*device, "xid", "class", "action"),
        "lanewatch_gpu_up": device,
        "lanewatch_gpu_owner_info": (*device, "owner_namespace", "owner_pod", "owner_container", "lane", "source"),
        "lanewatch_lane_pods": ("pool", "lane_namespace", "lane", "phase"),
        "lanewatch_pool_state": ("pool", "unit", "state"),
        "lanewatch_pool_invariant_ok": ("pool", "unit"),
        "lanewatch_probe_attempts_total": ("alias", "kind", "outcome"),
        "lanewatch_probe_slo_events_total": ("alias", "slo"),
        "lanewatch_probe_slo_bad_events_total": ("alias", "slo"),
        "lanewatch_probe_first_token_seconds": ("alias",),
        "lanewatch_alias_root_cause": ("alias", "cause"),
        "lanewatch_source_up": ("source",),
    }
    assert {metric.name: metric.labels for metric in METRICS if metric.name in fixed} == fixed
    assert catalogue.GPU_INFO.labels[:2] == device


def test_a_selector_is_promql() -> None:
    assert str(GPU_UP) == "lanewatch_gpu_up"
    assert PROBE_ATTEMPTS.where(outcome="~ok|slow", alias='a"b') == (
        'lanewatch_probe_attempts_total{alias="a\\"b",outcome=~"ok|slow"}'
    )


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"expected labels out of \['node', 'gpu_uuid'\], found \['pod'\]"):
        GPU_UP.where(pod="x")


def test_a_missing_label_is_refused() -> None:
    with pytest.raises(CatalogueError, match=r"missing \['gpu_uuid'\]"):
        GPU_UP.sample(1, node="a")


def test_a_family_has_one_sample_for_one_label_set() -> None:
    twice = [GPU_UP.sample(1, node="a", gpu_uuid="b"), GPU_UP.sample(0, node="a", gpu_uuid="b")]
    assert [sample.value for sample in GPU_UP.of(twice).samples] == [1]


def test_a_state_set_has_exactly_one_one() -> None:
    samples = one_hot(catalogue.POOL_STATE, ("steady", "none"), "none", label="state", pool="p", unit="")
    assert [sample.value for sample in samples] == [0, 1]


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_label_value_becomes_valid_and_short(value: str) -> None:
    """Lone surrogates too: one of them would cost the whole page."""
    clean = clean_label_value(value)
    assert clean.encode("utf-8").decode("utf-8") == clean
    assert len(clean) <= 256


def test_a_value_keeps_its_unit_in_the_name() -> None:
    assert str(GPU_MEMORY_USED).endswith(_UNITS)


_WAITED = Metric("lanewatch_waited_seconds", "histogram", "Seconds.", ("lane",), edges=(1.0, 5.0))


def test_a_histogram_counts_each_value_once_and_up_to_its_edge() -> None:
    """An edge belongs to the bucket below it; the last bucket has no end and holds all."""
    seen = reduce(_WAITED.observe, (0.5, 1.0, 3.0, 9.0), _WAITED.nothing())
    samples = _WAITED.of(_WAITED.spread(seen, lane="a")).samples
    assert [(one.suffix, one.edge, one.value) for one in samples] == [
        ("_bucket", 1.0, 2.0),
        ("_bucket", 5.0, 3.0),
        ("_bucket", math.inf, 4.0),
        ("_count", math.inf, 4.0),
        ("_sum", math.inf, 13.5),
    ]
