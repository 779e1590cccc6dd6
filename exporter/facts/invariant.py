"""Whether exactly one GPU LLM of a pool runs, in which state the pool is since when, and what breaks it.

Raw truth and tolerance are kept apart: `is_ok` is what holds now, `switching` is why it may be wrong for a while.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.cluster import Controller, Pod, Workloads
from exporter.config_cluster import Pool
from exporter.gpu_resource import is_gpu_resource

STATES: Final = ("steady", "switching", "none", "many", "unknown")
VIOLATIONS: Final = (
    "none",
    "multiple",
    "pending_behind_active",
    "insufficient_gpu",
    "unexpected_admission",
    "crash_loop",
)
PHASES: Final = ("running", "pending", "failed", "succeeded", "terminating")

# A planned switch parks a lane, raises another and loads its model: minutes in which no count is right.
SWITCH_GRACE_SECONDS: Final = 600.0
_INSUFFICIENT: Final = "Unschedulable: Insufficient "


Plan = tuple[tuple[str, str, int, int], ...]
"""Namespace, name, replicas and generation of every Deployment: it changes when somebody orders something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCount:
    """The pods of one lane by phase; `desired` is None where no Deployment made them."""

    namespace: str = ""
    lane: str
    phases: Mapping[str, int]
    desired: int | None
    ready: int
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolVerdict:
    """What is true of one pool now; `is_ok` is None while it cannot be known."""

    pool: str
    state: str
    since: float
    is_ok: bool | None
    violations: tuple[str, ...] = ()
    lanes: tuple[LaneCount, ...] = ()
    steady_at: float | None = None  # when it was seen steady last
    steady_plan: Plan = ()  # what was asked for then; a switch is a departure from it that somebody ordered


def judge_pool(pool: Pool, workloads: Workloads | None, before: PoolVerdict | None, now: float) -> PoolVerdict:
    """Return the verdict on `pool`, given the verdict before this one."""
    before = before or PoolVerdict(pool=pool.name, state="", since=now, is_ok=None)
    if workloads is None:
        blind = PoolVerdict(pool=pool.name, state="unknown", since=_since(before, "unknown", now), is_ok=None)
        return replace(blind, steady_at=before.steady_at, steady_plan=before.steady_plan)
    pods = [pod for pod in workloads.pods if _carries(pod.labels, pool)]
    deployments = [one for one in workloads.controllers if _carries(one.labels, pool)]
    lanes, plan = _count_lanes(pods, deployments), _plan(deployments)
    is_steady = _is_steady(lanes)
    state = "steady" if is_steady else _broken_state(lanes, plan, before, now)
    return PoolVerdict(
        pool=pool.name,
        state=state,
        since=_since(before, state, now),
        is_ok=is_steady,
        violations=_violations(pods, lanes),
        lanes=lanes,
        steady_at=now if is_steady else before.steady_at,
        steady_plan=plan if is_steady else before.steady_plan,
    )


def _broken_state(lanes: Sequence[LaneCount], plan: Plan, before: PoolVerdict, now: float) -> str:
    """Return why there is not exactly one: a switch that was ordered and is young, or none, or many."""
    is_young = before.steady_at is not None and now - before.steady_at < SWITCH_GRACE_SECONDS
    # a pod that is lost while nobody ordered anything is an outage from its first second
    if is_young and plan != before.steady_plan and _wants_at_most_one(lanes):
        return "switching"
    return "many" if _total(lanes, "running") else "none"  # one that runs before a pending one: both want the card


def _plan(deployments: Iterable[Controller]) -> Plan:
    return tuple(sorted((one.namespace, one.name, one.desired_replicas, one.generation) for one in deployments))


def _is_steady(lanes: Sequence[LaneCount]) -> bool:
    return _total(lanes, "running") == 1 and _total(lanes, "pending") == 0


def _wants_at_most_one(lanes: Iterable[LaneCount]) -> bool:
    return sum(lane.desired or 0 for lane in lanes) <= 1


def _since(before: PoolVerdict, state: str, now: float) -> float:
    return before.since if before.state == state else now


def _violations(pods: Sequence[Pod], lanes: Sequence[LaneCount]) -> tuple[str, ...]:
    """Return the reasons that hold; a rejected pod counts only while nothing runs, for its corpse stays for days."""
    running, pending = _total(lanes, "running"), _total(lanes, "pending")
    holds = {
        "none": running == 0,
        "multiple": running > 1,
        "pending_behind_active": running > 0 and pending > 0,
        "insufficient_gpu": any(_lacks_gpu(pod) for pod in pods),
        "unexpected_admission": running == 0 and any(pod.reason == "UnexpectedAdmissionError" for pod in pods),
        "crash_loop": any(pod.reason == "CrashLoopBackOff" and not pod.is_terminating for pod in pods),
    }
    return tuple(reason for reason in VIOLATIONS if holds[reason])


def _lacks_gpu(pod: Pod) -> bool:
    if _phase(pod) != "pending" or not pod.reason.startswith(_INSUFFICIENT):
        return False
    return any(is_gpu_resource(name) for name in pod.reason.removeprefix(_INSUFFICIENT).split(", "))


def _count_lanes(pods: Sequence[Pod], deployments: Sequence[Controller]) -> tuple[LaneCount, ...]:
    desired = {(one.namespace, one.name): one.desired_replicas for one in deployments}
    names = sorted({*desired, *((pod.namespace, pod.lane) for pod in pods)})
    return tuple(
        _count(name, [pod for pod in pods if (pod.namespace, pod.lane) == name], desired.get(name)) for name in names
    )


def _count(lane: tuple[str, str], pods: Sequence[Pod], desired: int | None) -> LaneCount:
    found = Counter(_phase(pod) for pod in pods)
    return LaneCount(
        namespace=lane[0],
        lane=lane[1],
        phases={phase: found[phase] for phase in PHASES},
        desired=desired,
        ready=sum(pod.is_ready and _phase(pod) == "running" for pod in pods),
        restarts=sum(pod.restarts for pod in pods),
    )


def _phase(pod: Pod) -> str:
    """Return one of `PHASES`, or `unknown`, which is none of them: the node of that pod is lost."""
    return "terminating" if pod.is_terminating else pod.phase.lower()


def _total(lanes: Iterable[LaneCount], phase: str) -> int:
    return sum(lane.phases[phase] for lane in lanes)


def _carries(labels: Mapping[str, str], pool: Pool) -> bool:
    return all(labels.get(name) == value for name, value in pool.labels.items())
