"""The guard against a real API server and its controllers: the one lane runs, and no other can be made to."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest

from e2e.helm import CHART, WHERE, Helm, Said, installed, namespace
from e2e.stage import DEEP, FAST, GPU, LABELS, load
from e2e.waiting import eventually

pytestmark = pytest.mark.real

HERE: Final = "guarded"
UNLISTED: Final = "gpt-oss-agent"
LISTED: Final = [FAST, DEEP, "qwen36-35b-gguf-longctx", "qwen36-nvfp4-experiment", "vllm"]
SETTINGS: Final = [
    "--set=guard.enabled=true",
    f"--set=guard.namespaces={{{HERE}}}",
    f"--set=guard.activeLane={FAST}",
    f"--set=guard.lanes={{{','.join(LISTED)}}}",
]
SOON: Final = 20.0


def lanes(replicas: dict[str, int]) -> list[dict[str, Any]]:
    """Return the reference lanes in our namespace."""
    found = [one for one in load("lanes") if one["kind"] == "Deployment"]
    return [
        one
        | {"metadata": one["metadata"] | {"namespace": HERE}}
        | {"spec": one["spec"] | {"replicas": replicas.get(one["metadata"]["name"], 0)}}
        for one in found
    ]


def lane(name: str, **spec: Any) -> str:  # noqa: ANN401  # parts of a JSON object
    """Return the manifest of one lane, some of its specification changed."""
    (one,) = [one for one in lanes({FAST: 1}) if one["metadata"]["name"] == name]
    return json.dumps(one | {"spec": one["spec"] | spec})


def pod(name: str, *, is_lane: bool, cards: int) -> str:
    """Return the manifest of a pod without a controller."""
    container: dict[str, Any] = {"name": "main", "image": "registry.example.com/ai/other:1"}
    if cards:
        container["resources"] = {"limits": {GPU: str(cards)}}
    metadata = {"name": name, "namespace": HERE, "labels": LABELS if is_lane else {}}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})


@pytest.fixture(scope="module")
def guarded(helm: Helm) -> Iterator[Helm]:
    """Return who may try things where the guard refuses, and the fast lane runs."""
    namespace(helm.cluster, HERE)
    helm.cluster.apply(lanes({FAST: 1}))
    with installed(helm, *SETTINGS, "--set=guard.actions={Deny}", "--set=guard.quota.enabled=true"):
        refused = partial(_refusal_of_scale, helm, DEEP)
        eventually(lambda: "may not run" in refused(), expected=True, within=SOON, what="the guard in force")
        yield helm
    helm.cluster.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE}})


def _refusal_of_scale(helm: Helm, name: str, replicas: int = 1) -> str:
    line = ("scale", f"--namespace={HERE}", f"deployment/{name}", f"--replicas={replicas}", "--dry-run=server")
    return helm.kubectl(*line).err


def _apply(helm: Helm, manifest: str) -> Said:
    line = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--filename=-")
    return helm.kubectl(*line, given=manifest)


def _refusal_of(helm: Helm, manifest: str) -> str:
    return _apply(helm, manifest).err


def _pods(helm: Helm, name: str) -> int:
    said = helm.kubectl("get", "pods", f"--namespace={HERE}", f"--selector=app={name}", "--output=name").well
    return len(said.split())


def test_the_active_lane_runs(guarded: Helm) -> None:
    """The guard is in nobody's way who keeps the contract."""
    eventually(partial(_pods, guarded, FAST), expected=1, within=SOON, what="pods of the active lane")
    assert _refusal_of(guarded, lane(FAST)) == ""
    assert _refusal_of_scale(guarded, FAST, 0) == ""
    assert _refusal_of_scale(guarded, FAST, 1) == ""


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        pytest.param(lane(DEEP, replicas=1), f"lane {DEEP} may not run: the active lane is {FAST}", id="a second lane"),
        pytest.param(lane(FAST, replicas=2), "a lane may have one replica, not more", id="two replicas"),
        pytest.param(
            lane(FAST, strategy={"type": "RollingUpdate"}), "a lane may not surge", id="a strategy that surges"
        ),
        pytest.param(pod("bare", is_lane=True, cards=1), "the pod is of a lane that may not run", id="a bare lane"),
        pytest.param(
            pod("x", is_lane=False, cards=1), "carry the labels of a lane", id="a card without a lane's labels"
        ),
    ],
)
def test_it_refuses(guarded: Helm, manifest: str, message: str) -> None:
    """Each way to a second lane, or to a lane that blocks itself, is refused with the reason."""
    assert message in _refusal_of(guarded, manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(lane(DEEP, paused=True), id="a parked lane is changed"),
        pytest.param(
            lane(FAST, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
            id="a strategy that does not surge",
        ),
        pytest.param(pod("y", is_lane=False, cards=0), id="a pod that asks for no card"),
    ],
)
def test_it_lets_through(guarded: Helm, manifest: str) -> None:
    """What cannot make a second lane is nobody's business."""
    assert _refusal_of(guarded, manifest) == ""


