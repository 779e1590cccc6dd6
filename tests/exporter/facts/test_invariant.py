"""In which state a pool is, since when, and how often it was switched."""

import pytest

from exporter.cluster import Workloads
from exporter.config_cluster import Pool
from exporter.facts.invariant import PoolVerdict, UnitVerdict
from exporter.snapshot import Device
from fakes.pool_world import INSUFFICIENT, LABELS, NOW, POOL, judged, named, node, owner, pod, seen, unit, view, world

FAST = pod("fast")
STEADY = judged(seen(world(FAST, fast=1)))


def after_steady(workloads: Workloads | None, seconds: float = 5.0) -> UnitVerdict:
    return unit(judged(seen(workloads), before=STEADY, now=NOW + seconds))


def follow(*looks: tuple[float, Workloads | None]) -> PoolVerdict:
    """Return the last verdict of several looks, each at so many seconds after the first."""
    verdict = None
    for seconds, workloads in looks:
        verdict = judged(seen(workloads), before=verdict, now=NOW + seconds)
    assert verdict is not None
    return verdict


def test_exactly_one_running_is_steady() -> None:
    """The reference pool: one lane runs, the others are parked, and nothing is violated."""
    one = unit(STEADY)
    assert (one.state, one.is_ok, one.violations, one.since) == ("steady", True, {}, NOW)
    assert STEADY.violations == {}


@pytest.mark.parametrize(
    ("workloads", "state"),
    [
        pytest.param(world(), "none", id="all lanes are parked"),
        pytest.param(world(FAST, pod("longctx"), fast=1, longctx=1), "many", id="two lanes run at once"),
        pytest.param(world(FAST, pod("fast", name="b"), fast=2), "many", id="a lane runs twice"),
        pytest.param(world(FAST, pod("longctx", "Pending"), fast=1), "many", id="a second lane waits for the card"),
        pytest.param(world(pod("fast", "Pending"), fast=1), "none", id="the only pod waits"),
        pytest.param(world(pod("fast", "Failed"), FAST, fast=1), "steady", id="a corpse lies beside the one that runs"),
        pytest.param(world(pod("fast", "Succeeded"), fast=1), "none", id="what ran has ended"),
        pytest.param(world(FAST, pod("longctx", is_terminating=True)), "steady", id="a pod that is going does not run"),
        pytest.param(world(pod("fast", "Unknown"), fast=1), "unknown", id="nobody knows whether the only pod runs"),
        pytest.param(world(FAST, pod("x", labels={"app": "x"})), "steady", id="a pod of no pool does not count"),
        pytest.param(None, "unknown", id="the API server cannot be asked"),
    ],
)
def test_first_sight(workloads: Workloads | None, state: str) -> None:
    """What a pool looks like without a past; it is ok only while it is steady, and neither while it is unknown."""
    one = unit(judged(seen(workloads)))

    assert one.state == state
    assert one.is_ok is {"steady": True, "unknown": None}.get(state, False)


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
            world(FAST, pod("longctx", "Pending"), fast=1, longctx=1), "many", id="two raised lanes are no switch"
        ),
        pytest.param(world(FAST, pod("fast", name="b"), fast=2), "many", id="a lane scaled to two is no switch"),
        pytest.param(
            world(pod("fast", "Pending"), fast=1, generation=2), "switching", id="the lane is rolled to a new image"
        ),
        pytest.param(world(fast=1), "none", id="the pod is gone and nobody ordered it"),
        pytest.param(world(pod("fast", "Failed"), fast=1), "none", id="the pod was evicted"),
        pytest.param(
            world(FAST, pod("longctx", "Pending"), fast=1), "many", id="a pod that nobody ordered waits for the card"
        ),
        pytest.param(None, "unknown", id="the API server cannot be asked"),
    ],
)
def test_after_steady(workloads: Workloads | None, state: str) -> None:
    """A switch that somebody ordered has its grace; a pod that is lost while nobody ordered anything has none."""
    one = after_steady(workloads)
    assert (one.state, one.is_ok) == (state, None if state == "unknown" else False)


