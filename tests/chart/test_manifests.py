"""Each sample of values with real Helm against a real API server that knows the operators' kinds."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from e2e.helm import CHART, GRAFANA, MONITORING, SAMPLES, WHERE, Helm, installed, objects, of_kind, with_routes
from e2e.stage import load
from e2e.waiting import eventually

pytestmark = pytest.mark.real

OPERATORS: Final = {"ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "AlertmanagerConfig", "GrafanaDashboard"}
EACH: Final = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name.removesuffix("-values.yaml"))
APPLIED: Final = 256 * 1024  # bytes; `kubectl apply` keeps the object in an annotation of itself
LARGEST: Final = 900 * 1024  # bytes; a Secret holds 1 MiB
GROUPS: Final = {path.stem for path in (CHART / "files" / "rules").glob("*.yaml")}
SOON: Final = 20.0


@EACH
def test_it_is_without_fault(helm: Helm, sample: Path) -> None:
    """Helm's own linter, strict, finds nothing."""
    assert "0 chart(s) failed" in helm.run("lint", "--strict", CHART, "--values", sample).well


@EACH
def test_without_operators_nothing_of_theirs_is_made(helm: Helm, sample: Path) -> None:
    """An object of a kind that is not served would fail the whole release."""
    made = helm.template("--values", sample)
    assert of_kind(made, *OPERATORS) == []
    assert all(one["apiVersion"].count(".") == 0 or ".k8s.io/" in one["apiVersion"] for one in made)


@EACH
def test_the_api_server_takes_every_object(helm: Helm, sample: Path) -> None:
    """Strictly: a field that it does not know, or one that stands twice, is an error."""
    made = helm.template("--values", sample, served=(*MONITORING, GRAFANA))
    assert max(len(json.dumps(one).encode()) for one in of_kind(made, "ConfigMap")) < APPLIED
    said = helm.kubectl(
        *("apply", "--dry-run=server", "--validate=strict", "--filename=-", "--output=name"),
        given=yaml.safe_dump_all(made),
    ).well
    assert len(said.splitlines()) == len(made)


@EACH
def test_it_is_installed_upgraded_and_removed(helm: Helm, sample: Path) -> None:
    """An upgrade that reuses the values changes nothing; a removal leaves nothing of ours."""
    with installed(helm, "--values", sample):
        assert _size_of_release(helm) < LARGEST
        before = helm.run("get", "manifest", "lanewatch", *WHERE).well
        assert "deployed" in helm.run("upgrade", "lanewatch", CHART, *WHERE, "--reuse-values").well
        assert helm.run("get", "manifest", "lanewatch", *WHERE).well == before
    kinds = sorted({_resource(one) for one in objects(before)})

    def left() -> str:
        selector = "--selector=app.kubernetes.io/instance=lanewatch"
        return helm.kubectl("get", ",".join(kinds), "--all-namespaces", selector, "--output=name").well

    eventually(left, expected="", within=SOON, what="objects left behind")


def _size_of_release(helm: Helm) -> int:
    """Return how large the Secret is in which Helm keeps the release: rules and dashboards stand in it twice."""
    line = ("get", "secrets", *WHERE, "--selector=owner=helm,name=lanewatch,version=1", "--output=json")
    (secret,) = json.loads(helm.kubectl(*line).well)["items"]
    return len(json.dumps(secret["data"]))


def _resource(one: dict[str, Any]) -> str:
    group = one["apiVersion"].rpartition("/")[0]
    return f"{one['kind'].lower()}.{group}" if group else one["kind"].lower()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("replicas=2", "additional properties 'replicas' not allowed", id="an unknown value"),
        pytest.param("gpuAccess.mode=privileged", "value must be one of", id="an unknown mode"),
        pytest.param("config.aliasses=1", "additional properties 'aliasses' not allowed", id="an unknown key of ours"),
        pytest.param("config.nvml.interval_seconds=0", "minimum: got 0, want 1", id="an interval of none"),
        pytest.param("guard.enabled=true", "guard.namespaces: expected the namespaces", id="a guard of nothing"),
    ],
)
def test_helm_refuses(helm: Helm, given: str, message: str) -> None:
    """A wrong value is an error before anything is made, and the message names it."""
    said = helm.run("template", "lanewatch", CHART, "--set", given)
    assert said.code != 0
    assert message in said.err


