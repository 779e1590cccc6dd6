"""Helm and kubectl as a user runs them against a cluster, with a HOME of their own."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.cluster import Cluster, Object
from e2e.tools import ROOT, folder, tool
from e2e.waiting import eventually

CHART: Final = ROOT / "chart"
SAMPLES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
MONITORING: Final = ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1")
WHERE: Final = ("--namespace=lanewatch",)
GRAFANA: Final = "grafana.integreatly.org/v1beta1"
_KINDS: Final = ("servicemonitors", "podmonitors", "probes", "prometheusrules", "alertmanagerconfigs")
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SOON: Final = 20.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def well(self) -> str:
        """What it said, where it ended well."""
        assert self.code == 0, self.err
        return self.out


@dataclass(frozen=True, slots=True)
class Helm:
    """One user's Helm and kubectl."""

    cluster: Cluster
    home: Path

    def run(self, *arguments: str | Path) -> Said:
        """Run `helm`."""
        return self._run("helm", arguments, "")

    def kubectl(self, *arguments: str | Path, given: str = "") -> Said:
        """Run `kubectl`, with a text on its standard input."""
        return self._run("kubectl", arguments, given)

    def template(self, *arguments: str | Path, served: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return what the chart renders in namespace `lanewatch`, where these versions are served."""
        versions = [f"--api-versions={one}" for one in served]
        line = ("template", "lanewatch", CHART, "--namespace=lanewatch", *versions, *arguments)
        return objects(self.run(*line).well)

    def _run(self, name: str, arguments: Sequence[str | Path], given: str) -> Said:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.cluster.kubeconfig)}
        line = [tool(name), *arguments]
        done = subprocess.run(line, input=given, env=environment, capture_output=True, text=True, check=False)
        return Said(done.returncode, done.stdout, done.stderr)


def objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of a text of manifests; rules and dashboards are long, so libyaml reads them."""
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


@contextmanager
def installed(helm: Helm, *arguments: str | Path, release: str = "lanewatch") -> Iterator[str]:
    """Install the chart while the context is open; gives what Helm says."""
    try:
        yield helm.run("install", release, CHART, *WHERE, *arguments).well
    finally:
        helm.run("uninstall", release, *WHERE, "--ignore-not-found")


def serve_operators_kinds(helm: Helm) -> None:
    """Teach the API server the kinds of the two operators, and wait until it serves them."""
    prometheus = folder("prometheus-operator") / "example" / "prometheus-operator-crd"
    files = [prometheus / f"monitoring.coreos.com_{kind}.yaml" for kind in _KINDS]
    files.append(folder("grafana-operator") / "config/crd/bases/grafana.integreatly.org_grafanadashboards.yaml")
    assert helm.kubectl("apply", "--server-side", *(f"--filename={path}" for path in files)).well
    eventually(lambda: _established(helm.cluster), expected=len(files), within=_SOON, what="kinds of the operators")


def _established(cluster: Cluster) -> int:
    conditions = [one.get("status", {}).get("conditions") or [] for one in cluster.objects(_DEFINITIONS)]
    return sum(any(one["type"] == "Established" and one["status"] == "True" for one in some) for some in conditions)


def namespace(cluster: Cluster, name: str, **labels: str) -> str:
    """Make a namespace with these labels."""
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}])
    return name


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Any]:
    """Return the objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def pod_of(workload: Object, namespace: str) -> dict[str, Any]:
    """Return the pod that a Deployment or DaemonSet would make, in another namespace."""
    template = workload["spec"].get("template", workload)
    metadata = {"name": "pod", "namespace": namespace, "labels": template["metadata"]["labels"]}
    spec = {**template["spec"], "serviceAccountName": "default"}  # accounts are of a namespace; levels know none
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def refusal(cluster: Cluster, one: Object) -> str:
    """Return why the API server would not make this object; empty: it would."""
    group, metadata = one["apiVersion"], one["metadata"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    path = f"{root}/namespaces/{metadata['namespace']}/{one['kind'].lower()}s?dryRun=All"
    response = cluster.request("POST", path, one)
    return "" if response.is_success else str(response.json()["message"])


def with_routes(directory: Path) -> Path:
    """Return a copy of the chart that has routes, whatever they are."""
    copy = Path(shutil.copytree(CHART, directory / "chart"))
    path = copy / "files" / "alertmanager" / "alertmanagerconfig.yaml"
    if not path.exists():
        path.parent.mkdir(parents=True)
        spec = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
        document = {"apiVersion": MONITORING[1], "kind": "AlertmanagerConfig", "metadata": {"name": "x"}, "spec": spec}
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return copy
