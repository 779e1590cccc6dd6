"""Which moment of a scenario it is: the only part of the simulation that has a clock."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.sources.simulated_scenarios import SCENARIOS
from exporter.sources.simulated_stage import Life, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment of a scenario: the stage that plays, the stages so far, and the pods that are there."""

    elapsed: float
    began_at: float
    stages: tuple[Stage, ...]
    pods: tuple[Life, ...]

    @property
    def stage(self) -> Stage:
        """The stage that plays now."""
        return self.stages[-1]

    def unix(self, seconds: float) -> float:
        """Return the Unix time of these seconds of the scenario."""
        return self.began_at + seconds


class Stagehand:
    """Knows which moment of a scenario it is."""

    def __init__(self, scenario: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._scenario = SCENARIOS[scenario]
        self._clock = clock
        self._started = clock()
        self._began_at = float(int(time.time()))  # whole seconds, as Kubernetes dates things

    @property
    def lanes_that_serve(self) -> frozenset[str]:
        """The lanes that alias `fast` points at in the course of the scenario."""
        return frozenset(stage.serves_fast for stage in self._scenario.stages)

    @property
    def moment(self) -> Moment:
        """The present one."""
        elapsed = self._clock() - self._started
        return Moment(
            elapsed=elapsed,
            began_at=self._began_at,
            stages=tuple(stage for stage in self._scenario.stages if stage.at_seconds <= elapsed),
            pods=tuple(life for life in self._scenario.pods if life.born <= elapsed < life.gone),
        )
