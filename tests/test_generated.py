"""What is generated and committed equals what its source makes now."""

from pathlib import Path

import pytest

import alerts.alertmanager
import alerts.document
import alerts.render
import dashboards.render
from exporter import configuration_document, metrics_document
from exporter.catalogue import METRICS
from exporter.chart import documents as chart_documents
from probes import fault_document

_ROOT = Path(__file__).parents[1]
_MADE = {
    **alerts.render.render(),
    **alerts.alertmanager.render(),
    **alerts.document.render(),
    **dashboards.render.render(),
    **metrics_document.render(),
    **configuration_document.render(),
    **fault_document.render(),
    **chart_documents.render(),
}


@pytest.mark.parametrize("path", sorted(_MADE))
def test_a_generated_file_is_up_to_date(path: str) -> None:
    """Where this fails: run `make generate`, look at the difference, commit both."""
    assert (_ROOT / path).read_text(encoding="utf-8") == _MADE[path]


def test_nothing_else_lies_among_the_generated_files() -> None:
    found = {str(path.relative_to(_ROOT)) for path in (_ROOT / "chart/files").rglob("*") if path.is_file()}
    assert found == {path for path in _MADE if path.startswith("chart/files/")}


def test_every_metric_is_in_its_document() -> None:
    document = _MADE[metrics_document.PATH]
    assert all(f"| `{metric}` |" in document for metric in METRICS)
