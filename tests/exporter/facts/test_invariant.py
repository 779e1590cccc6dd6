from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.invariant import PHASES, STATES, SWITCH_GRACE_SECONDS, VIOLATIONS, PoolVerdict, judge_pool

LABELS = {"platform.example.com/gpu-llm": "true"}
POOL = Pool(name="gpu-llm", labels=LABELS)
NOW = 10_000.0
INSUFFICIENT = "Unschedulable: Insufficient cpu, nvidia.com/gpu"
LANES = ("deep", "fast", "longctx")


def pod(lane: str, phase: str = "Running", **fields: object) -> Pod:
    base = Pod(namespace="vllm", name=f"{lane}-{phase}", uid="", lane=lane, phase=phase, labels={"app": lane, **LABELS})
    return replace(base, **fields)  # type: ignore[arg-type]  # the fields of Pod


def world(*pods: Pod, fast: int = 0, longctx: int = 0, deep: int = 0, generation: int = 1) -> Workloads:
    desired = {"fast": fast, "longctx": longctx, "deep": deep}
    return Workloads(
        pods=pods,
        controllers=tuple(
            Controller(namespace="vllm", name=name, desired_replicas=count, generation=generation, labels=LABELS)
            for name, count in desired.items()
        ),
    )


STEADY = judge_pool(POOL, world(pod("fast", is_ready=True), fast=1), None, NOW)


def judge_after_steady(workloads: Workloads | None, seconds: float = 5.0) -> PoolVerdict:
    return judge_pool(POOL, workloads, STEADY, NOW + seconds)


def test_exactly_one_running_is_steady() -> None:
    """The reference pool: one lane runs, the others are parked, and nothing is violated."""
    assert (STEADY.state, STEADY.is_ok, STEADY.violations, STEADY.since) == ("steady", True, (), NOW)
    assert [(lane.lane, lane.desired, lane.ready) for lane in STEADY.lanes] == [
        ("deep", 0, 0),
        ("fast", 1, 1),
        ("longctx", 0, 0),
    ]


@pytest.mark.parametrize(
    ("workloads", "state", "violations"),
    [
        pytest.param(world(), "none", ("none",), id="all lanes are parked"),
        pytest.param(
            world(pod("fast"), pod("longctx"), fast=1, longctx=1), "many", ("multiple",), id="two lanes run at once"
        ),
        pytest.param(
            world(pod("fast"), pod("longctx", "Pending", reason=INSUFFICIENT), fast=1, longctx=1),
            "many",
            ("pending_behind_active", "insufficient_gpu"),
            id="a second lane waits for the card of the first",
        ),
        pytest.param(
            world(pod("fast", "Pending", reason="Unschedulable: Insufficient memory"), fast=1),
            "none",
            ("none",),
            id="a lane that waits for memory does not lack a GPU",
        ),
        pytest.param(
            world(pod("fast", "Failed", reason="UnexpectedAdmissionError"), fast=1),
            "none",
            ("none", "unexpected_admission"),
            id="the device plugin was rolled with the model",
        ),
        pytest.param(
            world(pod("fast", "Failed", reason="UnexpectedAdmissionError"), pod("fast"), fast=1),
            "steady",
            (),
            id="the corpse of a rejected pod breaks nothing once another runs",
        ),
        pytest.param(
            world(pod("fast", reason="CrashLoopBackOff", restarts=7), fast=1),
            "steady",
            ("crash_loop",),
            id="one that crashes again and again is still exactly one",
        ),
        pytest.param(
            world(pod("fast", is_terminating=True), pod("longctx"), longctx=1),
            "steady",
            (),
            id="a pod that is going does not run",
        ),
    ],
)
def test_first_sight(workloads: Workloads, state: str, violations: tuple[str, ...]) -> None:
    """What a pool looks like without a past; `is_ok` is the raw truth, exactly one running and none pending."""
    verdict = judge_pool(POOL, workloads, None, NOW)

    assert (state, violations) == (verdict.state, verdict.violations)
    assert verdict.is_ok is (state == "steady")


