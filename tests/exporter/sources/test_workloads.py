import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import DaemonPod
from exporter.config import Config
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Kubernetes, Pool
from exporter.sources.workloads import Load, PodTrace, interest_of, join, sum_loads, trace_pod, trace_unreadable_pod
from fakes.k8s_fixtures import raw

LLM = "platform.example.com/gpu-llm"
AGENT = {"app.kubernetes.io/name": "lanewatch", "app.kubernetes.io/component": "node"}
INTEREST = interest_of(Config())
PARTS = ("lanes", "daemons", "others")


def pod_json(*, by: tuple[str, str] | None = None, **parts: Any) -> bytes:  # noqa: ANN401  # JSON
    """Return a pod that asks for one core of node `a`, made `by` a controller of this kind and name."""
    owners = [{"kind": by[0], "name": by[1], "controller": True}] if by else []
    thing = {
        "metadata": {"namespace": "vllm", "name": "p", "labels": parts.get("labels", {}), "ownerReferences": owners},
        "spec": {
            "nodeName": parts.get("node", "a"),
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "1", **parts.get("asks", {})}}}],
            **parts.get("spec", {}),
        },
        "status": {"phase": parts.get("phase", "Running"), "podIP": "192.0.2.7"},
    }
    return json.dumps(thing).encode()


def trace_of(raw_pod: bytes) -> PodTrace:
    return trace_pod(raw_pod, INTEREST) or PodTrace()


@pytest.mark.parametrize(
    ("pod", "is_kept"),
    [
        pytest.param(pod_json(labels={LLM: "true"}), True, id="a pod of the pool"),
        pytest.param(pod_json(asks={"nvidia.com/gpu": "1"}), True, id="a pod that asks for a GPU"),
        pytest.param(pod_json(asks={"gpu.intel.com/i915": "1"}), True, id="a pod that asks for an Intel GPU"),
        pytest.param(pod_json(spec={"resourceClaims": [{"name": "gpu"}]}), True, id="a pod that holds a claim"),
        pytest.param(pod_json(), False, id="a pod of somebody else"),
        pytest.param(pod_json(asks={"gpu.intel.com/i915_monitoring": "1"}), False, id="one that only looks at cards"),
        pytest.param(pod_json(by=("DaemonSet", "nvidia-device-plugin")), False, id="a daemon that serves GPUs"),
    ],
)
def test_whose_record_is_kept(pod: bytes, is_kept: bool) -> None:  # noqa: FBT001  # a column
    """Of most pods nothing is kept but what they ask of their node."""
    assert (trace_of(pod).pod is not None) is is_kept


@pytest.mark.parametrize(
    ("pod", "load"),
    [
        pytest.param(pod_json(labels={LLM: "true"}), Load(node="a", part="lanes", requests={"cpu": 1}), id="a lane"),
        pytest.param(pod_json(by=("DaemonSet", "x")), Load(node="a", part="daemons", requests={"cpu": 1}), id="daemon"),
        pytest.param(
            pod_json(by=("DaemonSet", "x"), labels={LLM: "true"}),
            Load(node="a", part="lanes", requests={"cpu": 1}),
            id="a lane that is a daemon counts once",
        ),
        pytest.param(pod_json(by=("Job", "x")), Load(node="a", part="others", requests={"cpu": 1}), id="others"),
        pytest.param(pod_json(phase="Succeeded"), None, id="one that has ended asks for nothing"),
        pytest.param(pod_json(phase="Failed", labels={LLM: "true"}), None, id="one that has failed neither"),
        pytest.param(pod_json(node=""), None, id="one without a node asks nobody yet"),
    ],
)
def test_what_a_pod_asks_of_its_node(pod: bytes, load: Load | None) -> None:
    """Each pod that is bound and not over counts for one part of its node."""
    assert trace_of(pod).load == load


@pytest.mark.parametrize(
    ("pod", "daemon"),
    [
        pytest.param(
            pod_json(by=("DaemonSet", "nvidia-device-plugin-daemonset")),
            "nvidia-device-plugin-daemonset",
            id="a device plugin",
        ),
        pytest.param(pod_json(by=("DaemonSet", "nvidia-dcgm-exporter")), "nvidia-dcgm-exporter", id="telemetry"),
        pytest.param(pod_json(by=("DaemonSet", "x"), labels=AGENT), "x", id="our agent, by its labels"),
        pytest.param(pod_json(labels=AGENT), "p", id="our agent, made by hand"),
    ],
)
def test_pods_that_serve_gpus(pod: bytes, daemon: str) -> None:
    """Daemons of GPUs are known by their DaemonSet's name, our agents by their labels."""
    found = trace_of(pod).daemon

    assert found is not None
    assert (found.daemon, found.node, found.address) == (daemon, "a", "192.0.2.7")