def test_all_groups_of_rules_are_made_with_our_runbooks(helm: Helm) -> None:
    """A PrometheusRule each, whose text is the file's but for the address of the runbooks."""
    address = "https://git.example.com/runbooks"
    made = helm.template(
        "--set", f"rules.runbooks={address}/", "--set", "rules.additionalLabels.release=m", served=MONITORING
    )
    rules = of_kind(made, "PrometheusRule")
    assert {one["spec"]["groups"][0]["name"] for one in rules} == GROUPS
    assert {one["metadata"]["labels"]["release"] for one in rules} == {"m"}
    for one in rules:
        (group,) = one["spec"]["groups"]
        text = (CHART / "files" / "rules" / f"{group['name']}.yaml").read_text(encoding="utf-8")
        assert one["spec"] == yaml.safe_load(text.replace("runbook_url: alerts/runbooks", f"runbook_url: {address}"))


def test_rules_for_a_prometheus_without_an_operator_are_the_files(helm: Helm) -> None:
    """The ConfigMaps hold each group as a file that promtool was shown, but for those that are left out."""
    made = helm.template("--values", CHART / "ci" / "no-operator-values.yaml")
    maps = [one for one in of_kind(made, "ConfigMap") if "-rules-" in one["metadata"]["name"]]
    rules = {name: text for one in maps for name, text in one["data"].items()}
    assert {name.removesuffix(".yaml") for name in rules} == GROUPS - {"lanewatch-heartbeat"}
    for name, text in rules.items():
        assert text.strip() == (CHART / "files" / "rules" / name).read_text(encoding="utf-8").strip()


def test_each_dashboard_is_a_configmap_of_its_own(helm: Helm) -> None:
    """Small enough, whole, and found by sidecar and operator alike."""
    made = helm.template("--set", "dashboards.operator.enabled=true", served=[GRAFANA])
    files = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "files" / "dashboards").glob("*.json")}
    boards = {
        next(iter(one["data"])): one
        for one in of_kind(made, "ConfigMap")
        if "grafana_dashboard" in one["metadata"]["labels"]
    }
    assert {name: json.loads(one["data"][name]) for name, one in boards.items()} == {
        name: json.loads(text) for name, text in files.items()
    }
    named = {
        (one["spec"]["configMapRef"]["name"], one["spec"]["configMapRef"]["key"])
        for one in of_kind(made, "GrafanaDashboard")
    }
    assert named == {(one["metadata"]["name"], name) for name, one in boards.items()}


def test_a_scrape_has_limits(helm: Helm) -> None:
    """Whatever a page says, it cannot fill the Prometheus that reads it."""
    for kind in ("ServiceMonitor", "PodMonitor"):
        (monitor,) = of_kind(helm.template("--set", f"monitor.kind={kind}", served=MONITORING), kind)
        limits = {name: value for name, value in monitor["spec"].items() if name.endswith("Limit")}
        assert set(limits) == {
            "sampleLimit",
            "labelLimit",
            "labelNameLengthLimit",
            "labelValueLengthLimit",
            "bodySizeLimit",
        }
        assert all(limits.values())


def test_a_changed_configuration_restarts_the_pods_unless_told_otherwise(helm: Helm) -> None:
    """The checksum is of the configuration alone."""

    def checksums(*arguments: str) -> set[str | None]:
        made = of_kind(helm.template(*arguments), "Deployment", "DaemonSet")
        return {one["spec"]["template"]["metadata"].get("annotations", {}).get("checksum/config") for one in made}

    assert checksums("--set", "logLevel=debug") == checksums()
    assert checksums("--set", "config.node=other").isdisjoint(checksums())
    assert checksums("--set", "restartOnConfig=false") == {None}


def test_the_routes_are_the_file_of_the_rules(helm: Helm, tmp_path: Path) -> None:
    """Spec for spec; the chart gives name, namespace and labels."""
    copy = with_routes(tmp_path)
    line = ("template", "lanewatch", copy, "--set=alertmanager.enabled=true", "--namespace=lanewatch")
    said = helm.run(*line, *(f"--api-versions={one}" for one in MONITORING)).well
    (config,) = of_kind(objects(said), "AlertmanagerConfig")
    file = yaml.safe_load((copy / "files" / "alertmanager" / "alertmanagerconfig.yaml").read_text(encoding="utf-8"))
    assert config["spec"] == file["spec"]
    assert config["metadata"]["namespace"] == "lanewatch"