def test_order_is_seen_before_the_pod_goes() -> None:
    """Between the order and the end of the pod lies a look that is steady still; the switch is one all the same."""
    looks = ((0, world(FAST, fast=1)), (1, world(FAST)), (2, world(pod("fast", is_terminating=True))))
    assert unit(follow(*looks)).state == "switching"


def test_an_old_order_excuses_nothing() -> None:
    """A parked lane was edited ten minutes ago: a pod that is lost now is lost."""
    looks = ((0, world(FAST, fast=1)), (1, world(FAST, fast=1, generation=2)), (600, world(FAST, fast=1, generation=2)))
    assert unit(follow(*looks, (601, world(fast=1, generation=2)))).state == "none"


def test_an_outage_that_is_answered_by_an_order_is_a_switch() -> None:
    """The pod was lost, then somebody raised another lane: from there on, and until the deadline, it is ordered."""
    lost, answered = (1, world(fast=1)), (100, world(pod("deep", "Pending"), deep=1))
    verdict = follow((0, world(FAST, fast=1)), lost, answered)

    assert unit(verdict).state == "switching"
    assert unit(judged(seen(answered[1]), before=verdict, now=NOW + 600)).state == "none"


def test_switch_that_never_completes_ends_as_none() -> None:
    """After the deadline a switch is `none`, since then; the deadline counts from the last steady sight."""
    switching = judged(seen(world()), before=STEADY, now=NOW + 30)
    late = NOW + POOL.switch_seconds
    over = unit(judged(seen(world()), before=switching, now=late))

    assert unit(switching).since == NOW + 30
    assert (over.state, over.since) == ("none", late)


def test_deadline_is_the_pools_own() -> None:
    """A pool whose models load for an hour may say so."""
    patient = Pool(name="gpu-llm", labels=LABELS, switch_seconds=3600)
    steady = judged(seen(world(FAST, fast=1)), pool=patient)
    assert unit(judged(seen(world()), before=steady, now=NOW + 3599, pool=patient)).state == "switching"
    assert unit(judged(seen(world()), before=steady, now=NOW + 3600, pool=patient)).state == "none"


def test_blindness_does_not_use_up_or_renew_the_grace() -> None:
    """A switch seen on both sides of an outage of the API server is the same switch."""
    blind = judged(seen(None), before=STEADY, now=NOW + 30)
    back = unit(judged(seen(world()), before=blind, now=NOW + 60))

    assert (unit(blind).is_ok, unit(blind).violations, blind.violations) == (None, None, None)
    assert back.state == "switching"
    assert unit(judged(seen(world()), before=blind, now=NOW + POOL.switch_seconds)).state == "none"


def test_since_stays_while_the_state_stays() -> None:
    """The age of a state counts from its beginning."""
    assert after_steady(world(FAST, fast=1), seconds=500).since == NOW


def test_a_watcher_that_begins_remembers_nothing() -> None:
    """A pool that is first seen in the midst of a switch is `none` until it is steady, whatever is ordered."""
    assert unit(follow((0, world()), (5, world(pod("deep", "Pending"), deep=1)))).state == "none"


