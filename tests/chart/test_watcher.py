"""The programs as the chart starts them: with its arguments, its configuration, and the account's own token."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from e2e.helm import CHART, Helm, installed, namespace, of_kind
from e2e.node import LANEWATCH, Exporter, exporter
from e2e.processes import LOOPBACK
from e2e.test_rights import everything_that
from e2e.waiting import eventually
from exporter import catalogue as c
from exporter.rights import REVIEWS, RIGHTS, Right, rules

pytestmark = pytest.mark.real

SOURCES: Final = ("kubernetes", "nodes", "events", "claims")
Triples = set[tuple[str, str, str]]


def triples(roles: list[Any]) -> Triples:
    """Return verb, group and resource of every rule."""
    return {
        (verb, group, resource)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def table(*, without: str = "", namespaced: bool | None = None) -> Triples:
    """Return the same of the table of rights, without those of a setting, and only those of one scope."""
    rights = [one for one in RIGHTS if one.setting != without and namespaced in {None, one.is_namespaced}]
    return triples([{"rules": rules(rights)}])


REVIEWING: Final = triples([{"rules": rules(REVIEWS)}])


def test_the_role_is_the_table(helm: Helm) -> None:
    """One ClusterRole, with what the program needs and nothing else."""
    objects = helm.template()
    assert triples(of_kind(objects, "ClusterRole")) == table()
    assert of_kind(objects, "Role") == []


@pytest.mark.parametrize("setting", sorted({one.setting for one in RIGHTS} - {"kubernetes.enabled"}))
def test_what_is_switched_off_needs_no_right(helm: Helm, setting: str) -> None:
    """The key that the table names takes its rights out of the role."""
    assert triples(of_kind(helm.template(f"--set=config.{setting}=false"), "ClusterRole")) == table(without=setting)


def test_namespaces_make_roles(helm: Helm) -> None:
    """In each namespace a Role; a ClusterRole keeps only what no Role can give."""
    objects = helm.template("--set=config.kubernetes.namespaces={vllm,llm}")
    roles = of_kind(objects, "Role")
    assert [one["metadata"]["namespace"] for one in roles] == ["vllm", "llm"]
    assert [triples([one]) for one in roles] == [table(namespaced=True)] * 2
    assert triples(of_kind(objects, "ClusterRole")) == table(namespaced=False)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param("", table() | REVIEWING, id="everywhere"),
        pytest.param(
            ",config.kubernetes.namespaces={vllm}", table(namespaced=False) | REVIEWING, id="beside Roles of namespaces"
        ),
        pytest.param(",config.kubernetes.enabled=false", REVIEWING, id="nothing else is asked"),
    ],
)
def test_who_judges_tokens_may_ask_for_reviews(helm: Helm, settings: str, expected: Triples) -> None:
    """Two questions more, over the whole cluster, for the watcher; and it has a token of its own to ask with."""
    objects = helm.template(f"--set=config.web.token_review=true{settings}")
    assert triples(of_kind(objects, "ClusterRole")) == expected
    automounted = {
        one["kind"]: one["spec"]["template"]["spec"]["automountServiceAccountToken"]
        for one in of_kind(objects, "DaemonSet", "Deployment")
    }
    assert automounted == {"DaemonSet": False, "Deployment": True}


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(["--set=role=node"], id="agents alone"),
        pytest.param(["--set=config.kubernetes.enabled=false"], id="a watcher that asks no API server"),
    ],
)
def test_who_does_not_ask_has_no_account(helm: Helm, settings: list[str]) -> None:
    """No role, no account, no token."""
    objects = helm.template(*settings)
    assert of_kind(objects, "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding") == []
    workloads = of_kind(objects, "DaemonSet", "Deployment")
    assert {one["spec"]["template"]["spec"]["automountServiceAccountToken"] for one in workloads} == {False}


@contextmanager
def started(objects: list[Any], kind: str, directory: Path, environment: Mapping[str, str]) -> Iterator[Exporter]:
    """Run what the container of that kind would run, with the configuration of the ConfigMap."""
    (workload,) = of_kind(objects, kind)
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    (files,) = [one["data"] for one in of_kind(objects, "ConfigMap") if "lanewatch.yaml" in one["data"]]
    pairs = [argument.partition("=") for argument in container["args"]]
    directory.mkdir(exist_ok=True)
    config = directory / Path(next(value for name, _, value in pairs if name == "--config")).name
    config.write_text(files[config.name], encoding="utf-8")
    here = {"--config": str(config), "--web.listen-address": f"{LOOPBACK}:0"}
    assert here.keys() <= {name for name, _, _ in pairs}
    line = [LANEWATCH, *container["command"][1:], *(f"{name}={here.get(name, value)}" for name, _, value in pairs)]
    with exporter(line, directory, environment) as serving:
        yield serving


def test_the_agent_starts_as_the_chart_says(helm: Helm, tmp_path: Path) -> None:
    """Its arguments and its configuration are those of the program; it asks no API server."""
    objects = helm.template("--values", CHART / "ci" / "dcgm-exporter-values.yaml")
    with started(
        objects, "DaemonSet", tmp_path, {"NODE_NAME": "gpu-worker-0", "STATE_DIRECTORY": str(tmp_path)}
    ) as agent:
        assert agent.series(c.BUILD_INFO, role="node") == [1.0]
        assert agent.series(c.SOURCE_UP, source="dcgm") == [0.0]
        assert [agent.series(c.SOURCE_UP, source=source) for source in SOURCES] == [[], [], [], []]


@pytest.fixture(scope="module")
def watched(helm: Helm) -> Iterator[str]:
    """Return the token of the account of a release that is installed."""
    with installed(helm):
        yield helm.kubectl("create", "token", "lanewatch", "--namespace=lanewatch").well.strip()


def test_the_watcher_needs_nothing_that_it_has_not(helm: Helm, watched: str, tmp_path: Path) -> None:
    """The true program with the account's own token reads every source, and `helm test` finds it up."""
    kubeconfig = {"KUBECONFIG": str(helm.cluster.kubeconfig_of(watched))}
    objects = helm.template()
    with started(objects, "Deployment", tmp_path, kubeconfig) as watcher:
        for source in SOURCES:
            watcher.eventually(c.SOURCE_UP, 1.0, source=source)
        assert _helm_test(objects, "cluster", watcher.url) == 0
        assert _helm_test(objects, "cluster", watcher.url, role="node") == 1
    assert _helm_test(objects, "cluster", watcher.url) == 1