def test_agents_run_on_nodes_with_gpus_and_nowhere_else(helm: Helm) -> None:
    """The reference node, tainted against other work, gets one; a node without a card gets none."""
    nodes = [one for one in load("reference-node") if one["kind"] == "Node"]
    nodes.append({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "plain"}, "spec": {"taints": []}})
    for _ in ("made, with a taint that says not ready", "heard of, without it"):
        helm.cluster.apply(nodes)
    try:
        with installed(helm):
            eventually(lambda: _agents(helm), expected=["gpu-worker-0"], within=SOON, what="nodes with an agent")
    finally:
        for node in nodes:
            helm.cluster.delete(node)


def _agents(helm: Helm) -> list[str]:
    """Return the nodes that a DaemonSet's pods are for, as its controller says it."""
    line = ("get", "pods", *WHERE, "--selector=app.kubernetes.io/component=node", "--output=json")
    pods = json.loads(helm.kubectl(*line).well)["items"]
    affinities = [one["spec"]["affinity"]["nodeAffinity"] for one in pods if "deletionTimestamp" not in one["metadata"]]
    terms = [one["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"] for one in affinities]
    return sorted({term["matchFields"][0]["values"][0] for one in terms for term in one})


def test_the_notes_say_what_is_missing(helm: Helm) -> None:
    """A release without the label, the key, the level and the RuntimeClass is told so."""
    values = CHART / "ci" / "k3s-homelab-values.yaml"
    said = helm.run(
        *("install", "lanewatch", CHART, "--namespace=lanewatch", "--dry-run=client", "--values", values),
        "--set=secretVariables=null",
    ).well
    notes = said.partition("NOTES:")[2]
    for line in (
        "pod-security.kubernetes.io/enforce=privileged",
        "kubectl get runtimeclass nvidia",
        "secretVariables: [{variable: LANEWATCH_GATEWAY_KEY",
        "monitor.additionalLabels.release=... rules.additionalLabels.release=...",
        "The guard is in force with Audit, Warn; the active lane is qwen36-35b-gguf-fast",
    ):
        assert line in notes


_TRUST: Final = "config.agents.ca_file=/etc/lanewatch-web/ca.crt"
_SHOW: Final = "config.agents.username=... config.agents.password_file=..."
_AGENTS_DOORS: Final = "config.web.token_review is of the watcher"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(["--set=web.configSecret=w,web.tls=true"], {_TRUST, _SHOW}, id="TLS and perhaps passwords"),
        pytest.param(["--set=web.configSecret=w"], {_SHOW}, id="perhaps passwords"),
        pytest.param(["--set=web.configSecret=w,config.agents.enabled=false"], set(), id="agents are not asked"),
        pytest.param(["--values", CHART / "ci" / "mig-values.yaml"], set(), id="all is said"),
        pytest.param(["--set=config.web.token_review=true"], {_AGENTS_DOORS}, id="tokens are judged"),
    ],
)
def test_the_notes_say_what_opens_the_agents_doors(helm: Helm, given: list[str | Path], expected: set[str]) -> None:
    """Whoever shuts the agents' doors is told what the watcher needs."""
    notes = helm.run("install", "x", CHART, "--dry-run=client", *given).well.partition("NOTES:")[2]
    assert {line for line in (_TRUST, _SHOW, _AGENTS_DOORS) if line in notes} == expected


def test_agents_behind_tls_are_asked_over_tls(helm: Helm) -> None:
    """What makes the ports speak TLS makes the watcher speak it too; what the values say wins."""

    def scheme(*settings: str) -> str:
        (text,) = [
            one["data"]["lanewatch.yaml"]
            for one in of_kind(helm.template(*settings), "ConfigMap")
            if "lanewatch.yaml" in one["data"]
        ]
        return str(yaml.safe_load(text)["agents"].get("scheme", "http"))

    assert [scheme(), scheme("--set=web.tls=true"), scheme("--set=web.tls=true,config.agents.scheme=http")] == [
        "http",
        "https",
        "http",
    ]
