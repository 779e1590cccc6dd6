"""Why a pool's invariant is broken, and who is to blame."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.cluster import Container, CreateFailure, Events, Pod, Termination
from exporter.config_cluster import Pool
from exporter.facts.violators import OF_A_POOL, OF_A_UNIT, VIOLATIONS
from exporter.snapshot import Device, Snapshot
from fakes.pool_world import (
    INSUFFICIENT,
    LABELS,
    MIB,
    NOW,
    holder,
    judged,
    lane,
    named,
    node,
    owner,
    pod,
    reasons,
    seen,
    stranger,
    view,
    world,
)

FAST = pod("fast")
WAITING = pod("fast", "Pending", reason=INSUFFICIENT)
OTHER = "Pod vllm/notebook-running"
ROLLED = lane("fast", strategy="RollingUpdate", max_surge=1)
UNHEALTHY = node(allocatable={"nvidia.com/gpu": 0.0})
OWN = (owner(FAST.name),)
TWO_CARDS = (Device(uuid="GPU-n1", index=0), Device(uuid="GPU-b", index=1))


def container(**fields: object) -> Container:
    return Container(name="server", **fields)  # type: ignore[arg-type]  # the fields of Container


def failed(code: int = 137) -> Termination:
    return Termination(reason="OOMKilled", exit_code=code, at=NOW - 5)


def refused(name: str, message: str, age: float = 60.0) -> Snapshot:
    """Return a cluster in which the lane `fast` has no pod, and an event says why."""
    event = CreateFailure(namespace="vllm", kind="Deployment", name=name, message=message, at=NOW - age)
    return seen(world(fast=1), events=Events(create_failures=(event,)))


def test_the_order_of_explanation_names_every_reason() -> None:
    """Each is told by one function: of a unit, or of the pool."""
    assert sorted(VIOLATIONS) == sorted([*OF_A_UNIT, *OF_A_POOL])


@pytest.mark.parametrize(
    ("snapshot", "broken"),
    [
        pytest.param(seen(world(FAST, fast=1)), {}, id="nothing"),
        pytest.param(seen(world()), {"none": []}, id="1: every lane is parked"),
        pytest.param(seen(world(fast=1)), {"none": ["Deployment vllm/fast"]}, id="1: a raised lane has no pod"),
        pytest.param(
            seen(world(FAST, pod("deep"), fast=1, deep=1)),
            {"multiple": ["Pod vllm/deep-running", "Pod vllm/fast-running"]},
            id="2: two lanes run",
        ),
        pytest.param(
            seen(world(FAST, WAITING, lanes=[ROLLED])),
            {"pending_behind_active": ["Pod vllm/fast-pending"], "surge_deadlock": ["Deployment vllm/fast"]},
            id="4: a roll-out waits for itself",
        ),
        pytest.param(
            seen(world(FAST, WAITING, lanes=[replace(ROLLED, desired_replicas=2)])),
            {"pending_behind_active": ["Pod vllm/fast-pending"]},
            id="4: a lane that wants two has no surplus pod",
        ),
        pytest.param(
            seen(world(WAITING, pod("fast", "Pending", name="fast-b", reason=INSUFFICIENT), lanes=[ROLLED])),
            {"none": ["Deployment vllm/fast"], "insufficient_gpu": ["Pod vllm/fast-b", "Pod vllm/fast-pending"]},
            id="4: two pods of a lane wait, and no older one holds the card",
        ),
        pytest.param(
            seen(world(FAST, pod("deep", "Pending", reason=INSUFFICIENT), fast=1, deep=1)),
            {"pending_behind_active": ["Pod vllm/deep-pending"]},
            id="a second lane waits for the card of the first",
        ),
        pytest.param(
            seen(world(WAITING, fast=1), nodes=[UNHEALTHY]),
            {
                "none": ["Deployment vllm/fast"],
                "insufficient_gpu": ["Pod vllm/fast-pending"],
                "device_unhealthy": ["Node /n1"],
            },
            id="5: the device plugin is down",
        ),
        pytest.param(
            seen(world(pod("fast", "Pending", reason="Unschedulable: Insufficient memory"), fast=1)),
            {"none": ["Deployment vllm/fast"]},
            id="a lane that waits for memory does not lack a GPU",
        ),
        pytest.param(
            seen(world(pod("fast", "Failed", reason="UnexpectedAdmissionError"), fast=1)),
            {"none": ["Deployment vllm/fast"], "unexpected_admission": ["Pod vllm/fast-failed"]},
            id="6: the device plugin was rolled with the model",
        ),
        pytest.param(
            seen(world(FAST, pod("fast", "Failed", reason="UnexpectedAdmissionError"), fast=1)),
            {},
            id="6: the corpse of a rejected pod breaks nothing once another runs",
        ),
        pytest.param(
            seen(world(pod("fast", "Pending", reason="DeviceNotReady"), fast=1)),
            {"none": ["Deployment vllm/fast"]},
            id="7: a reason that nobody knows yet",
        ),
        pytest.param(
            seen(world(pod("deep", is_terminating=True, delete_by=NOW - 61), WAITING, fast=1)),
            {
                "none": ["Deployment vllm/fast"],
                "insufficient_gpu": ["Pod vllm/fast-pending"],
                "terminating_stuck": ["Pod vllm/deep-running"],
            },
            id="8: a pod that should be gone for a minute",
        ),
        pytest.param(
            seen(world(FAST, pod("deep", is_terminating=True, delete_by=NOW - 60), fast=1)),
            {},
            id="8: a pod whose kubelet has a moment left",
        ),
        pytest.param(
            seen(
                world(FAST, pod("deep", is_terminating=True, delete_by=NOW + 9, node="n2"), fast=1),
                nodes=[node(), node("n2", is_ready=False)],
            ),
            {"terminating_stuck": ["Pod vllm/deep-running"]},
            id="8: a pod that is going on a node that is not ready",
        ),
        pytest.param(
            seen(world(lanes=[lane("fast", failure="pods is forbidden: exceeded quota: gpus, requested: ...")])),
            {"none": ["Deployment vllm/fast"], "quota_denied": ["Deployment vllm/fast"]},
            id="10: the quota refuses the pod",
        ),
        pytest.param(
            seen(world(lanes=[lane("fast", failure='admission webhook "gpu.example.com" denied the request')])),
            {"none": ["Deployment vllm/fast"], "admission_denied": ["Deployment vllm/fast"]},
            id="10: a webhook refuses the pod",
        ),
        pytest.param(
            seen(world(FAST, lanes=[lane("fast", failure="exceeded quota: gpus")])),
            {},
            id="10: a refusal of the past, for the lane has its pod",
        ),
        pytest.param(
            refused("fast", "exceeded quota: gpus"),
            {"none": ["Deployment vllm/fast"], "quota_denied": ["Deployment vllm/fast"]},
            id="10: an event tells of the quota",
        ),
        pytest.param(
            refused("fast-lane", "exceeded quota: gpus"),
            {"none": ["Deployment vllm/fast"]},
            id="10: an event of another lane",
        ),
        pytest.param(
            refused("fast", "exceeded quota: gpus", age=1200),
            {"none": ["Deployment vllm/fast"]},
            id="10: an event that is too old to hold",
        ),
        pytest.param(
            seen(world(pod("fast", "Pending", reason="SchedulingGated"), fast=1)),
            {"none": ["Deployment vllm/fast"], "gated": ["Pod vllm/fast-pending"]},
            id="10: a gate holds the pod",
        ),
        pytest.param(
            seen(world(pod("fast", reason="CrashLoopBackOff"), fast=1)),
            {"crash_loop": ["Pod vllm/fast-running"]},
            id="11: one that crashes again and again is still exactly one",
        ),
        pytest.param(
            seen(world(pod("fast", is_ready=False, containers=(container(waiting="CrashLoopBackOff"),)), fast=1)),
            {"crash_loop": ["Pod vllm/fast-running"]},
            id="11: a container that waits for its next try",
        ),
        pytest.param(
            seen(world(pod("fast", is_ready=False, containers=(container(restarts=3, last=failed()),)), fast=1)),
            {"crash_loop": ["Pod vllm/fast-running"]},
            id="11: a container in its fourth try",
        ),
        pytest.param(
            seen(world(pod("fast", is_ready=False, containers=(container(restarts=1, last=failed()),)), fast=1)),
            {},
            id="12: a container that loads after one crash",
        ),
        pytest.param(seen(world(pod("fast", is_ready=False), fast=1)), {}, id="12: a pod that loads its model"),
        pytest.param(
            seen(world(pod("fast", containers=(container(is_ready=True, restarts=9, last=failed()),)), fast=1)),
            {},
            id="11: a container that serves after nine crashes",
        ),
        pytest.param(
            seen(world(pod("fast", "Pending", containers=(container(waiting="ImagePullBackOff"),)), fast=1)),
            {"none": ["Deployment vllm/fast"], "image_pull": ["Pod vllm/fast-pending"]},
            id="an image that is not there",
        ),
        pytest.param(
            seen(
                world(FAST, fast=1),
                nodes=[UNHEALTHY],
                views=[view(devices=(Device(uuid="GPU-n1", index=0, unavailable="lost"),), owners=OWN)],
            ),
            {"device_unhealthy": ["Card /GPU-n1", "Node /n1"]},
            id="14: the card is lost under a pod that still counts as running",
        ),
    ],
)
def test_what_is_broken(snapshot: Snapshot, broken: Mapping[str, list[str]]) -> None:
    """The numbers are those of the ways to fail; every reason that holds is named, with who is to blame."""
    verdict = judged(snapshot)
    assert {reason: named(verdict, reason) for reason in reasons(verdict)} == broken


@pytest.mark.parametrize(
    ("snapshot", "blamed"),
    [
        pytest.param(seen(world(FAST, stranger(), fast=1), nodes=[node()]), [OTHER], id="asks for the node's one card"),
        pytest.param(seen(world(FAST, stranger(), fast=1)), [OTHER], id="nobody says how many cards there are"),
        pytest.param(
            seen(world(FAST, stranger(node="n2"), fast=1), nodes=[node(), node("n2")]), [], id="is on another node"
        ),
        pytest.param(seen(world(FAST, stranger(), fast=1), nodes=[node(gpus=2)]), [], id="asks for one of two cards"),
        pytest.param(
            seen(world(FAST, stranger(), fast=1), nodes=[node(gpus=4, labels={"nvidia.com/gpu.count": "1"})]),
            [OTHER],
            id="asks for a replica of the one card",
        ),
        pytest.param(
            seen(world(FAST, pod("notebook", "Pending", labels={}), fast=1), nodes=[node()]),
            ["Pod vllm/notebook-pending"],
            id="waits for the only card of the cluster",
        ),
        pytest.param(
            seen(world(FAST, pod("notebook", "Pending", labels={}), fast=1), nodes=[node(), node("n2")]),
            [],
            id="waits for any of two cards",
        ),
        pytest.param(
            seen(world(WAITING, stranger(), fast=1), nodes=[node()]), [OTHER], id="took the card before the lane came"
        ),
        pytest.param(seen(world(FAST, stranger(phase="Succeeded"), fast=1), nodes=[node()]), [], id="has ended"),
        pytest.param(
            seen(
                world(FAST, stranger(), fast=1),
                nodes=[node(gpus=2)],
                views=[view(devices=TWO_CARDS, owners=(*OWN, owner("notebook-running")))],
            ),
            [OTHER],
            id="shares the lane's card of two",
        ),
        pytest.param(
            seen(
                world(FAST, stranger(), fast=1),
                nodes=[node(gpus=2)],
                views=[view(devices=TWO_CARDS, owners=(*OWN, owner("notebook-running", "GPU-b")))],
            ),
            [],
            id="has the other card of two",
        ),
        pytest.param(
            seen(
                world(FAST, stranger(), fast=1),
                views=[view(devices=TWO_CARDS, owners=(*OWN, owner("notebook-running", "GPU-b")))],
            ),
            [],
            id="has the other card of two, and the nodes may not be asked",
        ),
        pytest.param(
            seen(world(FAST, fast=1), nodes=[node()], views=[view(owners=(*OWN, owner("sneak", source="process")))]),
            ["Pod vllm/sneak"],
            id="holds memory without having been given the card",
        ),
        pytest.param(
            seen(
                world(FAST, fast=1),
                nodes=[node()],
                views=[view(owners=(*OWN, owner("uid:uid-fast", source="process")))],
            ),
            [],
            id="is the lane's own pod by the beginning of its UID",
        ),
        pytest.param(
            seen(world(FAST, fast=1), nodes=[node()], views=[view(owners=(*OWN, owner("gone")))]),
            [],
            id="is gone, and its row not yet",
        ),
        pytest.param(
            seen(world(FAST, fast=1), nodes=[node()], views=[view(owners=OWN, holders=(holder("host", 6000),))]),
            ["Process /python3"],
            id="is a process of the host",
        ),
        pytest.param(
            seen(world(FAST, fast=1), nodes=[node()], views=[view(owners=OWN, holders=(holder("host", 512),))]),
            [],
            id="is a process of the host as large as a monitor",
        ),
        pytest.param(
            seen(
                world(FAST, fast=1),
                nodes=[node()],
                views=[view(owners=OWN, holders=(holder("host", 6000, "nvidia-cuda-mps"),))],
            ),
            [],
            id="is the server of MPS, that holds for others",
        ),
        pytest.param(
            seen(world(FAST, fast=1), nodes=[node()], views=[view(owners=OWN, holders=(holder("pods", 6000),))]),
            [],
            id="is the lane's own process",
        ),
    ],
)
def test_intruder(snapshot: Snapshot, blamed: list[str]) -> None:
    """Who holds or asks for the pool's card without being of the pool; a neighbour on another card is none."""
    verdict = judged(snapshot)
    assert (named(verdict, "intruder"), verdict.units[""].state) == (
        blamed,
        "none" if WAITING in (snapshot.workloads.pods if snapshot.workloads else ()) else "steady",
    )


