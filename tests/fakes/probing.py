"""Probes whose questions take as long as a test says and answer what it says, on a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from exporter.backend import Backend
from exporter.config import Config
from exporter.config_path import Alias, Gateway, Lane
from exporter.secret import Secret
from fakes.virtual_time import VirtualTime
from probes.attempt import Attempt
from probes.clock import Clock
from probes.found import Tokens
from probes.ledger import Ledger
from probes.prober import Prober
from probes.question import Question
from probes.schedule import ProbeSchedule
from probes.turn import Turns

GOOD = Attempt(
    alias="fast",
    status=200,
    seconds=0.5,
    phases={"dns": 0.1, "first_chunk": 0.2, "first_token": 0.3, "complete": 0.5},
    tokens=Tokens(prompt=20, completion=16),
    finish_reason="stop",
    is_done=True,
)
DEAD = Attempt(alias="fast", status=502, seconds=0.1)
LIMITED = Attempt(alias="fast", status=429)


@dataclass
class Rig:
    """A schedule with its turns and its ledger; `gateway` and `lane` are what each answers."""

    aliases: tuple[Alias, ...]
    probe_seconds: float = 0.5
    gateway: Attempt = GOOD
    lane: Attempt = GOOD
    backend: Backend | None = None  # what a look shows; None: nobody looks
    chance: float = 0.5
    wall_offset: Callable[[], float] = lambda: 1_000_000.0
    time: VirtualTime = field(default_factory=VirtualTime)
    asked: list[tuple[Question, float]] = field(default_factory=list)
    in_flight: list[Question] = field(default_factory=list)
    most_in_flight: int = 0
    looks: int = 0

    def __post_init__(self) -> None:
        names = sorted({alias.lane for alias in self.aliases if alias.lane})
        lanes = tuple(Lane(name=name, url=f"http://{name}") for name in names)
        self.config = Config(gateway=Gateway(url="http://gateway"), aliases=self.aliases, lanes=lanes)
        self.ledger = Ledger(self.config)
        clock = Clock(
            now=self.time.now,
            wall=lambda: self.time.seconds + self.wall_offset(),
            sleep=self.time.sleep,
            chance=lambda: self.chance,
        )
        prober = Prober(config=self.config, ask=self._ask, key=Secret(""))
        look = self._look if self.backend else None
        self.turns = Turns(self.config, self.ledger, prober, look=look, clock=clock)
        self.schedule = ProbeSchedule(self.config, self.turns)

    def starts(self, target: str = "gateway") -> list[float]:
        """Return when questions to `target` were asked."""
        return [at for question, at in self.asked if question.target == target]

    async def _ask(self, question: Question) -> Attempt:
        self.asked.append((question, self.time.seconds))
        self.in_flight.append(question)
        self.most_in_flight = max(self.most_in_flight, len(self.in_flight))
        try:
            await self.time.sleep(self.probe_seconds)
        finally:
            self.in_flight.remove(question)
        answer = self.gateway if question.target == "gateway" else self.lane
        facts = {"alias": question.alias, "kind": question.kind, "target": question.target, "lane": question.lane}
        return replace(answer, started_at=self.time.seconds + 1_000_000.0, **facts)  # type: ignore[arg-type]  # fields of an Attempt

    async def _look(self, lane: str) -> Backend:
        self.looks += 1
        return replace(self.backend or Backend(lane=lane), lane=lane)

    def run(self, seconds: float, during: Callable[["Rig"], Awaitable[None]] | None = None) -> list[float]:
        """Run the schedule for so long, then cancel, and return when the gateway was asked."""

        async def run() -> None:
            task = asyncio.create_task(self.schedule.run())
            await self.time.run_until(seconds)
            if during is not None:
                await during(self)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert len(asyncio.all_tasks()) == 1  # nothing is left behind

        asyncio.run(run())
        return self.starts()

    def take(self, alias: Alias, times: int = 1) -> None:
        """Take turns one after the other."""

        async def go() -> None:
            for _ in range(times):
                turn = asyncio.create_task(self.turns.take(alias))
                await self.time.run_until(self.time.seconds + 60)
                assert turn.done()

        asyncio.run(go())
