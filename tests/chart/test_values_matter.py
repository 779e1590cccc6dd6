"""Each value changes what real Helm renders: one that changes nothing would be a promise that nobody keeps."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pytest

from e2e.helm import GRAFANA, MONITORING, Helm, with_routes
from exporter.chart.documents import Row, rows

pytestmark = pytest.mark.real

LEAVES: Final = [row for row in rows() if not row.part]
OTHER: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "role": "all",
        "config": {"node": "other"},
        "logLevel": "debug",
        "image.digest": f"sha256:{'0' * 64}",
        "image.pullPolicy": "Always",
        "image.pullSecrets": [{"name": "registry"}],
        "secretVariables": [{"variable": "KEY", "secret": "a", "key": "b"}],
        "mounts": [{"name": "a", "path": "/a"}],
        "gpuAccess.mode": "env",
        "xidStore.type": "none",
        "node.tolerations": [{"operator": "Exists"}],
        "cluster.tolerations": [{"operator": "Exists"}],
        "monitor.relabelings": [{"targetLabel": "a", "replacement": "b"}],
        "monitor.metricRelabelings": [{"targetLabel": "a", "replacement": "b"}],
        "networkPolicy.scrapers": [{"namespaceSelector": {}}],
        "node.resources": {"limits": {"memory": "1Gi"}},
        "cluster.resources": {"limits": {"memory": "1Gi"}},
        "monitor.kind": "PodMonitor",
        "monitor.interval": "1m",
        "monitor.scrapeTimeout": "5s",
        "monitor.bodySizeLimit": "1MB",
        "rules.kind": "none",
        "rules.runbooks": "https://git.example.com/runbooks",
        "rules.leftOut": ["lanewatch-slo"],
        "probe.interval": "1m",
        "probe.scrapeTimeout": "5s",
        "guard.namespaces": ["llm"],
        "guard.actions": ["Deny"],
    }
)
# What must be so for a value to count.
WHERE: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "gpuAccess.cdiDevice": {"gpuAccess": {"mode": "cdi"}},
        "gpuAccess.deviceClassName": {"gpuAccess": {"mode": "dra"}},
        "gpuAccess.driverLibraries": {"gpuAccess": {"mode": "hostDriver"}},
        "processAttribution.podLogs": {"processAttribution": {"enabled": True}},
        "kernelLog.path": {"kernelLog": {"enabled": True}},
        "kernelLog.privileged": {"kernelLog": {"enabled": True}},
        "xidStore.path": {"xidStore": {"type": "hostPath"}},
        "cluster.podDisruptionBudget.maxUnavailable": {"cluster": {"podDisruptionBudget": {"enabled": True}}},
        "dashboards.operator.instanceSelector": {"dashboards": {"operator": {"enabled": True}}},
        "dashboards.operator.folder": {"dashboards": {"operator": {"enabled": True}}},
        "alertmanager.additionalLabels": {"alertmanager": {"enabled": True}},
        "networkPolicy.scrapers": {"networkPolicy": {"enabled": True}},
        "guard.quota.cards": {"guard": {"enabled": True, "namespaces": ["vllm"], "quota": {"enabled": True}}},
        **{
            f"probe.{name}": {"probe": {"enabled": True}}
            for name in ("aliases", "additionalLabels", "interval", "scrapeTimeout")
        },
        **{
            f"guard.{name}": {"guard": {"enabled": True, "namespaces": ["vllm"]}}
            for name in ("namespaces", "activeLane", "lanes", "labels", "resource", "actions", "quota.enabled")
        },
        "guard.enabled": {"guard": {"namespaces": ["vllm"]}},
    }
)


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the chart with one group of rules and one dashboard: it is rendered some hundred times."""
    copy = with_routes(tmp_path_factory.mktemp("chart"))
    for path in sorted((copy / "files").glob("*/*")):
        if path.stem not in {"lanewatch-slo", "lanewatch-inference", "alertmanagerconfig"}:
            path.unlink()
    return copy


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    """Return what was rendered without a value, by what must be so: many values count under the same."""
    return {}


def other(row: Row) -> Any:  # noqa: ANN401  # whatever the value holds
    """Return another value than the default."""
    if row.path in OTHER:
        return OTHER[row.path]
    if isinstance(row.default, bool):
        return not row.default
    if isinstance(row.default, int):
        return row.default + 1
    changed: dict[type[Any], Any] = {str: f"{row.default}x", list: ["x"], dict: {"x": "y"}}
    return changed[type(row.default)]


def nested(path: str, value: Any) -> dict[str, Any]:  # noqa: ANN401  # any value
    """Return the values in which only `path` is set."""
    *above, last = path.split(".")
    values = {last: value}
    for name in reversed(above):
        values = {name: values}
    return values


def rendered(helm: Helm, chart: Path, *values: Mapping[str, Any]) -> str:
    """Return all manifests with these values, the later ones winning."""
    given = [f"--values={_write(helm.home / f'{number}.json', one)}" for number, one in enumerate(values)]
    served = [f"--api-versions={one}" for one in (*MONITORING, GRAFANA)]
    return helm.run("template", "lanewatch", chart, *served, *given).well


def _write(path: Path, values: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("row", LEAVES, ids=lambda row: row.path)
def test_a_value_changes_what_is_rendered(helm: Helm, chart: Path, known: dict[str, str], row: Row) -> None:
    """Where it counts at all, another value makes another manifest."""
    before = WHERE.get(row.path, {})
    text = json.dumps(before)
    if text not in known:
        known[text] = rendered(helm, chart, before)
    assert rendered(helm, chart, before, nested(row.path, other(row))) != known[text]
