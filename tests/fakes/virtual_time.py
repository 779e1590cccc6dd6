"""A clock that only the test moves."""

import asyncio
import heapq
import itertools
from dataclasses import dataclass, field


@dataclass
class VirtualTime:
    """Jumps to the next sleeper whenever nothing else can happen."""

    seconds: float = 0.0
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.seconds + seconds, next(self.numbers), future))
        await future

    async def run_until(self, end: float) -> None:
        while True:
            for _ in range(20):  # enough turns of the loop for everyone to go to sleep
                await asyncio.sleep(0)
            if not self.sleepers or self.sleepers[0][0] > end:
                return
            self.seconds, _, future = heapq.heappop(self.sleepers)
            if not future.done():
                future.set_result(None)
