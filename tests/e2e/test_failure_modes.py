"""How a GPU lane can fail, played as objects on a real API server with real controllers, and what the watcher says.

Each mode begins on a node that is well, and ends with it well again: what it says goes away with what it names.
"""

from typing import Any, Final

import pytest

from e2e.stage import DEEP, FAST, GPU, LABELS, REJECTED, Stage, bare_pod, crashing, denying, running, stateful_lane
from e2e.told import SOON, SWITCH_SECONDS, WELL, expect, sees, told
from e2e.waiting import eventually
from e2e.watcher import Watcher, values
from exporter import catalogue as c
from exporter.exposition import Page

pytestmark = pytest.mark.real

UNSERVED: Final = ("none", "Deployment", FAST)  # who should run and does not


def test_none_runs(stage: Stage, watcher: Watcher) -> None:
    """Mode 1: the pod is gone and nobody ordered it; its successor has no node yet."""
    stage.lose(FAST)
    expect(watcher, told("none", UNSERVED))
    stage.serve(FAST)
    expect(watcher, WELL)


def test_two_lanes_run(stage: Stage, watcher: Watcher) -> None:
    """Mode 2: both are named, for either may be the one that should not be there."""
    stage.scale(DEEP, 1)
    stage.serve(DEEP)
    expect(watcher, told("many", ("multiple", "Pod", f"{FAST}-*"), ("multiple", "Pod", f"{DEEP}-*")))
    stage.scale(DEEP, 0)
    stage.end(DEEP)
    expect(watcher, WELL)


def test_an_intruder_asks_for_the_card(stage: Stage, watcher: Watcher) -> None:
    """Mode 3: a pod that is of no lane was given the node's card; the lane runs all the same."""
    intruder = bare_pod(stage, "notebook", labels={})
    stage.cluster.apply([intruder])
    stage.cluster.bind(intruder, stage.node)
    expect(watcher, told("steady", ("intruder", "Pod", "notebook")))
    assert values(watcher.look(), c.POOL_VIOLATOR_INFO, violator_namespace=stage.namespace) == [1.0]
    stage.cluster.delete(intruder)
    expect(watcher, WELL)


def test_a_rolling_update_waits_for_itself(stage: Stage, watcher: Watcher) -> None:
    """Mode 4: the new pod needs the card that the old one keeps; said before it happens, and while it does."""
    rolling = {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}
    stage.change(FAST, {**rolling, "progressDeadlineSeconds": 1})
    sees(watcher, lambda page: values(page, c.LANE_SURGE_DEADLOCK, lane=FAST), [1.0], "the risk")
    stage.roll(FAST, "registry.example.com/ai/llama-server:2")
    stage.unschedulable(FAST)
    waits = (("surge_deadlock", "Deployment", FAST), ("pending_behind_active", "Pod", f"{FAST}-*"))
    expect(watcher, told("switching", *waits))
    eventually(lambda: is_stuck(stage), expected=True, within=SOON, what="ProgressDeadlineExceeded")
    watcher.skip(SWITCH_SECONDS + 1)
    expect(watcher, told("many", *waits))
    stage.roll(FAST, "registry.example.com/ai/llama-server:1")
    expect(watcher, WELL)


def test_no_card_is_offered(stage: Stage, watcher: Watcher) -> None:
    """Mode 5: the device plugin is down, so the node offers nothing and the lane's pod waits though none runs."""
    stage.offer(0)
    stage.lose(FAST)
    pod = stage.unschedulable(FAST)
    lacking = (("insufficient_gpu", "Pod", f"{FAST}-*"), ("device_unhealthy", "Node", stage.node))
    expect(watcher, told("none", UNSERVED, *lacking))
    sees(watcher, lambda page: offered(page, stage), [0.0], "what the node offers")
    stage.offer(1)
    stage.cluster.bind(pod, stage.node)
    stage.report(pod, running(pod))
    expect(watcher, WELL)