@pytest.mark.parametrize(
    ("looks", "counted"),
    [
        pytest.param([(60, world(longctx=1)), (90, world(pod("longctx"), longctx=1))], (1, 90.0), id="another lane"),
        pytest.param([(1, world(pod("longctx"), longctx=1))], (1, 1.0), id="a switch between two looks"),
        pytest.param(
            [(60, world(fast=1, generation=2)), (90, world(pod("fast", name="b"), fast=1, generation=2))],
            (1, 90.0),
            id="the same lane with a new image",
        ),
        pytest.param(
            [(60, world(fast=1)), (90, world(pod("fast", name="b"), fast=1))], (0, None), id="a pod that was replaced"
        ),
        pytest.param([(60, world(FAST)), (90, world(FAST, fast=1))], (0, None), id="an order that was taken back"),
        pytest.param([(60, world(longctx=1)), (90, world(longctx=1))], (0, None), id="a switch that is not complete"),
        pytest.param(
            [(60, world(longctx=1)), (900, world(longctx=1)), (1000, world(pod("longctx"), longctx=1))],
            (1, 1000.0),
            id="a switch that completes after its deadline",
        ),
        pytest.param(
            [
                (90, world(pod("longctx"), longctx=1)),
                (91, world(longctx=1)),
                (95, world(pod("longctx", name="b"), longctx=1)),
            ],
            (1, 90.0),
            id="a pod that is lost right after a switch",
        ),
    ],
)
def test_switches_are_counted_and_timed(
    looks: list[tuple[float, Workloads | None]], counted: tuple[int, float | None]
) -> None:
    """A switch is complete when another pod runs by order; it took from the last steady sight to this one."""
    memory = unit(follow((0, world(FAST, fast=1)), *looks)).memory
    assert (memory.switches, memory.switch_seconds) == counted


GHOST = view(owners=(owner("ghost"),))
OWN = view(owners=(owner(FAST.name),))


@pytest.mark.parametrize(
    ("workloads", "node_view", "state", "blamed"),
    [
        pytest.param(world(FAST, fast=1), OWN, "steady", [], id="both name the same pod"),
        pytest.param(world(FAST, fast=1), GHOST, "split", ["Pod vllm/ghost"], id="the card was given to another pod"),
        pytest.param(world(FAST, fast=1), view(), "steady", [], id="the card was given to nobody yet"),
        pytest.param(
            world(FAST, fast=1),
            view(devices=(Device(uuid="GPU-n1", index=0), Device(uuid="GPU-b", index=1)), owners=(owner("ghost"),)),
            "steady",
            [],
            id="one of two cards was given to another pod",
        ),
        pytest.param(world(FAST, fast=1), view(owners=None), "steady", [], id="the kubelet cannot be asked"),
        pytest.param(
            world(FAST, pod("deep", is_terminating=True), fast=1),
            view(owners=(owner("deep-running"),)),
            "steady",
            [],
            id="the pod before has not let go of the card",
        ),
        pytest.param(
            world(pod("fast", requests={}), fast=1), GHOST, "steady", [], id="a pod that asks for no GPU is given none"
        ),
    ],
)
def test_split_between_the_api_server_and_the_card(
    workloads: Workloads, node_view: object, state: str, blamed: list[str]
) -> None:
    """Exactly one pod runs by the API server, and its node's kubelet gave the card to somebody else."""
    verdict = judged(seen(workloads, nodes=[node()], views=[node_view]))  # type: ignore[list-item]  # a view
    assert (unit(verdict).state, named(verdict, "split")) == (state, blamed)


LOST = node("n2", is_ready=None)


@pytest.mark.parametrize(
    ("workloads", "state", "blamed"),
    [
        pytest.param(world(pod("fast", node="n2"), fast=1), "unknown", ["Pod vllm/fast-running"], id="of the only pod"),
        pytest.param(
            world(FAST, pod("deep", node="n2", is_terminating=True), fast=1),
            "split",
            ["Pod vllm/deep-running"],
            id="of a pod that was replaced elsewhere and may run still",
        ),
        pytest.param(
            world(FAST, pod("deep", node="n2"), fast=1), "split", ["Pod vllm/deep-running"], id="of one of two"
        ),
        pytest.param(
            world(pod("deep", node="n2", is_terminating=True), pod("fast", "Pending"), fast=1),
            "none",
            ["Pod vllm/deep-running"],
            id="of a pod that is going while its successor waits",
        ),
    ],
)
def test_node_is_lost(workloads: Workloads, state: str, blamed: list[str]) -> None:
    """What the API server calls running is a silent kubelet's last word: never ok, and split beside one that runs."""
    verdict = judged(seen(workloads, nodes=[node(), LOST]))
    assert (unit(verdict).state, named(verdict, "node_lost")) == (state, blamed)
