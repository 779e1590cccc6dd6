import json
from typing import Any

import pytest

from exporter.cluster import Controller, Daemon
from exporter.sources.controller_json import read_daemon, read_deployment, read_stateful_set
from exporter.sources.pod_json import Keys
from fakes.k8s_fixtures import raw

SHA, BYTES = "ai.example.com/model-file-sha256", "ai.example.com/model-file-size-bytes"
KEYS = Keys(annotations=frozenset({SHA, BYTES}))


def json_of(spec: dict[str, Any], **parts: object) -> bytes:
    thing = {"metadata": {"name": "fast", "namespace": "vllm"}, "spec": {"template": {}, **spec}, **parts}
    return json.dumps(thing).encode()


def rolling(surge: int | str | None, unavailable: int | str | None) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}


def test_lanes_of_the_reference_node() -> None:
    """Six Deployments, one raised; labels, requests and image are those of the pods they make."""
    lanes = [read_deployment(one, KEYS) for one in raw("lanes", "Deployment")]

    assert [lane.desired_replicas for lane in lanes] == [1, 0, 0, 0, 0, 0]
    assert lanes[0] == Controller(
        kind="Deployment",
        namespace="vllm",
        name="qwen36-35b-gguf-fast",
        desired_replicas=1,
        labels={"app": "qwen36-35b-gguf-fast", "platform.example.com/gpu-llm": "true"},
        annotations={SHA: f"{'0' * 58}a1b2c3", BYTES: "19500000000"},
        strategy="Recreate",
        max_surge=0,
        max_unavailable=1,
        requests={"cpu": 10, "memory": 40 * 2**30, "nvidia.com/gpu": 1},
        image="registry.example.com/ai/llama-server:1",
    )


@pytest.mark.parametrize(
    ("replicas", "strategy", "surge", "unavailable"),
    [
        pytest.param(1, {}, 1, 0, id="by default one pod rolls by a second one"),
        pytest.param(0, {}, 1, 0, id="a parked lane is judged as if it had one"),
        pytest.param(10, {}, 3, 2, id="a surge is rounded up, what may be missing is rounded down"),
        pytest.param(1, rolling(0, 1), 0, 1, id="numbers are taken as they are"),
        pytest.param(1, rolling("0%", "0%"), 0, 1, id="where both come to nothing, one may be missing"),
        pytest.param(1, rolling(0, "50%"), 0, 1, id="a share that comes to nothing likewise"),
        pytest.param(4, rolling("100%", "25%"), 4, 1, id="shares"),
        pytest.param(2, rolling(1, 5), 1, 2, id="no more can be missing than there are"),
        pytest.param(3, rolling(None, 0), 1, 0, id="what is not said has its default"),
        pytest.param(1, {"type": "Recreate"}, 0, 1, id="Recreate ends all of one"),
        pytest.param(3, {"type": "Recreate"}, 0, 3, id="Recreate ends all of three"),
    ],
)
def test_how_a_deployment_rolls(replicas: int, strategy: dict[str, Any], surge: int, unavailable: int) -> None:
    """Shares come to the pods that Kubernetes would make of them."""
    found = read_deployment(json_of({"replicas": replicas, "strategy": strategy}))

    assert (found.max_surge, found.max_unavailable) == (surge, unavailable)


@pytest.mark.parametrize(
    ("replicas", "strategy", "name", "unavailable"),
    [
        pytest.param(1, {}, "RollingUpdate", 1, id="one at a time by default"),
        pytest.param(10, rolling(None, "25%"), "RollingUpdate", 2, id="a share is rounded down"),
        pytest.param(2, rolling(None, "25%"), "RollingUpdate", 1, id="but never to nothing"),
        pytest.param(0, rolling(None, 3), "RollingUpdate", 1, id="no more than there would be"),
        pytest.param(3, {"type": "OnDelete"}, "OnDelete", 0, id="OnDelete ends none by itself"),
    ],
)
def test_how_a_stateful_set_rolls(replicas: int, strategy: dict[str, Any], name: str, unavailable: int) -> None:
    """A StatefulSet never has more pods than it should: the old one is gone before the new one comes."""
    found = read_stateful_set(json_of({"replicas": replicas, "updateStrategy": strategy}))

    assert (found.kind, found.strategy, found.max_surge, found.max_unavailable) == ("StatefulSet", name, 0, unavailable)


@pytest.mark.parametrize(
    ("condition", "failure", "is_stuck"),
    [
        pytest.param(
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: gpu"},
            "exceeded quota: gpu",
            False,
            id="pods are refused",
        ),
        pytest.param({"type": "ReplicaFailure", "status": "False", "message": "x"}, "", False, id="no longer"),
        pytest.param(
            {"type": "ReplicaFailure", "status": "True", "message": "x" * 999}, "x" * 300, False, id="a long sentence"
        ),
        pytest.param(
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}, "", True, id="stuck"
        ),
        pytest.param(
            {"type": "Progressing", "status": "Unknown", "reason": "DeploymentPaused"}, "", False, id="paused"
        ),
    ],
)
def test_what_is_wrong_with_a_deployment(condition: dict[str, str], failure: str, is_stuck: bool) -> None:  # noqa: FBT001  # a column
    """A refused pod leaves no pod behind, only a condition; a roll-out that hangs leaves another."""
    found = read_deployment(json_of({}, status={"conditions": [condition]}))

    assert (found.failure, found.is_stuck) == (failure, is_stuck)


def test_annotations_of_the_pods_win() -> None:
    """The pods were made with the annotations of the template; those of the Deployment may be newer."""
    template = {"metadata": {"annotations": {SHA: "of the pods"}, "creationTimestamp": None}}
    metadata = {"name": "a", "annotations": {SHA: "of the lane", BYTES: "1", "other": "x"}}

    found = read_deployment(json_of({"template": template}, metadata=metadata), KEYS)

    assert found.annotations == {SHA: "of the pods", BYTES: "1"}


def test_limits_of_a_template_are_requests() -> None:
    """The API server fills in requests of pods, not of templates."""
    spec = {
        "containers": [{"resources": {"limits": {"cpu": "2", "nvidia.com/gpu": 1}}}],
        "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "one"}],
    }
    found = read_deployment(json_of({"template": {"spec": spec}}))

    assert (found.requests, found.has_claims) == ({"cpu": 2, "nvidia.com/gpu": 1}, True)


@pytest.mark.parametrize("share", ["25", "%", "a lot"])
def test_what_is_no_share_is_refused(share: str) -> None:
    """A share that means nothing is an error, not a guess."""
    with pytest.raises(ValueError, match=r"expected|invalid"):
        read_deployment(json_of({"strategy": rolling(share, 0)}))


def test_daemon_set() -> None:
    """How many it should have, and how many of those are ready."""
    status = {"desiredNumberScheduled": 3, "numberReady": 2, "currentNumberScheduled": 3}

    assert read_daemon(json_of({}, status=status)) == Daemon(namespace="vllm", name="fast", desired=3, ready=2)
