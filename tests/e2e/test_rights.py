"""The table of rights against a real API server: it is enough, each of them is needed, and it gives nothing else."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pytest

from e2e.cluster import Cluster
from e2e.stage import FAST, LABELS, load
from e2e.waiting import eventually
from e2e.watcher import Watcher, holding, values, watching
from exporter import catalogue as c
from exporter.rights import REVIEWS, RIGHTS, Right, rules

pytestmark = pytest.mark.real

SOON: Final = 15.0  # seconds for a right to be known, or for a first list
ACCESS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
ALL_RULES: Final = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
NAMESPACED: Final = [right for right in RIGHTS if right.is_namespaced]
NONE: Final[dict[str, str]] = {}
Rule = tuple[str, str, str]  # verb, group, resource


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> str:
    """Return a namespace with the reference lanes, of which none runs."""
    name = "rights"
    lanes = [one | {"metadata": one["metadata"] | {"namespace": name}} for one in load("lanes")]
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    cluster.apply(one for one in lanes if one["kind"] == "Deployment")
    return name


@contextmanager
def watching_with(cluster: Cluster, token: str, **kubernetes: Any) -> Iterator[Watcher]:  # noqa: ANN401  # of YAML
    settings = {"kubeconfig": str(cluster.kubeconfig_of(token)), **kubernetes}
    with watching({"kubernetes": settings, "pools": [{"name": "gpu-llm", "labels": LABELS}]}) as watcher:
        yield watcher


def account_with(cluster: Cluster, name: str, rights: Iterable[Right], *, within: str = "") -> str:
    """Return the token of a new account with these rights, once the server knows them."""
    given = list(rights)
    token = cluster.account("rights", name)
    cluster.grant("rights", name, rules(given), within=within)
    for right in given:
        asked = {"verb": right.verbs[-1], "group": right.group, "resource": right.resource, "namespace": within}
        eventually(partial(may, cluster, token, **asked), expected=True, within=SOON, what=str(asked))
    return token


def triples(rights: Iterable[Right]) -> set[Rule]:
    """Return verb, group and resource of every right."""
    return {(verb, right.group, right.resource) for right in rights for verb in right.verbs}


def may(cluster: Cluster, token: str, **attributes: str) -> bool:
    """Whether the owner of the token may do this."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return bool(cluster.request("POST", ACCESS, body, token=token).json()["status"]["allowed"])