def test_scaling_is_refused_where_it_is_asked(guarded: Helm) -> None:
    """`kubectl scale` of a lane that is listed, and of the active one beyond one replica."""
    assert "it is not the active lane" in _refusal_of_scale(guarded, DEEP)
    assert "one replica, not more" in _refusal_of_scale(guarded, FAST, 2)


def test_a_lane_that_is_not_listed_gets_no_pod(guarded: Helm) -> None:
    """Its scale is raised, since a scale carries no labels; its controller is refused the pod and says so."""
    assert guarded.kubectl("scale", f"--namespace={HERE}", f"deployment/{UNLISTED}", "--replicas=1").code == 0

    def failure() -> str:
        path = '{.status.conditions[?(@.type=="ReplicaFailure")].message}'
        return guarded.kubectl("get", "deployment", UNLISTED, f"--namespace={HERE}", f"--output=jsonpath={path}").out

    said = "the pod is of a lane that may not run"
    eventually(lambda: said in failure(), expected=True, within=SOON, what="the controller's own words")
    assert _pods(guarded, UNLISTED) == 0
    assert guarded.kubectl("scale", f"--namespace={HERE}", f"deployment/{UNLISTED}", "--replicas=0").code == 0


def test_a_switch_is_three_steps(guarded: Helm) -> None:
    """Park, name the next, raise it: then the next one runs and the first may not."""
    scale = partial(guarded.kubectl, "scale", f"--namespace={HERE}")
    assert scale(f"deployment/{FAST}", "--replicas=0").code == 0
    eventually(lambda: _sweep(guarded, FAST), expected=0, within=SOON, what="pods of the parked lane")
    _name(guarded, DEEP)
    eventually(lambda: _refusal_of_scale(guarded, DEEP), expected="", within=SOON, what="the new lane's refusal")
    assert scale(f"deployment/{DEEP}", "--replicas=1").code == 0
    eventually(partial(_pods, guarded, DEEP), expected=1, within=SOON, what="pods of the new lane")
    assert "it is not the active lane" in _refusal_of_scale(guarded, FAST)
    assert scale(f"deployment/{DEEP}", "--replicas=0").code == 0
    eventually(lambda: _sweep(guarded, DEEP), expected=0, within=SOON, what="pods of the lane")
    _name(guarded, FAST)


def _name(helm: Helm, name: str) -> None:
    change = json.dumps({"data": {"activeLane": name}})
    line = ("patch", "configmap", "lanewatch-guard", "--namespace=lanewatch", "--type=merge", f"--patch={change}")
    assert helm.kubectl(*line).code == 0


def _sweep(helm: Helm, name: str) -> int:
    """Let pods be gone that were told to go, as their kubelet would."""
    helm.kubectl("delete", "pods", f"--namespace={HERE}", f"--selector=app={name}", "--force", "--grace-period=0")
    return _pods(helm, name)


def test_a_quota_counts_cards(guarded: Helm) -> None:
    """Whatever the policies say, the namespace gets no second card."""
    quota = json.loads(guarded.kubectl("get", "resourcequota", f"--namespace={HERE}", "--output=json").well)
    assert [one["spec"]["hard"] for one in quota["items"]] == [{f"requests.{GPU}": "1"}]
    two = json.loads(lane(FAST))["spec"]["template"]
    two["spec"]["containers"][0]["resources"] = {"limits": {GPU: "2"}}
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": FAST, "uid": "0"}
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "two", "namespace": HERE, "labels": LABELS, "ownerReferences": [owner]},
        "spec": two["spec"] | {"runtimeClassName": "nvidia"},
    }
    assert "exceeded quota: lanewatch-cards" in _refusal_of(guarded, json.dumps(body))


def test_an_audit_refuses_nothing(guarded: Helm) -> None:
    """With Audit and Warn the same is allowed, and whoever does it is told."""
    upgrade = partial(guarded.run, "upgrade", "lanewatch", CHART, *WHERE, "--reuse-values")
    assert "deployed" in upgrade("--set=guard.actions={Audit,Warn}").well
    warned = "Warning: Validation failed for ValidatingAdmissionPolicy 'lanewatch-lanewatch-lanes'"
    manifest = lane(DEEP, replicas=1)
    try:
        eventually(lambda: _apply(guarded, manifest).code, expected=0, within=SOON, what="an audit that lets through")
        assert warned in _apply(guarded, manifest).err
    finally:
        upgrade("--set=guard.actions={Deny}")
