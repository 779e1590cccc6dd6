import json
from pathlib import Path

import pytest
import yaml

from exporter.cluster import Controller
from exporter.sources.workloads import read_deployment, read_pod

FIXTURES = Path(__file__).parents[2] / "fixtures" / "k8s"


def objects(name: str) -> list[bytes]:
    documents = yaml.safe_load_all((FIXTURES / f"{name}.yaml").read_text())
    return [json.dumps(one).encode() for one in documents]


@pytest.mark.parametrize(
    ("name", "phase", "reason", "restarts", "is_ready"),
    [
        pytest.param("pod-running-ready", "Running", "", 0, True, id="a lane that serves has no reason"),
        pytest.param("pod-crashloop", "Running", "CrashLoopBackOff", 7, False, id="a crash loop is named"),
        pytest.param("pod-imagepull", "Pending", "ImagePullBackOff", 0, False, id="an image that cannot be pulled"),
        pytest.param("pod-oomkilled-restart", "Running", "OOMKilled", 1, True, id="why it was restarted last"),
        pytest.param(
            "pod-failed-unexpected-admission", "Failed", "UnexpectedAdmissionError", 0, False, id="a rejected pod"
        ),
        pytest.param(
            "pod-pending-insufficient-gpu",
            "Pending",
            "Unschedulable: Insufficient nvidia.com/gpu",
            0,
            False,
            id="what the scheduler misses, without its counts of nodes",
        ),
    ],
)
def test_why_a_pod_does_not_serve(name: str, phase: str, reason: str, restarts: int, is_ready: bool) -> None:  # noqa: FBT001  # a column
    """Each way in which a lane fails leaves its word in the record."""
    pod = read_pod(objects(name)[0])

    assert (phase, reason, restarts, is_ready) == (pod.phase, pod.reason, pod.restarts, pod.is_ready)


def test_pod_that_is_going_is_terminating() -> None:
    """A deletion time makes a running pod a terminating one."""
    assert read_pod(objects("pod-terminating-stuck")[0]).is_terminating


def test_identity_of_a_pod() -> None:
    """Name, node and lane, which is the Deployment behind the ReplicaSet."""
    pod = read_pod(objects("pod-running-ready")[0])

    assert (pod.namespace, pod.name, pod.node, pod.lane) == (
        "vllm",
        "qwen36-35b-gguf-fast-6c9f7d4b8-x2x4q",
        "gpu-worker-0",
        "qwen36-35b-gguf-fast",
    )


@pytest.mark.parametrize(
    ("owner", "labels", "lane"),
    [
        pytest.param({"kind": "ReplicaSet", "name": "a-b-5f"}, {"pod-template-hash": "5f"}, "a-b", id="a Deployment"),
        pytest.param({"kind": "ReplicaSet", "name": "a-b-5f"}, {}, "", id="a ReplicaSet that no Deployment made"),
        pytest.param({"kind": "StatefulSet", "name": "a-b"}, {}, "a-b", id="a StatefulSet"),
        pytest.param({"kind": "Job", "name": "a"}, {}, "", id="a Job is no lane"),
        pytest.param(None, {}, "", id="a pod that somebody made by hand"),
    ],
)
def test_lane(owner: dict[str, str] | None, labels: dict[str, str], lane: str) -> None:
    """The lane of a pod is what keeps it alive."""
    references = [{"controller": True, **owner}] if owner else None
    metadata = {"name": "p", "namespace": "n", "labels": labels, "ownerReferences": references}

    assert lane == read_pod(json.dumps({"metadata": metadata, "spec": {}}).encode()).lane


def test_lanes_of_the_reference_node() -> None:
    """Six Deployments, one raised; the labels are those of the pods they make."""
    lanes = [read_deployment(raw) for raw in objects("lanes")[1:]]

    assert [lane.desired_replicas for lane in lanes] == [1, 0, 0, 0, 0, 0]
    assert lanes[0] == Controller(
        namespace="vllm",
        name="qwen36-35b-gguf-fast",
        desired_replicas=1,
        labels={"app": "qwen36-35b-gguf-fast", "platform.example.com/gpu-llm": "true"},
    )