def _helm_test(objects: list[Any], component: str, url: str, role: str = "") -> int:
    """Run what the pod of `helm test` would run, against another address."""
    (pod,) = [one for one in of_kind(objects, "Pod") if one["metadata"]["name"].endswith(component)]
    (container,) = pod["spec"]["containers"]
    script, address, own_role = container["args"]
    assert address == f"http://lanewatch-{component}.lanewatch.svc:19840/metrics"
    line = [sys.executable, *container["command"][1:], script, f"{url}/metrics", role or own_role]
    return subprocess.run(line, capture_output=True, check=False).returncode


def test_both_in_one_start_as_the_chart_says(helm: Helm, watched: str, tmp_path: Path) -> None:
    """One program is agent and watcher, with what each of them is told."""
    environment = {
        "KUBECONFIG": str(helm.cluster.kubeconfig_of(watched)),
        "NODE_NAME": "gpu-worker-0",
        "STATE_DIRECTORY": str(tmp_path),
    }
    objects = helm.template("--values", CHART / "ci" / "k3s-homelab-values.yaml")
    with started(objects, "Deployment", tmp_path, environment) as both:
        assert both.series(c.BUILD_INFO, role="all") == [1.0]
        both.eventually(c.SOURCE_UP, 1.0, source="kubernetes")
        both.eventually(c.SOURCE_UP, 1.0, source="processes")
        assert both.series(c.GPUS, view="expected") == [1.0]


