"""What rules select of others exists there: a name or a label that they do not have would be silent for ever."""

from pathlib import Path

import pytest

from alerts.third_party import LITELLM_DEPLOYMENT_COOLED_DOWN, METRICS
from exporter.metric import Metric
from exporter.sources.exposition_text import parse

_RECORDED = Path(__file__).parents[1] / "fixtures/third_party/litellm-1.106.2.prom"
_SAMPLES = parse(_RECORDED.read_bytes(), prefixes=("litellm_",))


@pytest.mark.parametrize(
    "metric", [pytest.param(one, id=one.name) for one in METRICS if one is not LITELLM_DEPLOYMENT_COOLED_DOWN]
)
def test_a_recorded_exposition_has_exactly_these_labels(metric: Metric) -> None:
    """Of the running program, not of its documentation."""
    found = {tuple(sorted(sample.labels)) for sample in _SAMPLES if sample.name == metric.name}
    assert found == {tuple(sorted(metric.labels))}


def test_what_was_never_counted_is_announced_under_that_name() -> None:
    """A counter without a sample still has its type in the exposition."""
    assert f"# TYPE {LITELLM_DEPLOYMENT_COOLED_DOWN} counter" in _RECORDED.read_text(encoding="utf-8").splitlines()
