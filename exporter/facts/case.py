"""One unit of a pool at one instant, its pods sorted by how they do: what every reason for a violation is told from."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from exporter.cluster import Pod
from exporter.config_cluster import Pool
from exporter.facts.roll import FINISHED, Roll, phase
from exporter.facts.sight import PodKey, Sight
from exporter.facts.units import Unit
from exporter.snapshot import NodeView


class Violator(NamedTuple):
    """Who breaks an invariant; `kind` is Pod, Deployment, StatefulSet, Process, Card or Node."""

    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a pool is judged by at one instant; `roll` is None while nobody can tell who is of it."""

    pool: Pool
    roll: Roll | None
    sight: Sight
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The pods of a unit: those that run, wait or go; `silent` are those whose kubelet is not heard, going or not."""

    pool: Pool
    unit: Unit
    roll: Roll
    sight: Sight
    now: float
    runner_before: PodKey | None = None  # who ran when the unit was steady last
    running: tuple[Pod, ...] = ()
    heard: tuple[Pod, ...] = ()  # of those that run: on a node whose kubelet is heard, so they do
    pending: tuple[Pod, ...] = ()
    leaving: tuple[Pod, ...] = ()
    silent: tuple[Pod, ...] = ()

    @property
    def may_run(self) -> bool:
        """Whether a pod that was not told to go runs, or may run where nobody hears it."""
        return bool(self.running) or any(not pod.is_terminating for pod in self.silent)

    def views(self) -> tuple[NodeView, ...]:
        """Return what the unit's nodes say of their cards, as far as they do."""
        views = self.sight.views
        return tuple(views[home] for home in sorted(self.unit.homes & views.keys()))


def open_case(scene: Scene, roll: Roll, unit: Unit, *, runner_before: PodKey | None = None) -> Case:
    """Return the case of `unit`."""
    sight, by_phase = scene.sight, defaultdict[str, list[Pod]](list)
    for pod in unit.pods:
        if pod.phase not in FINISHED:
            by_phase[phase(pod)].append(pod)
    running, leaving = by_phase["running"], by_phase["terminating"]
    lost = [pod for pod in (*running, *leaving) if pod.phase == "Running" and sight.is_silent(pod.node)]
    return Case(
        pool=scene.pool,
        unit=unit,
        roll=roll,
        sight=sight,
        now=scene.now,
        runner_before=runner_before,
        running=tuple(running),
        heard=tuple(pod for pod in running if not sight.is_silent(pod.node)),
        pending=tuple(by_phase["pending"]),
        leaving=tuple(leaving),
        silent=(*lost, *by_phase["unknown"]),
    )


def pods(those: Iterable[Pod]) -> tuple[Violator, ...]:
    """Return the pods as violators."""
    return tuple(Violator("Pod", pod.namespace, pod.name) for pod in those)