def test_admission_leaves_corpses(stage: Stage, watcher: Watcher) -> None:
    """Mode 6: the kubelet rejects pod after pod; once one runs, the corpses that stay are nobody's trouble."""
    stage.lose(FAST)
    for _ in range(2):
        stage.report(stage.placed(FAST), REJECTED)
    expect(watcher, told("none", ("unexpected_admission", "Pod", f"{FAST}-*"), UNSERVED))
    sees(
        watcher,
        lambda page: values(page, c.LANE_PROBLEMS, lane=FAST, phase="failed", reason="UnexpectedAdmissionError"),
        [2.0],
        "corpses",
    )
    stage.serve(FAST)
    expect(watcher, WELL)


def test_a_reason_that_nobody_knows_yet(stage: Stage, watcher: Watcher) -> None:
    """Mode 7: a newer kubelet holds the pod back for a reason of its own; the reason is passed on."""
    stage.lose(FAST)
    pod = stage.placed(FAST)
    stage.report(pod, {"phase": "Pending", "reason": "DeviceNotReady", "message": "device is resetting"})
    expect(watcher, told("none", UNSERVED))
    sees(
        watcher,
        lambda page: values(page, c.LANE_PROBLEMS, lane=FAST, phase="pending", reason="DeviceNotReady"),
        [1.0],
        "pods that are not ready for a device",
    )
    stage.report(pod, running(pod))
    expect(watcher, WELL)


def test_the_old_pod_does_not_go(stage: Stage, watcher: Watcher) -> None:
    """Mode 8: told to go, and still there a minute after its grace is over."""
    (pod,) = stage.pods(FAST)
    stage.cluster.delete(pod, grace_seconds=1)
    expect(watcher, told("none", UNSERVED))
    watcher.skip(120)
    expect(watcher, told("none", ("terminating_stuck", "Pod", f"{FAST}-*"), UNSERVED))
    stage.end(FAST)
    stage.serve(FAST)
    expect(watcher, WELL)


def test_a_quota_denies_the_pod(stage: Stage, watcher: Watcher) -> None:
    """Mode 10: the quota leaves no pod to look at, only a Deployment that says that it makes none."""
    allow_one_card(stage)
    stage.scale(DEEP, 1)
    expect(watcher, told("steady", ("quota_denied", "Deployment", DEEP)))
    stage.scale(DEEP, 0)
    expect(watcher, WELL)


def test_a_quota_denies_the_pod_of_a_stateful_set(stage: Stage, watcher: Watcher) -> None:
    """Mode 10: a StatefulSet says nothing of it; only the event of its controller does."""
    allow_one_card(stage)
    lane = stateful_lane(stage, "deep-set")
    stage.cluster.apply([lane])
    expect(watcher, told("steady", ("quota_denied", "StatefulSet", "deep-set")))
    stage.cluster.delete(lane)
    expect(watcher, WELL)


def test_a_policy_denies_the_pod(stage: Stage, watcher: Watcher) -> None:
    """Mode 10: as with the quota, but it is a rule of the cluster that says no."""
    policy = denying(stage.namespace, DEEP)
    stage.cluster.apply(policy)
    denied = bare_pod(stage, "denied", labels={"app": DEEP})
    eventually(lambda: stage.cluster.is_refused(denied), expected=True, within=SOON, what="whether the policy works")
    stage.scale(DEEP, 1)
    expect(watcher, told("steady", ("admission_denied", "Deployment", DEEP)))
    for one in reversed(policy):
        stage.cluster.delete(one)
    stage.serve(DEEP)
    stage.scale(DEEP, 0)
    stage.end(DEEP)
    expect(watcher, WELL)


def test_a_gate_holds_the_pod(stage: Stage, watcher: Watcher) -> None:
    """Mode 10: a pod behind a gate is pending, and nothing but the gate is to blame."""
    gated = bare_pod(stage, "gated", labels=LABELS, spec=[("schedulingGates", [{"name": "example.com/quota"}])])
    stage.cluster.apply([gated])
    expect(watcher, told("many", ("pending_behind_active", "Pod", "gated"), ("gated", "Pod", "gated")))
    stage.cluster.delete(gated)
    expect(watcher, WELL)