def test_tokens_are_judged_as_the_chart_says(helm: Helm, tmp_path: Path) -> None:
    """The watcher lets in a scraper with the right, by the account's own token; its agent starts beside it."""
    reviewing = "--set=config.web.token_review=true"
    scraper = helm.cluster.account(namespace(helm.cluster, "scraping"), "scraper")
    helm.cluster.grant("scraping", "scraper", [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}])
    objects = helm.template(reviewing)
    with installed(helm, reviewing, release="judge"):
        token = helm.kubectl("create", "token", "judge-lanewatch", "--namespace=lanewatch").well.strip()
        kubeconfig = {"KUBECONFIG": str(helm.cluster.kubeconfig_of(token))}
        with started(objects, "Deployment", tmp_path / "watcher", kubeconfig) as watcher:
            eventually(partial(_status, watcher.url, scraper), 200, within=20, what="the scraper")
            assert [_status(watcher.url, other) for other in (token, "made-up")] == [401, 401]
    with started(objects, "DaemonSet", tmp_path / "agent", {"NODE_NAME": "gpu-worker-0"}) as agent:
        assert agent.series(c.BUILD_INFO, role="node") == [1.0]


def _status(url: str, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/metrics", headers=headers, timeout=10, trust_env=False).status_code


def test_roles_of_namespaces_are_enough(helm: Helm, tmp_path: Path) -> None:
    """With a Role in each namespace that it watches, the true program is refused nothing either."""
    narrow = "--set=config.kubernetes.namespaces={vllm,lanewatch}"
    with installed(helm, narrow, release="narrow"):
        token = helm.kubectl("create", "token", "narrow-lanewatch", "--namespace=lanewatch").well.strip()
        kubeconfig = {"KUBECONFIG": str(helm.cluster.kubeconfig_of(token))}
        with started(helm.template(narrow), "Deployment", tmp_path, kubeconfig) as watcher:
            for source in SOURCES:
                watcher.eventually(c.SOURCE_UP, 1.0, source=source)
        assert _can(helm, token, "list", "pods", "--namespace=vllm") == "yes"
        assert _can(helm, token, "list", "pods", "--namespace=llm") == "no"


def test_the_account_may_do_nothing_else(helm: Helm, watched: str) -> None:
    """What it may beyond what any account may is the table, word for word."""
    anyone = everything_that(helm.cluster, helm.cluster.account(namespace(helm.cluster, "anyone"), "anyone"), "vllm")
    assert everything_that(helm.cluster, watched, "vllm") - anyone == table()


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.resource)
def test_it_can(helm: Helm, watched: str, right: Right) -> None:
    """`kubectl auth can-i` says yes to each right of the table, in every namespace."""
    resource = f"{right.resource}.{right.group}" if right.group else right.resource
    for verb in right.verbs:
        assert _can(helm, watched, verb, resource) == "yes"


@pytest.mark.parametrize(
    "asked",
    [
        "get secrets",
        "list secrets",
        "list configmaps",
        "get pods/log",
        "create pods/exec",
        "create pods",
        "delete pods",
        "patch nodes",
        "get nodes/proxy",
        "patch deployments.apps",
        "update deployments.apps/scale",
        "create events",
        "create serviceaccounts/token",
        "list roles.rbac.authorization.k8s.io",
        "escalate clusterroles.rbac.authorization.k8s.io",
        "impersonate users",
    ],
)
def test_it_cannot(helm: Helm, watched: str, asked: str) -> None:
    """And no to whatever is secret, or would change something."""
    assert _can(helm, watched, *asked.split()) == "no"


def _can(helm: Helm, token: str, verb: str, resource: str, where: str = "--all-namespaces") -> str:
    """Return what the API server says to the owner of the token."""
    config = helm.cluster.kubeconfig_of(token)
    return helm.kubectl(f"--kubeconfig={config}", "auth", "can-i", verb, resource, where).out.strip()


def test_configurations_of_all_samples_start_nothing_unknown(helm: Helm) -> None:
    """What the chart adds to a configuration is known to the program too: it is checked as a user would check it."""
    for sample in sorted((CHART / "ci").glob("*-values.yaml")):
        objects = of_kind(helm.template("--values", sample), "ConfigMap")
        (text,) = [one["data"]["lanewatch.yaml"] for one in objects if "lanewatch.yaml" in one["data"]]
        assert yaml.safe_load(text)["agents"]["namespace"] == "lanewatch"
        path = helm.home / "lanewatch.yaml"
        path.write_text(text, encoding="utf-8")
        assert subprocess.run([LANEWATCH, "config", "check", path], capture_output=True, check=False).returncode == 0