def test_who_only_looks_is_no_intruder() -> None:
    """The configuration names the monitors."""
    snapshot = replace(seen(world(FAST, stranger(name="dcgm-exporter-x"), fast=1)), monitors=("*/dcgm-exporter*",))
    assert named(judged(snapshot), "intruder") == []


def test_an_intruder_keeps_the_pool_from_where_it_was() -> None:
    """A pod that waits has no node: of two nodes the one that the pool ran on is where its card is."""
    nodes = [node(), node("n2")]
    before = judged(seen(world(FAST, fast=1), nodes=nodes))
    taken = seen(world(WAITING, stranger(), stranger(name="far", node="n2"), fast=1), nodes=nodes)
    assert named(judged(taken, before=before, now=NOW + 1), "intruder") == [OTHER]


def test_an_intruder_keeps_the_pool_from_its_nodes() -> None:
    """A pool that never ran since the watcher began could run on its nodes, and on no others."""
    pool = Pool(name="gpu-llm", labels=LABELS, nodes={"tier": "large"})
    nodes = [node("n1"), node("n2", labels={"tier": "large"}), node("n3", labels={"tier": "large"})]
    others = [stranger(name=f"on-{one.name}", node=one.name) for one in nodes]
    taken = judged(seen(world(WAITING, *others, fast=1), nodes=nodes), pool=pool)
    assert named(taken, "intruder") == ["Pod vllm/on-n2", "Pod vllm/on-n3"]