@pytest.mark.parametrize(
    ("ended", "event"),
    [
        pytest.param({"reason": "Error", "exitCode": 1}, "crash_loop", id="a server that exits"),
        pytest.param({"reason": "OOMKilled", "exitCode": 137}, "oom_killed", id="a server that outgrows its memory"),
    ],
)
def test_the_server_dies_again_and_again(stage: Stage, watcher: Watcher, ended: dict[str, Any], event: str) -> None:
    """Mode 11: the loop is named, with how the last run ended."""
    (pod,) = stage.pods(FAST)
    stage.report(pod, crashing(pod, ended))
    expect(watcher, told("steady", ("crash_loop", "Pod", f"{FAST}-*")))
    sees(
        watcher,
        lambda page: len(values(page, c.LANE_LAST_TERMINATION, lane=FAST, reason=ended["reason"])),
        1,
        "the last termination",
    )
    sees(watcher, lambda page: values(page, c.LANE_EVENTS, lane=FAST, event=event), [1.0], event)
    stage.report(pod, running(pod, restartCount=7))
    expect(watcher, WELL)


def test_loading_is_no_failure(stage: Stage, watcher: Watcher) -> None:
    """Mode 12: a pod that runs and is not ready yet keeps the pool steady; only the lane is not ready."""
    (pod,) = stage.pods(FAST)
    stage.report(pod, running(pod, is_ready=False))
    sees(watcher, lambda page: values(page, c.LANE_READY, lane=FAST), [0.0], "ready pods")
    expect(watcher, WELL)
    stage.report(pod, running(pod))
    sees(watcher, lambda page: values(page, c.LANE_READY, lane=FAST), [1.0], "ready pods")


def test_the_card_is_gone(stage: Stage, watcher: Watcher) -> None:
    """Mode 14: the node has a card that it no longer offers, while the pod that holds it still runs."""
    stage.offer(0)
    expect(watcher, told("steady", ("device_unhealthy", "Node", stage.node)))
    sees(watcher, lambda page: offered(page, stage), [0.0], "what the node offers")
    assert values(watcher.look(), c.NODE_CAPACITY_GPUS, node=stage.node, resource=GPU, view="capacity") == [1.0]
    stage.offer(1)
    expect(watcher, WELL)
    sees(watcher, lambda page: offered(page, stage), [1.0], "what the node offers")


def test_the_node_is_lost(stage: Stage, watcher: Watcher) -> None:
    """A node that is heard no more may still run its pod: the reason is named, and goes once it is heard again."""
    stage.go_silent()
    expect(watcher, told("unknown", ("node_lost", "Pod", f"{FAST}-*")))
    assert values(watcher.look(), c.POOL_INVARIANT_OK) == []
    stage.come_back()
    expect(watcher, WELL)


def test_a_lost_node_may_still_run_its_pod(stage: Stage, watcher: Watcher) -> None:
    """Told to go where nobody hears it, and replaced elsewhere: two may run, until its kubelet says that it ended."""
    stage.join(stage.spare)
    stage.go_silent()
    (old,) = stage.pods(FAST)
    stage.cluster.delete(old, grace_seconds=30)
    stage.serve(FAST, on=stage.spare)
    both = (("split", "Pod", f"{FAST}-*"), ("node_lost", "Pod", f"{FAST}-*"), ("terminating_stuck", "Pod", f"{FAST}-*"))
    expect(watcher, told("split", *both))
    stage.offer(1)
    stage.end(FAST)
    expect(watcher, WELL)


def offered(page: Page, stage: Stage) -> list[float]:
    return values(page, c.NODE_CAPACITY_GPUS, node=stage.node, resource=GPU, view="allocatable")


def is_stuck(stage: Stage) -> bool:
    lanes = stage.cluster.objects(f"/apis/apps/v1/namespaces/{stage.namespace}/deployments")
    conditions = [one for lane in lanes for one in lane["status"].get("conditions", ())]
    return any((one["type"], one.get("reason")) == ("Progressing", "ProgressDeadlineExceeded") for one in conditions)


def allow_one_card(stage: Stage) -> None:
    """Let the namespace have one GPU, which is in use."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"namespace": stage.namespace, "name": "one-card"},
        "spec": {"hard": {f"requests.{GPU}": "1"}},
    }
    stage.cluster.apply([quota])
    eventually(lambda: counted(stage), expected="1", within=SOON, what="GPUs that the quota counts")


def counted(stage: Stage) -> str:
    (quota,) = stage.cluster.objects(f"/api/v1/namespaces/{stage.namespace}/resourcequotas")
    return str(quota.get("status", {}).get("used", {}).get(f"requests.{GPU}", ""))
