"""What each layer below the lane's server shows, alone: ok, bad, unknown, not looked at."""

import dataclasses

import pytest

from exporter.cluster import Workloads
from exporter.poll import NOT_READ_YET
from exporter.snapshot import Agents, KernelLog, KernelXid, NodeView, Owner, Snapshot, SourceState, XidCount
from fakes.alias_world import (
    CARD,
    NODE,
    NOW,
    POD,
    RIVAL,
    card,
    case,
    controller,
    given,
    info,
    killed,
    pod,
    refused,
    server,
    sources,
    well,
    without_api,
    without_kubelet,
    world,
)
from probes.layer.case import Case
from probes.layers import LayerState
from probes.verdict import judge_layers

LOST = card(uuid="GPU-2", index=1, unavailable="lost")
TWO_CARDS = (CARD, LOST)
NEW_NODE = info(name="gpu-worker-2")
XID = XidCount(code=79, count=1, last_at=NOW - 60)
DARK = sources(nvml="libnvidia-ml.so.1 was not found")
NEVER_READ = {**sources(), "nvml": SourceState(name="nvml", is_up=False, message="the driver is not loaded")}
NOT_YET = {**sources(), "nvml": SourceState(name="nvml", is_up=False, message=NOT_READ_YET)}


def seen(snapshot: Snapshot) -> Case:
    """A case of an alias that fails, for nothing may excuse a layer."""
    return case(snapshot, refused())