@pytest.mark.parametrize(
    ("workloads", "state"),
    [
        pytest.param(world(), "switching", id="the first lane is parked, the next not yet raised"),
        pytest.param(world(pod("longctx", "Pending"), longctx=1), "switching", id="the next lane is starting"),
        pytest.param(
            world(pod("fast", is_terminating=True), pod("longctx", "Pending", reason=INSUFFICIENT), longctx=1),
            "switching",
            id="the next lane waits for the one that is going",
        ),
        pytest.param(
            world(pod("fast"), pod("longctx", "Pending"), fast=1, longctx=1),
            "many",
            id="two raised lanes are no planned switch",
        ),
        pytest.param(world(pod("fast"), pod("fast", name="b"), fast=2), "many", id="a lane scaled to two is no switch"),
        pytest.param(
            world(pod("fast", "Pending"), fast=1, generation=2),
            "switching",
            id="the lane itself is rolled to a new image",
        ),
        pytest.param(world(fast=1), "none", id="the pod is gone and nobody ordered it"),
        pytest.param(
            world(pod("fast", "Pending", reason=INSUFFICIENT), fast=1), "none", id="an evicted pod that finds no card"
        ),
        pytest.param(None, "unknown", id="the API server cannot be asked"),
    ],
)
def test_after_steady(workloads: Workloads | None, state: str) -> None:
    """A switch that somebody ordered has its grace; a pod that is lost while nobody ordered anything has none."""
    assert judge_after_steady(workloads).state == state


def test_switch_is_not_ok() -> None:
    """The state says that it is tolerated; `is_ok` still says that nothing runs."""
    assert judge_after_steady(world()).is_ok is False


def test_switch_that_never_completes_ends_as_none() -> None:
    """After the grace a switch is `none`, since then; the grace counts from the last steady sight."""
    switching = judge_after_steady(world(), seconds=30)
    late = NOW + SWITCH_GRACE_SECONDS
    over = judge_pool(POOL, world(), switching, late)

    assert (switching.state, switching.since) == ("switching", NOW + 30)
    assert (over.state, over.since) == ("none", late)


def test_blindness_does_not_use_up_or_renew_the_grace() -> None:
    """A switch seen on both sides of an outage of the API server is the same switch."""
    blind = judge_after_steady(None, seconds=30)
    seen = judge_pool(POOL, world(), blind, NOW + 60)

    assert (blind.is_ok, blind.violations, blind.lanes) == (None, (), ())
    assert seen.state == "switching"
    assert judge_pool(POOL, world(), blind, NOW + SWITCH_GRACE_SECONDS).state == "none"


def test_since_stays_while_the_state_stays() -> None:
    """The age of a state counts from its beginning."""
    assert judge_after_steady(world(pod("fast"), fast=1), seconds=500).since == NOW


def test_pods_of_other_pools_do_not_count() -> None:
    """Only what carries all labels of the pool is judged; a pod of no Deployment is of the lane without a name."""
    verdict = judge_pool(POOL, world(pod("fast"), pod("x", labels={"app": "x"}), pod(""), fast=1), None, NOW)

    assert (verdict.state, [(lane.lane, lane.desired) for lane in verdict.lanes if lane.phases["running"]]) == (
        "many",
        [("", None), ("fast", 1)],
    )


PODS = st.lists(
    st.builds(
        pod,
        st.sampled_from(LANES),
        st.sampled_from(["Running", "Pending", "Failed", "Succeeded"]),
        is_terminating=st.booleans(),
        reason=st.sampled_from(["", INSUFFICIENT, "UnexpectedAdmissionError", "CrashLoopBackOff"]),
        restarts=st.integers(0, 9),
    ),
    max_size=6,
)


@given(PODS, st.randoms(use_true_random=False), st.booleans())
def test_order_of_pods_does_not_matter(pods: list[Pod], random: object, was_steady: bool) -> None:  # noqa: FBT001  # drawn
    """However the API server lists the pods, the verdict is the same, and each pod counts in one phase."""
    before = STEADY if was_steady else None
    shuffled = pods[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    verdict = judge_pool(POOL, world(*pods, fast=1), before, NOW + 1)

    assert judge_pool(POOL, world(*shuffled, fast=1), before, NOW + 1) == verdict
    assert sum(sum(lane.phases.values()) for lane in verdict.lanes) == len(pods)
    assert all(tuple(lane.phases) == PHASES for lane in verdict.lanes)
    assert verdict.state in STATES
    assert set(verdict.violations) <= set(VIOLATIONS)
    assert verdict.is_ok is (verdict.state == "steady")
