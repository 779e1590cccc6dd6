"""What holds of every verdict: order does not matter, blindness is never ok, time alone mends nothing."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.cluster import Container, CreateFailure, Events, NodeInfo, Nodes, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.facts.invariant import STATES, PoolVerdict
from exporter.facts.violators import VIOLATIONS
from exporter.snapshot import Agents, Owner, Snapshot
from fakes.pool_world import (
    CARDS,
    INSUFFICIENT,
    NODES,
    NOW,
    POOL,
    judged,
    lane,
    node,
    owner,
    pod,
    reasons,
    seen,
    unit,
    view,
)

_LANES = ("deep", "fast", "longctx")
_REASONS = ("", INSUFFICIENT, "UnexpectedAdmissionError", "CrashLoopBackOff", "SchedulingGated", "Strange")
_PODS = st.lists(
    st.builds(
        lambda number, name, phase, **fields: pod(name, phase, name=f"{name}-{number}", **fields),
        st.integers(0, 99),
        st.sampled_from(_LANES),
        st.sampled_from(["Running", "Pending", "Failed", "Succeeded", "Unknown"]),
        node=st.sampled_from(["", "n1", "n2"]),
        is_terminating=st.booleans(),
        is_ready=st.booleans(),
        reason=st.sampled_from(_REASONS),
        delete_by=st.sampled_from([None, NOW - 100, NOW + 100]),
        containers=st.sampled_from([(), (Container(name="c", waiting="ImagePullBackOff"),)]),
        labels=st.sampled_from([POOL.labels, {}]),
    ),
    max_size=6,
    unique_by=lambda one: one.name,
)
_LANE_LIST = st.lists(
    st.builds(
        lane,
        st.sampled_from(_LANES),
        st.integers(0, 2),
        generation=st.integers(1, 3),
        failure=st.sampled_from(["", "exceeded quota", "denied"]),
        strategy=st.sampled_from(["Recreate", "RollingUpdate"]),
    ),
    max_size=3,
    unique_by=lambda one: one.name,
)
_NODE_LIST = st.none() | st.lists(
    st.builds(
        node,
        st.sampled_from(["n1", "n2"]),
        st.sampled_from([1.0, 2.0]),
        is_ready=st.sampled_from([True, False, None]),
    ),
    max_size=2,
    unique_by=lambda one: one.name,
)
_FAILURES = st.lists(
    st.builds(
        CreateFailure,
        namespace=st.just("vllm"),
        kind=st.just("Deployment"),
        name=st.sampled_from(_LANES),
        message=st.sampled_from(["exceeded quota", "denied", "no"]),
        at=st.sampled_from([NOW - 10, NOW - 5000]),
    ),
    max_size=3,
)
_OWNERS = st.none() | st.lists(
    st.builds(
        owner, st.sampled_from(["deep-1", "fast-1", "ghost"]), source=st.sampled_from(["device_plugin", "process"])
    ),
    max_size=3,
)


@st.composite
def _snapshots(draw: st.DrawFn) -> Snapshot:
    workloads = Workloads(
        pods=tuple(draw(_PODS)), controllers=tuple(draw(_LANE_LIST)), loads=draw(st.none() | st.just({}))
    )
    owners = draw(_OWNERS)
    return seen(
        draw(st.none() | st.just(workloads)),
        nodes=draw(_NODE_LIST),
        views=draw(st.sampled_from([[], [view(owners=None if owners is None else tuple(owners))]])),
        events=Events(create_failures=tuple(draw(_FAILURES))),
    )


_POOLS = st.sampled_from([POOL, NODES, CARDS, Pool(name="p", lanes=("fast", "vllm/deep"))])


def _shuffled(snapshot: Snapshot, draw: st.DataObject) -> Snapshot:
    """Return the same truth in another order."""
    workloads, nodes, events, agents = snapshot.workloads, snapshot.nodes, snapshot.events, snapshot.agents

    def mixed(values: tuple[object, ...]) -> tuple[object, ...]:
        return tuple(draw.draw(st.permutations(values)))

    return replace(
        snapshot,
        workloads=workloads
        and replace(workloads, pods=mixed(workloads.pods), controllers=mixed(workloads.controllers)),  # type: ignore[arg-type]  # of what they were
        nodes=nodes and Nodes(nodes=mixed(nodes.nodes)),  # type: ignore[arg-type]
        events=events and Events(create_failures=mixed(events.create_failures)),  # type: ignore[arg-type]
        agents=agents
        and Agents(
            by_node={
                name: replace(one, owners=one.owners if one.owners is None else mixed(one.owners))  # type: ignore[arg-type]
                for name, one in agents.by_node.items()
            }
        ),
    )


@settings(max_examples=150)
@given(_snapshots(), _snapshots(), _POOLS, st.data())
def test_order_does_not_matter(first: Snapshot, then: Snapshot, pool: Pool, data: st.DataObject) -> None:
    """However the API server lists pods, controllers, nodes and events, the verdict is the same."""
    before = judged(first, pool=pool)
    verdict = judged(then, before=before, now=NOW + 1, pool=pool)
    again = judged(_shuffled(then, data), before=judged(_shuffled(first, data), pool=pool), now=NOW + 1, pool=pool)
    assert again == verdict


@settings(max_examples=150)
@given(_snapshots(), _snapshots(), _POOLS)
def test_ok_is_steady_and_nothing_is_unnamed(first: Snapshot, then: Snapshot, pool: Pool) -> None:
    """Ok means steady, unknown is neither, and each state that is broken has its reason."""
    verdict = judged(then, before=judged(first, pool=pool), now=NOW + 1, pool=pool)

    assert reasons(verdict) <= set(VIOLATIONS)
    for one in verdict.units.values():
        assert one.state in STATES
        assert one.is_ok is {"steady": True, "unknown": None}.get(one.state, False)
        expected = {"none": {"none"}, "split": {"split"}, "many": {"multiple", "pending_behind_active"}}
        if one.state in expected:
            assert expected[one.state] & set(one.violations or ())


@settings(max_examples=100)
@given(_snapshots(), _POOLS)
def test_blindness_is_never_ok(before: Snapshot, pool: Pool) -> None:
    """Whatever was seen before, who cannot ask the API server knows nothing, and says nothing of what is broken."""
    blind = judged(replace(before, workloads=None), before=judged(before, pool=pool), now=NOW + 1, pool=pool)
    assert {(one.state, one.is_ok, one.violations) for one in blind.units.values()} == {("unknown", None, None)}


@settings(max_examples=100)
@given(_snapshots(), _snapshots(), _POOLS, st.lists(st.floats(1, 5000), max_size=4))
def test_time_alone_mends_nothing(first: Snapshot, then: Snapshot, pool: Pool, pauses: list[float]) -> None:
    """A pool that nothing happens to may only go from switching to broken."""
    verdict, now = judged(then, before=judged(first, pool=pool), now=NOW + 1, pool=pool), NOW + 1
    for pause in pauses:
        now += pause
        later = judged(then, before=verdict, now=now, pool=pool)
        for name, one in later.units.items():
            past = verdict.units[name]
            assert one.is_ok == past.is_ok
            assert past.state in {one.state, "switching"}
        verdict = later


class PoolMachine(RuleBasedStateMachine):
    """Lanes are raised and parked, pods come and go, the card and the API server fail: the state equals a model's.

    The model keeps one order, one steady sight and the pods as a mapping; it knows nothing of the code under test.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pods: dict[str, Pod] = {}
        self.desired = dict.fromkeys(_LANES, 0)
        self.is_blind = False
        self.is_heard = True
        self.ghost = False
        self.now = NOW
        self.made = 0
        self.verdict: PoolVerdict | None = None
        self.known_plan: tuple[int, ...] | None = None
        self.ordered_at = self.steady_at = float("-inf")

    @rule(name=st.sampled_from(_LANES), count=st.integers(0, 2))
    def order(self, name: str, count: int) -> None:
        self.desired[name] = count

    @rule(name=st.sampled_from(_LANES), phase=st.sampled_from(["Running", "Pending", "Failed"]))
    def appear(self, name: str, phase: str) -> None:
        self.made += 1
        key = f"{name}-{self.made}"
        self.pods[key] = pod(name, phase, name=key, uid=key)

    @precondition(lambda self: self.pods)
    @rule(data=st.data(), change=st.sampled_from(["start", "delete", "vanish"]))
    def change(self, data: st.DataObject, change: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.pods)))
        if change == "start":
            self.pods[key] = replace(self.pods[key], phase="Running", node="n1")
        elif change == "delete":
            self.pods[key] = replace(self.pods[key], is_terminating=True)
        else:
            del self.pods[key]

    @rule(is_blind=st.booleans())
    def lose_sight(self, is_blind: bool) -> None:  # noqa: FBT001  # drawn
        self.is_blind = is_blind

    @rule(is_heard=st.booleans())
    def lose_node(self, is_heard: bool) -> None:  # noqa: FBT001  # drawn
        self.is_heard = is_heard

    @rule(ghost=st.booleans())
    def give_card_away(self, ghost: bool) -> None:  # noqa: FBT001  # drawn
        self.ghost = ghost

    @rule(seconds=st.sampled_from([1.0, 20.0, 300.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def state_is_the_models(self) -> None:
        self.now += 1
        self.verdict = judged(self._snapshot(), before=self.verdict, now=self.now)
        one = unit(self.verdict)
        assert one.state == self._model()
        assert one.is_ok is {"steady": True, "unknown": None}.get(one.state, False)

    def _snapshot(self) -> Snapshot:
        lanes = tuple(lane(name, count) for name, count in self.desired.items())
        workloads = Workloads(pods=tuple(self.pods.values()), controllers=lanes, loads={})
        info: NodeInfo = node(is_ready=True if self.is_heard else None)
        owners: tuple[Owner, ...] = (owner("ghost"),) if self.ghost else ()
        return seen(None if self.is_blind else workloads, nodes=[info], views=[view(owners=owners)])

    def _model(self) -> str:
        if self.is_blind:
            return "unknown"
        plan = tuple(self.desired.values())
        if self.known_plan is not None and plan != self.known_plan:
            self.ordered_at = self.now
        self.known_plan = plan
        alive = [one for one in self.pods.values() if not one.is_terminating]
        running = sum(one.phase == "Running" for one in alive)
        pending = sum(one.phase == "Pending" for one in alive)
        if running and not self.is_heard:
            return "unknown"
        going_unheard = not self.is_heard and any(
            one.phase == "Running" and one.is_terminating for one in self.pods.values()
        )
        if running == 1 and not pending and not self.ghost and not going_unheard:
            self._see_steady(next(one for one in alive if one.phase == "Running"))
            return "steady"
        is_ordered = self.ordered_at > self.steady_at - 30 and self.now - self.steady_at < POOL.switch_seconds
        if is_ordered and sum(plan) <= 1:
            return "switching"
        if running == 1 and self.ghost:
            return "split"
        return "many" if running else "none"

    def _see_steady(self, runner: Pod) -> None:
        completes = self.steady_at > float("-inf") and self.ordered_at > self.steady_at - 30
        if completes and runner.name != self.runner:
            self.ordered_at = float("-inf")
        self.steady_at, self.runner = self.now, runner.name

    runner = ""


PoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestPool = PoolMachine.TestCase