def test_the_pod_that_ran_before_is_no_intruder() -> None:
    """Its row may be withdrawn a moment after it; where not all pods are seen, nobody else could tell."""
    before = judged(seen(replace(world(FAST, fast=1), loads=None)))
    next_one = pod("fast", name="fast-b")
    both = [view(owners=(owner("fast-b"), owner(FAST.name)))]
    after = seen(replace(world(next_one, fast=1), loads=None), views=both)

    assert named(judged(after, before=before, now=NOW + 1), "intruder") == []
    assert named(judged(after), "intruder") == ["Pod vllm/fast-running"]


@pytest.mark.parametrize(
    ("parts", "pods", "owners", "blamed"),
    [
        pytest.param({"dead": 600}, [], (), ["Card /GPU-n1"], id="dead processes hold it"),
        pytest.param({"unattributed": 600}, [], (), ["Card /GPU-n1"], id="nothing explains it"),
        pytest.param({"dead": 300, "unresolved": 300}, [], (), ["Card /GPU-n1"], id="some of each"),
        pytest.param({"unattributed": 512}, [], (), [], id="no more than an idle card shows"),
        pytest.param({"unattributed": 6000}, [FAST], OWN, [], id="the card has an owner"),
        pytest.param({"unattributed": 6000}, [], None, [], id="nobody knows whether the card has an owner"),
        pytest.param({"pods": 6000}, [], (owner("x", source="process"),), [], id="a pod's process holds it"),
    ],
)
def test_unowned_vram(parts: Mapping[str, int], pods: list[Pod], owners: tuple[object, ...], blamed: list[str]) -> None:
    """Memory is held on the pool's card, and no pod owns it."""
    sizes = {"GPU-n1": {part: size * MIB for part, size in parts.items()}}
    snapshot = seen(world(*pods, fast=1), nodes=[node()], views=[view(owners=owners, memory_parts=sizes)])
    assert named(judged(snapshot), "unowned_vram") == blamed


def test_a_stateful_set_is_refused_by_its_own_name() -> None:
    """It has no condition that says so; only the event does."""
    event = CreateFailure(namespace="vllm", kind="StatefulSet", name="fast", message="exceeded quota", at=NOW)
    workloads = world(lanes=[lane("fast", kind="StatefulSet")])
    verdict = judged(seen(workloads, events=Events(create_failures=(event,))))
    assert named(verdict, "quota_denied") == ["StatefulSet vllm/fast"]


def test_of_hundreds_ten_are_named() -> None:
    """What is wrong with hundreds is not found by their names."""
    crowd = [pod("fast", name=f"fast-{number:03}") for number in range(300)]
    assert named(judged(seen(world(*crowd, fast=300))), "multiple") == [
        f"Pod vllm/fast-{number:03}" for number in range(10)
    ]
