"""The Probe of the chart in a real Prometheus: as its operator writes it down, against a page that really probes."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.helm import CHART, MONITORING, Helm, of_kind
from e2e.monitoring import prometheus_with
from e2e.node import LANEWATCH
from e2e.processes import LOOPBACK, Command, answers, free_port, running
from exporter import catalogue as c

pytestmark = pytest.mark.real

SOON: Final = 30.0


def snake(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return relabelling in Prometheus' own spelling."""
    return [
        {re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", name): value for name, value in one.items()} for one in rules
    ]


def job(probe: Any, prober: str) -> dict[str, Any]:  # noqa: ANN401  # a JSON object
    """Return the scrape job that the operator writes for a Probe with static targets (its promcfg.go)."""
    static = probe["spec"]["targets"]["staticConfig"]
    own = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": prober},
    ]
    return {
        "job_name": probe["spec"]["jobName"],
        "metrics_path": probe["spec"]["prober"]["path"],
        "scrape_interval": "2s",
        "scrape_timeout": "2s",
        "static_configs": [{"targets": static["static"]}],
        "relabel_configs": own + snake(static["relabelingConfigs"]),
        "metric_relabel_configs": snake(probe["spec"]["metricRelabelings"]),
    }


def test_a_probe_asks_for_its_alias_and_is_not_counted_twice(helm: Helm, tmp_path: Path) -> None:
    """The page is asked for the alias by name; what it says is named apart from what the rules read."""
    values = CHART / "ci" / "kube-prometheus-stack-values.yaml"
    (probe,) = of_kind(helm.template("--values", values, served=MONITORING), "Probe")
    assert probe["spec"]["prober"]["url"] == "lanewatch-cluster.lanewatch.svc:19840"
    where = f"{LOOPBACK}:{free_port()}"
    demo = Command(name="demo", line=[LANEWATCH, "demo", f"--web.listen-address={where}"], directory=tmp_path)
    with running(demo) as program:
        program.wait_until(lambda: answers(f"http://{where}/readyz"), within=SOON)
        with prometheus_with({"scrape_configs": [job(probe, where)]}, tmp_path) as server:
            apart = str(c.PROBE_LAST_OUTCOME).replace("lanewatch_", "lanewatch_on_demand_")
            server.eventually(f'sum({apart}{{alias="fast",instance="fast"}})', [1.0], within=SOON)
            assert server.values('up{job="lanewatch-probe",instance="fast"}') == [1.0]
            assert server.query(str(c.PROBE_LAST_OUTCOME)) == []