@pytest.mark.parametrize(
    ("agents", "is_agent"),
    [
        pytest.param(AgentsOf(namespace="vllm"), True, id="in the namespace of the agents"),
        pytest.param(AgentsOf(namespace="monitoring"), False, id="in another: somebody else may use our labels"),
        pytest.param(AgentsOf(enabled=False), False, id="nobody asks the agents"),
    ],
)
def test_who_is_an_agent(agents: AgentsOf, is_agent: bool) -> None:  # noqa: FBT001  # a column
    """Only pods that the configuration means are told to be agents: their addresses will be asked."""
    trace = trace_pod(pod_json(labels=AGENT), interest_of(Config(agents=agents)))

    assert (trace is not None and trace.daemon is not None) is is_agent


def test_daemon_with_labels_of_agents_only() -> None:
    """Of a daemon's labels those are kept that tell an agent."""
    trace = trace_of(pod_json(by=("DaemonSet", "dcgm-exporter"), labels={"app": "x", **AGENT}))

    assert trace.daemon == DaemonPod(
        namespace="vllm", name="p", daemon="dcgm-exporter", node="a", is_ready=False, address="192.0.2.7", labels=AGENT
    )


@pytest.mark.parametrize(
    "kubernetes",
    [
        pytest.param(Kubernetes(pods="pools"), id="only pods of pools are asked for"),
        pytest.param(Kubernetes(namespaces=("vllm",)), id="only some namespaces are watched"),
    ],
)
def test_loads_are_unknown_where_not_all_pods_are_seen(kubernetes: Kubernetes) -> None:
    """What is asked of a node cannot be told from a part of its pods: None, not a smaller sum."""
    interest = interest_of(Config(kubernetes=kubernetes))

    assert trace_pod(pod_json(), interest) is None
    assert join([], [], interest).loads is None


def test_reference_pods_ask_of_the_reference_node() -> None:
    """The lane that serves asks 10 cores; the pod that waits and the one that was rejected ask nothing."""
    names = ("pod-running-ready", "pod-pending-insufficient-gpu", "pod-failed-unexpected-admission")
    found = join([trace_of(raw(name)[0]) for name in names], [], INTEREST)

    assert len(found.pods) == 3
    assert found.loads == {
        "gpu-worker-0": {"lanes": {"cpu": 10, "memory": 40 * 2**30, "nvidia.com/gpu": 1}},
    }


def test_pod_of_two_selectors_is_one_pod() -> None:
    """Two pools may ask for the same pod; it is there once."""
    traces = [trace_of(pod_json(labels={LLM: "true"})), trace_of(pod_json(labels={LLM: "true"}))]

    assert len(join(traces, [], INTEREST).pods) == 1


def test_pool_by_lanes_keeps_bare_pods() -> None:
    """A pod without a controller is a lane of its own, and can be named as one."""
    interest = interest_of(Config(pools=(Pool(name="p", lanes=("vllm/p",)),)))
    trace = trace_pod(pod_json(), interest)

    assert trace is not None
    assert trace.pod is not None
    assert (trace.pod.lane, trace.pod.kind) == ("p", "")


def test_unreadable_pod_of_a_pool_is_there() -> None:
    """Of a pod that cannot be read, its name and labels are enough to say that a lane has a pod in an unknown phase."""
    bad = {"metadata": {"namespace": "vllm", "name": "p", "labels": {LLM: "true"}}, "spec": 1}
    trace = trace_unreadable_pod(json.dumps(bad).encode(), INTEREST)

    assert trace is not None
    assert trace.pod is not None
    assert (trace.pod.name, trace.pod.phase, trace.pod.labels, trace.load) == ("p", "Unknown", {LLM: "true"}, None)


loads = st.builds(
    Load,
    node=st.sampled_from("ab"),
    part=st.sampled_from(PARTS),
    requests=st.dictionaries(st.sampled_from(["cpu", "memory"]), st.integers(1, 1 << 40).map(float), min_size=1),
)


@given(st.lists(loads), st.randoms())
def test_sums_do_not_depend_on_order(found: list[Load], random: Any) -> None:  # noqa: ANN401  # hypothesis' own
    """Each request is counted once, in whatever order pods come; bytes and whole cores add up exactly."""
    shuffled = list(found)
    random.shuffle(shuffled)
    total = sum(amount for node in sum_loads(found).values() for part in node.values() for amount in part.values())

    assert sum_loads(found) == sum_loads(shuffled)
    assert total == sum(sum(load.requests.values()) for load in found)
