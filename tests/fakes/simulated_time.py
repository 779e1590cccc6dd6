"""Time for threads that passes only while all of them sleep; one runs at a time, so each run is the same."""

import heapq
import itertools
import threading
from collections.abc import Callable

_STUCK_SECONDS = 30.0  # of real time: something waits for what is not simulated


class SimulatedTime:
    """A clock whose `sleep` hands over to whoever wakes next; for threads made by `start`, and the one that made it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, threading.Event]] = []

    def now(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let the others run until `seconds` have passed."""
        turn = self._queue(seconds)
        self._hand_over()
        _wait(turn)

    def start(self, run: Callable[[], object]) -> None:
        """Run this in a thread, from the next time that the others sleep."""
        turn = self._queue(0.0)

        def wait_and_run() -> None:
            _wait(turn)
            try:
                run()
            finally:
                self._hand_over()

        threading.Thread(target=wait_and_run, daemon=True).start()

    def _queue(self, seconds: float) -> threading.Event:
        turn = threading.Event()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._numbers), turn))
        return turn

    def _hand_over(self) -> None:
        self.seconds, _, turn = heapq.heappop(self._sleepers)
        turn.set()


def _wait(turn: threading.Event) -> None:
    assert turn.wait(_STUCK_SECONDS), "a thread never slept"
