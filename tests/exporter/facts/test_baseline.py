"""Each check of a node is passed, failed or left out, and what cannot be told is left out."""

from dataclasses import replace
from typing import Final

import pytest

from exporter.cluster import Daemon, DaemonPod, Dra, NodeInfo, Nodes, OfferedDevice, Taint, Workloads
from exporter.config_agents import AgentsOf
from exporter.config_cluster import NodeBaseline
from exporter.facts.agreement import agreements
from exporter.facts.baseline import CHECKS, checks, surroundings
from exporter.facts.gpu_nodes import gpu_nodes
from exporter.snapshot import Agents, Device, NodeView, Snapshot, SourceState
from fakes.reference_cluster import NODE, NODES, WORKLOADS

_AGENT_LABELS: Final = AgentsOf().labels
_WELL: Final = Snapshot(node="watcher", nodes=NODES, workloads=WORKLOADS)
_INFO: Final = NODES.nodes[0]
_CARDS: Final = NodeView(node=NODE, devices=(Device(uuid="GPU-1", index=0),))
_OFFERED: Final = OfferedDevice(driver="gpu.nvidia.com", pool=NODE, device="gpu-0", node=NODE)
_AGENT: Final = DaemonPod(
    namespace="lanewatch", name="a", daemon="lanewatch", node=NODE, is_ready=True, labels=_AGENT_LABELS
)


def found(
    snapshot: Snapshot, *, policy: NodeBaseline | None = None, served: frozenset[str] | None = None
) -> dict[str, bool]:
    around = surroundings(snapshot, policy or NodeBaseline(), _AGENT_LABELS, served)
    (node,) = gpu_nodes(snapshot)
    return checks(node, agreements(node), around)


def of(info: NodeInfo, snapshot: Snapshot = _WELL) -> Snapshot:
    return replace(snapshot, nodes=replace(NODES, nodes=(info,)))


def by(*pods: DaemonPod, loads: bool = True) -> Snapshot:
    workloads = replace(WORKLOADS, daemon_pods=pods, loads=WORKLOADS.loads if loads else None)
    return replace(_WELL, workloads=workloads)


def pods(*, but: str = "", ready: bool = True) -> tuple[DaemonPod, ...]:
    """Return the reference node's daemons, but one, or with one that is not ready."""
    return tuple(
        replace(pod, is_ready=ready or but not in pod.daemon)
        for pod in WORKLOADS.daemon_pods
        if not ready or not but or but not in pod.daemon
    )


def without(resource: str) -> NodeInfo:
    left = {name: amount for name, amount in _INFO.allocatable.items() if name != resource}
    return replace(_INFO, allocatable=left, capacity=left)


def claims_failing(kind: str) -> Snapshot:
    state = SourceState(name="claims", is_up=False, errors={kind: 3})
    return replace(of(without("nvidia.com/gpu")), sources={"claims": state})


def test_the_reference_node_passes_every_check() -> None:
    assert found(_WELL, served=frozenset({NODE})) == dict.fromkeys(CHECKS, True)