def everything_that(cluster: Cluster, token: str, namespace: str) -> set[Rule]:
    """Return every rule of the owner of the token in a namespace, those for the whole cluster included."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    found = cluster.request("POST", ALL_RULES, body, token=token).json()["status"]
    assert not found["incomplete"]
    return {
        (verb, group, resource)
        for rule in found["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_they_are_enough(cluster: Cluster, namespace: str) -> None:
    """With exactly these rights every source works, and the lanes are seen."""
    token = account_with(cluster, "enough", RIGHTS)
    with watching_with(cluster, token) as watcher:
        eventually(watcher.failures, NONE, within=SOON, what="sources that fail")
        assert values(watcher.look(), c.LANE_DESIRED, lane_namespace=namespace, lane=FAST) == [1.0]


@pytest.mark.parametrize("missing", RIGHTS, ids=lambda right: f"without {right.resource}")
def test_each_is_needed(cluster: Cluster, namespace: str, missing: Right) -> None:
    """Without one right its source says that it is forbidden, and no other source is worse for it."""
    token = account_with(cluster, f"without-{missing.resource}", (one for one in RIGHTS if one != missing))
    with watching_with(cluster, token) as watcher:
        eventually(watcher.failures, {missing.source: "forbidden"}, within=SOON, what="sources that fail")
    assert namespace


def test_they_give_nothing_else(cluster: Cluster, namespace: str) -> None:
    """What the account may do beyond what any account may do is the table, word for word."""
    anyone = everything_that(cluster, cluster.account("rights", "anyone"), namespace)
    token = account_with(cluster, "nothing-else", RIGHTS)
    assert everything_that(cluster, token, namespace) - anyone == triples(RIGHTS)


def test_reviews_give_nothing_else_either(cluster: Cluster, namespace: str) -> None:
    """Who also judges tokens may ask two questions more, and no more than that."""
    anyone = everything_that(cluster, cluster.account("rights", "anyone"), namespace)
    token = account_with(cluster, "reviews", (*RIGHTS, *REVIEWS))
    assert everything_that(cluster, token, namespace) - anyone == triples((*RIGHTS, *REVIEWS))


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        pytest.param("get", "", "secrets", id="read a Secret"),
        pytest.param("list", "", "secrets", id="list Secrets"),
        pytest.param("watch", "", "secrets", id="watch Secrets"),
        pytest.param("get", "", "configmaps", id="read a ConfigMap"),
        pytest.param("list", "", "configmaps", id="list ConfigMaps"),
        pytest.param("create", "", "pods/exec", id="run a command in a pod"),
        pytest.param("create", "", "pods/attach", id="attach to a pod"),
        pytest.param("create", "", "pods/portforward", id="reach a port of a pod"),
        pytest.param("get", "", "pods/log", id="read what a pod says"),
        pytest.param("create", "", "pods", id="make a pod"),
        pytest.param("update", "", "pods", id="change a pod"),
        pytest.param("delete", "", "pods", id="delete a pod"),
        pytest.param("create", "", "pods/eviction", id="evict a pod"),
        pytest.param("get", "", "nodes/proxy", id="reach a kubelet"),
        pytest.param("patch", "", "nodes", id="change a node"),
        pytest.param("create", "", "events", id="write an event"),
        pytest.param("patch", "apps", "deployments", id="change a Deployment"),
        pytest.param("update", "apps", "deployments/scale", id="scale a Deployment"),
        pytest.param("delete", "apps", "statefulsets", id="delete a StatefulSet"),
        pytest.param("update", "resource.k8s.io", "resourceclaims/status", id="give a claim a device"),
        pytest.param("delete", "resource.k8s.io", "resourceslices", id="take a device away"),
        pytest.param("create", "", "serviceaccounts/token", id="make a token"),
        pytest.param("escalate", "rbac.authorization.k8s.io", "clusterroles", id="give itself more"),
        pytest.param("impersonate", "", "users", id="be somebody else"),
        pytest.param("create", "authentication.k8s.io", "tokenreviews", id="ask whose a token is"),
        pytest.param("create", "authorization.k8s.io", "subjectaccessreviews", id="ask what others may do"),
    ],
)
def test_it_may_not(cluster: Cluster, watcher_token: str, verb: str, group: str, resource: str) -> None:
    """Nothing secret is read and nothing is changed, in any namespace."""
    whole, _, part = resource.partition("/")
    assert not may(cluster, watcher_token, verb=verb, group=group, resource=whole, subresource=part)


@pytest.fixture(scope="module")
def watcher_token(cluster: Cluster, namespace: str) -> str:
    assert namespace
    return account_with(cluster, "watcher", RIGHTS)


def test_a_role_is_enough_for_its_namespace(cluster: Cluster, namespace: str) -> None:
    """Without a right over the cluster the lanes are judged; what only the cluster tells is forbidden, and said so."""
    token = account_with(cluster, "role", NAMESPACED, within=namespace)
    with watching_with(cluster, token, namespaces=[namespace]) as watcher:
        forbidden = {"nodes": "forbidden", "claims": "forbidden"}
        eventually(watcher.failures, forbidden, within=SOON, what="sources that fail")
        assert holding(watcher.look(), c.POOL_STATE, "state") == {"none"}


def test_a_role_is_enough_when_the_cluster_is_not_asked(cluster: Cluster, namespace: str) -> None:
    """With nodes and claims switched off, a Role is all that is needed and nothing fails."""
    token = account_with(cluster, "role-alone", NAMESPACED, within=namespace)
    with watching_with(cluster, token, namespaces=[namespace], nodes=False, claims=False) as watcher:
        eventually(watcher.failures, NONE, within=SOON, what="sources that fail")
        assert holding(watcher.look(), c.POOL_STATE, "state") == {"none"}