def agent_says(**changes: object) -> Snapshot:
    """The same node, told by its agent to a watcher elsewhere."""
    view = NodeView(node=NODE, devices=(CARD,), owners=(), sources={"nvml": True, "podresources": True})
    told = dataclasses.replace(view, **changes)  # type: ignore[arg-type]  # fields by name, checked by the dataclass
    return world(POD, node="watcher", gpus=None, allocations=None, agents=Agents(by_node={NODE: told}), sources={})


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        pytest.param(well(), "ok", id="Ready"),
        pytest.param(world(POD, nodes=(info(is_unschedulable=True),)), "ok", id="cordoned is no fault"),
        pytest.param(world(POD, nodes=(info(is_ready=False),)), "bad", id="not Ready"),
        pytest.param(world(POD, nodes=(info(is_ready=None),)), "unknown", id="kubelet not heard, the server answers"),
        pytest.param(
            world(POD, nodes=(info(is_ready=None),), backend=server("stopped")), "bad", id="nothing there is heard"
        ),
        pytest.param(
            world(POD, nodes=(info(is_ready=None),), agents=Agents(silent={NODE: "timeout"})), "bad", id="agent silent"
        ),
        pytest.param(world(POD, nodes=(info(), info(name="other", is_ready=False))), "ok", id="another node is down"),
        pytest.param(world(pod(reason="NodeLost")), "bad", id="the pod says that its node is lost"),
        pytest.param(without_api(well()), "unknown", id="API server gone"),
        pytest.param(Snapshot(node="n"), "not_looked_at", id="nobody asks for nodes"),
    ],
)
def test_node(snapshot: Snapshot, state: LayerState) -> None:
    """A node is bad where it says so, or where nothing on it is heard any more."""
    assert state == judge_layers(seen(snapshot)).layers["node"].state


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        pytest.param(well(), "ok", id="the driver answers"),
        pytest.param(world(POD, cards=(card(unavailable="hung"),)), "bad", id="every card hangs"),
        pytest.param(world(POD, cards=(card(unavailable="failed"),)), "bad", id="every call fails"),
        pytest.param(world(POD, cards=(CARD, card(index=1, unavailable="hung"))), "ok", id="one of two hangs"),
        pytest.param(world(POD, gpus=None, sources=DARK), "bad", id="it was read, and is gone"),
        pytest.param(world(POD, gpus=None, sources=NOT_YET), "unknown", id="not read yet"),
        pytest.param(world(POD, gpus=None, sources=NEVER_READ), "unknown", id="never seen from here, cards offered"),
        pytest.param(
            world(POD, gpus=None, sources=NEVER_READ, nodes=(info(allocatable={"nvidia.com/gpu": 0.0}),)),
            "bad",
            id="never seen from here, no card offered either",
        ),
        pytest.param(agent_says(), "ok", id="the agent says it answers"),
        pytest.param(agent_says(devices=None, sources={"nvml": False}), "bad", id="the agent answers, the driver not"),
        pytest.param(
            world(POD, node="watcher", gpus=None, agents=Agents(silent={NODE: "timeout"}), sources={}),
            "unknown",
            id="the agent is silent",
        ),
    ],
)
def test_driver(snapshot: Snapshot, state: LayerState) -> None:
    """A driver is bad where whoever asks it is there, and it gives no card."""
    assert state == judge_layers(seen(snapshot)).layers["driver"].state


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        pytest.param(well(), "ok", id="the card answers"),
        pytest.param(world(POD, cards=(card(unavailable="lost"),)), "bad", id="lost"),
        pytest.param(world(POD, cards=(card(unavailable="missing"),)), "bad", id="missing"),
        pytest.param(world(POD, cards=(card(unavailable="hung"),)), "unknown", id="hung is the driver's matter"),
        pytest.param(world(POD, cards=TWO_CARDS), "ok", id="another lane's card is lost"),
        pytest.param(
            world(POD, cards=TWO_CARDS, allocations=(given("a-1", "GPU-2::0"),)), "bad", id="a share of it is lost"
        ),
        pytest.param(world(POD, cards=TWO_CARDS, allocations=()), "unknown", id="which card it has is not known"),
        pytest.param(world(POD, cards=(card(xids=(XID,)),)), "bad", id="a hardware Xid a minute ago"),
        pytest.param(
            world(POD, cards=(card(xids=(dataclasses.replace(XID, last_at=NOW - 3600),)),)), "ok", id="an hour ago"
        ),
        pytest.param(
            world(POD, cards=(card(xids=(dataclasses.replace(XID, code=31),)),)), "ok", id="an application's Xid"
        ),
        pytest.param(
            world(POD, cards=(card(xids=(dataclasses.replace(XID, code=63),)),)),
            "ok",
            id="an Xid that asks for nothing",
        ),
        pytest.param(
            world(POD, kernel_log=KernelLog(xids=(KernelXid(number=1, pci_bus_id="0000:01:00", code=48, at=NOW),))),
            "bad",
            id="the kernel log tells of it",
        ),
        pytest.param(
            world(POD, kernel_log=KernelLog(xids=(KernelXid(number=1, pci_bus_id="0000:02:00", code=48, at=NOW),))),
            "ok",
            id="the kernel log tells of another card",
        ),
        pytest.param(world(POD, cards=(card(recovery_action="reset_gpu"),)), "bad", id="the driver asks for a reset"),
        pytest.param(world(POD, cards=(card(clock_events={"hw_thermal": True}),)), "ok", id="throttled is no outage"),
        pytest.param(agent_says(devices=(card(unavailable="lost"),)), "bad", id="lost, says the node's agent"),
        pytest.param(
            agent_says(
                devices=TWO_CARDS,
                owners=(
                    Owner(
                        gpu_uuid="GPU-2", namespace="vllm", pod="a-1", container="s", lane="", source="device_plugin"
                    ),
                ),
            ),
            "bad",
            id="its own of two, says the node's agent",
        ),
        pytest.param(
            world(pod(phase="Pending", node=""), nodes=(info(), NEW_NODE), cards=(card(unavailable="lost"),)),
            "not_looked_at",
            id="a pod without a node, and two nodes with cards",
        ),
    ],
)
def test_device(snapshot: Snapshot, state: LayerState) -> None:
    """Only the lane's own cards count, and only what stops work on them."""
    assert state == judge_layers(seen(snapshot)).layers["device"].state


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        pytest.param(well(), "ok", id="the kubelet gave it a card"),
        pytest.param(without_kubelet(well()), "unknown", id="kubelet socket gone"),
        pytest.param(world(pod(phase="Failed", reason="UnexpectedAdmissionError")), "bad", id="the kubelet refused it"),
        pytest.param(
            world(POD, pod(name="a-0", phase="Failed", reason="UnexpectedAdmissionError")), "ok", id="an old corpse"
        ),
        pytest.param(
            world(pod(phase="Pending", node="", reason="Unschedulable: Insufficient nvidia.com/gpu")),
            "bad",
            id="no card is free",
        ),
        pytest.param(
            world(pod(phase="Pending", node="", reason="Unschedulable: Insufficient cpu, memory")),
            "unknown",
            id="no CPU is free: not the card's matter",
        ),
        pytest.param(
            world(nodes=(info(allocatable={"nvidia.com/gpu": 0.0}),)), "bad", id="the node offers no card any more"
        ),
        pytest.param(
            world(POD, nodes=(info(allocatable={"nvidia.com/gpu": 0.0}),)), "ok", id="the same while the pod runs"
        ),
        pytest.param(world(POD, RIVAL, allocations=(given("b-1"),)), "bad", id="the kubelet gave it to another pod"),
        pytest.param(
            world(pod(created_at=NOW - 5), RIVAL, allocations=(given("b-1"),)), "unknown", id="a pod of this moment"
        ),
    ],
)
def test_allocation(snapshot: Snapshot, state: LayerState) -> None:
    """What was refused a card cannot run; what runs already needs no new one."""
    assert state == judge_layers(seen(snapshot)).layers["allocation"].state


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        pytest.param(well(), "ok", id="runs and is ready"),
        pytest.param(world(pod(is_ready=False)), "ok", id="runs, not ready: its server's matter"),
        pytest.param(world(), "bad", id="no pod"),
        pytest.param(world(controllers=(controller(desired=0),)), "bad", id="parked"),
        pytest.param(world(pod(phase="Pending", reason="ImagePullBackOff")), "bad", id="the image is not pulled"),
        pytest.param(world(pod(is_ready=False, reason="CrashLoopBackOff")), "bad", id="it crashes again and again"),
        pytest.param(world(pod(is_terminating=True)), "bad", id="it is on its way out"),
        pytest.param(world(POD, pod(name="a-0", is_terminating=True)), "ok", id="the one before it is"),
        pytest.param(
            world(pod(is_ready=False, reason="OOMKilled", containers=(killed(NOW - 30),))),
            "bad",
            id="killed for memory",
        ),
        pytest.param(world(pod(containers=(killed(NOW - 10),))), "bad", id="killed seconds ago, and ready again"),
        pytest.param(
            world(pod(reason="OOMKilled", containers=(killed(NOW - 3000),))), "ok", id="killed long ago, and ready"
        ),
        pytest.param(world(pod(is_ready=False), RIVAL), "bad", id="two lanes on one card, and this one not ready"),
        pytest.param(world(POD, RIVAL), "ok", id="two lanes on one card, and this one ready"),
        pytest.param(
            world(pod(is_ready=False), dataclasses.replace(RIVAL, node="other")), "ok", id="the other lane is elsewhere"
        ),
        pytest.param(without_api(well()), "unknown", id="API server gone"),
        pytest.param(world(workloads=Workloads()), "not_looked_at", id="the cluster does not know the lane"),
    ],
)
def test_lane_pod(snapshot: Snapshot, state: LayerState) -> None:
    """The pod is bad where Kubernetes itself knows why it does not serve."""
    assert state == judge_layers(seen(snapshot)).layers["lane_pod"].state