@pytest.mark.parametrize(
    ("snapshot", "check", "expected"),
    [
        pytest.param(of(replace(_INFO, is_ready=False)), "ready", False, id="not ready"),
        pytest.param(of(replace(_INFO, is_ready=None)), "ready", False, id="a kubelet that is not heard is not ready"),
        pytest.param(of(replace(_INFO, is_unschedulable=True)), "schedulable", False, id="cordoned"),
        pytest.param(
            of(replace(_INFO, allocatable={**_INFO.allocatable, "nvidia.com/gpu": 0.0})),
            "advertised",
            False,
            id="offers 0",
        ),
        pytest.param(of(without("nvidia.com/gpu")), "advertised", False, id="offers nothing, nobody else does"),
        pytest.param(
            replace(of(without("nvidia.com/gpu")), dra=Dra(version="v1", offered=(_OFFERED,))),
            "advertised",
            True,
            id="offered by ResourceSlices",
        ),
        pytest.param(claims_failing("forbidden"), "advertised", None, id="claims may not be read"),
        pytest.param(claims_failing("absent"), "advertised", False, id="claims are not served"),
        pytest.param(
            of(replace(_INFO, labels={"nvidia.com/gpu.count": "1"})), "labelled", False, id="a label is missing"
        ),
        pytest.param(of(replace(_INFO, taints=())), "isolated", False, id="no taint"),
        pytest.param(
            of(replace(_INFO, taints=(Taint(key="nvidia.com/gpu", effect="PreferNoSchedule"),))),
            "isolated",
            False,
            id="a taint that only asks",
        ),
        pytest.param(
            of(replace(_INFO, taints=(Taint(key="node.kubernetes.io/unreachable", effect="NoSchedule"),))),
            "isolated",
            False,
            id="a taint of another meaning",
        ),
        pytest.param(by(*pods(but="dcgm")), "telemetry", False, id="no exporter there"),
        pytest.param(by(*pods(but="dcgm", ready=False)), "telemetry", False, id="an exporter that is not ready"),
        pytest.param(by(*pods(but="dcgm"), loads=False), "telemetry", None, id="not all pods are seen"),
        pytest.param(
            by(*pods(but="dcgm"), _AGENT), "telemetry", True, id="our agent's pod is ready, and was not asked"
        ),
        pytest.param(
            replace(by(*pods(but="dcgm"), _AGENT), agents=Agents(silent={NODE: "timeout"})),
            "telemetry",
            False,
            id="our agent's pod is ready, and does not answer",
        ),
        pytest.param(
            replace(by(*pods(but="dcgm")), agents=Agents(by_node={NODE: _CARDS})),
            "telemetry",
            True,
            id="our agent answers",
        ),
        pytest.param(replace(_WELL, workloads=None), "telemetry", None, id="telemetry, and no pod is seen"),
        pytest.param(
            of(replace(_INFO, labels={"nvidia.com/gpu.count": "1"})), "sharing_explicit", False, id="nobody says how"
        ),
        pytest.param(
            of(replace(_INFO, allocatable={**_INFO.allocatable, "nvidia.com/gpu": 4.0})),
            "sharing_explicit",
            False,
            id="the label says none, four are offered",
        ),
        pytest.param(
            replace(of(replace(without("nvidia.com/gpu"), labels={})), dra=Dra(version="v1", offered=(_OFFERED,))),
            "sharing_explicit",
            None,
            id="claims share card by card",
        ),
        pytest.param(by(*pods(but="plugin")), "device_plugin", False, id="no plugin's pod there"),
        pytest.param(by(*pods(but="plugin", ready=False)), "device_plugin", False, id="a plugin that is not ready"),
        pytest.param(by(*pods(but="plugin"), loads=False), "device_plugin", None, id="a plugin that cannot be seen"),
        pytest.param(
            replace(_WELL, nodes=replace(NODES, daemons=()), workloads=Workloads(loads={})),
            "device_plugin",
            False,
            id="no plugin anywhere",
        ),
        pytest.param(
            replace(
                _WELL,
                nodes=replace(NODES, daemons=()),
                workloads=Workloads(loads={}),
                dra=Dra(version="v1", offered=(_OFFERED,)),
            ),
            "device_plugin",
            None,
            id="no plugin, claims serve the node",
        ),
        pytest.param(by(*pods(but="discovery", ready=False)), "daemons", False, id="another daemon is not ready"),
        pytest.param(by(*pods(but="discovery")), "daemons", None, id="no other daemon there"),
        pytest.param(_WELL, "served", None, id="nobody looked yet whether a server was ready"),
    ],
)
def test_a_check_says_what_is_so(snapshot: Snapshot, check: str, expected: bool | None) -> None:  # noqa: FBT001  # a column of a table
    assert found(snapshot).get(check) is expected


def test_a_server_must_have_been_ready_on_this_very_node() -> None:
    assert found(_WELL, served=frozenset({"another"}))["served"] is False


def test_what_the_configuration_does_not_ask_for_is_not_checked() -> None:
    assert not {"labelled", "isolated"} & found(_WELL, policy=NodeBaseline(labels=(), taints=())).keys()


def test_one_node_of_many_has_gpus() -> None:
    """A fleet's CPU nodes are nobody's business here."""
    plain = NodeInfo(name="cpu-1", capacity={"cpu": 8.0, "nvidia.com/hostdev": 1.0})
    nodes = Nodes(nodes=(plain, _INFO), daemons=(Daemon(namespace="n", name="d", desired=1, ready=1),))
    assert [node.name for node in gpu_nodes(replace(_WELL, nodes=nodes))] == [NODE]
