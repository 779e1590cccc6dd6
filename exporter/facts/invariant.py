"""Whether exactly one GPU LLM runs on each unit of a pool, in which state the unit is since when, and what breaks it.

Raw truth and tolerance are kept apart: `is_ok` is what holds now, `switching` is why it may be wrong for a while.
A watcher that begins remembers nothing: a unit that it first sees without a pod is `none`, whatever was ordered before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.facts import violators
from exporter.facts.case import Case, Scene, open_case
from exporter.facts.roll import Plan, Roll
from exporter.facts.sight import PodKey
from exporter.facts.units import Unit, units_of
from exporter.facts.violators import Violations

STATES: Final = ("steady", "switching", "none", "many", "split", "unknown")

# Between an order and the end of the pod that it ends the pool is steady still. Where a pool is rolled unit by unit,
# the last one is reached as late as a switch may take.
_ORDER_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one verdict hands to the next."""

    plan: Plan | None = None  # what was asked for when it was seen last
    ordered_at: float | None = None  # when that was seen to change; None: not since the last completed switch
    steady_at: float | None = None  # when the unit was seen steady last
    runner: PodKey | None = None  # who ran then
    homes: frozenset[str] = frozenset()
    switches: int = 0
    switch_seconds: float | None = None  # that the last completed one took, from steady to steady


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitVerdict:
    """What is true of one unit now; `is_ok` is None while it cannot be known, `violations` while nothing is seen."""

    unit: str
    state: str
    since: float
    is_ok: bool | None
    violations: Violations | None = None
    memory: Memory = Memory()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolVerdict:
    """The verdicts on the units of a pool; `violations` are those that no unit can be named for."""

    pool: str
    units: Mapping[str, UnitVerdict] = field(default_factory=dict)
    violations: Violations | None = None


def judge_pool(scene: Scene, before: PoolVerdict | None) -> PoolVerdict:
    """Return the verdict on a pool, given the verdict before this one."""
    past = before.units if before else {}
    homes = {name: one.memory.homes for name, one in past.items()}
    units = units_of(scene.pool, scene.roll, scene.sight, homes)
    return PoolVerdict(
        pool=scene.pool.name,
        units={unit.name: _judge(scene, unit, past.get(unit.name)) for unit in units},
        violations=_pool_wide(scene, scene.roll) if scene.roll else None,
    )


def _pool_wide(scene: Scene, roll: Roll) -> Violations:
    return violators.judge_pool_wide(open_case(scene, roll, Unit(pods=roll.pods)))


def _judge(scene: Scene, unit: Unit, before: UnitVerdict | None) -> UnitVerdict:
    memory = before.memory if before else Memory()
    memory = replace(memory, homes=unit.homes)
    if scene.roll is None or not unit.is_known:
        return _verdict(unit, "unknown", memory, before=before, now=scene.now)
    memory = _with_plan(memory, scene.roll.plan, scene.now)
    case = open_case(scene, scene.roll, unit, runner_before=memory.runner)
    found = violators.judge(case)
    state = _state(case, found, memory)
    if state == "steady":
        memory = _steady(memory, case)
    return replace(_verdict(unit, state, memory, before=before, now=scene.now), violations=found)


def _verdict(unit: Unit, state: str, memory: Memory, *, before: UnitVerdict | None, now: float) -> UnitVerdict:
    return UnitVerdict(
        unit=unit.name,
        state=state,
        since=before.since if before and before.state == state else now,
        is_ok=None if state == "unknown" else state == "steady",
        memory=memory,
    )


def _state(case: Case, found: Violations, memory: Memory) -> str:
    if case.may_run and not case.heard:
        return "unknown"  # what the API server calls running is its kubelet's last word
    if len(case.running) == 1 and not case.pending and "split" not in found:
        return "steady"
    if _is_ordered(case, memory) and _is_young(case, memory) and _wants_at_most_one(case):
        return "switching"
    if "split" in found:
        return "split"
    return "many" if case.running else "none"  # one that runs before a pending one: both want the card


def _is_ordered(case: Case, memory: Memory) -> bool:
    """Whether somebody ordered this; a pod that is lost by itself is an outage from its first second."""
    if memory.ordered_at is None or memory.steady_at is None:
        return False
    lag = _ORDER_SECONDS if case.pool.each == "pool" else case.pool.switch_seconds
    return memory.ordered_at > memory.steady_at - lag


def _is_young(case: Case, memory: Memory) -> bool:
    return memory.steady_at is not None and case.now - memory.steady_at < case.pool.switch_seconds


def _wants_at_most_one(case: Case) -> bool:
    """Whether what was ordered can end well: of a pool that is rolled unit by unit its controllers say nothing."""
    return case.roll.desired <= 1 if case.pool.each == "pool" else len(case.running) <= 1


def _with_plan(memory: Memory, plan: Plan, now: float) -> Memory:
    is_changed = memory.plan is not None and memory.plan != plan
    return replace(memory, plan=plan, ordered_at=now if is_changed else memory.ordered_at)


def _steady(memory: Memory, case: Case) -> Memory:
    """Return what is remembered of a steady unit; another pod than before, by order, completes a switch."""
    runner = (case.running[0].namespace, case.running[0].name)
    steady = replace(memory, steady_at=case.now, runner=runner)
    if memory.steady_at is None or runner == memory.runner or not _is_ordered(case, memory):
        return steady
    return replace(steady, ordered_at=None, switches=memory.switches + 1, switch_seconds=case.now - memory.steady_at)
