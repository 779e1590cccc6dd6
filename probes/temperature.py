"""Whether a lane had just started: its first answers are slow for a reason, and that is not the reason to page."""

from collections.abc import Callable
from typing import Final

from exporter.backend import Backend
from exporter.snapshot import Snapshot

_NOT_STARTED: Final = frozenset({"loading", "down", "asleep"})


class Temperatures:
    """Remembers when each lane's server was last seen to be no server yet; `now` is a clock that nobody sets back."""

    def __init__(self, cold_seconds: float, now: Callable[[], float]) -> None:
        self._cold_seconds = cold_seconds
        self._now = now
        self._seen_at: dict[str, float] = {}

    def adopt(self, before: "Temperatures") -> None:
        """Know what the one before had seen."""
        self._seen_at = dict(before._seen_at)  # noqa: SLF001  # its own kind

    def note(self, backend: Backend) -> None:
        """Note what a look showed."""
        if backend.state in _NOT_STARTED:
            self.note_loading(backend.lane)

    def note_all(self, snapshot: Snapshot) -> None:
        """Note what the looks of a snapshot showed."""
        for backend in snapshot.backends.by_lane.values() if snapshot.backends else ():
            self.note(backend)

    def note_loading(self, lane: str) -> None:
        """Note that the lane said so itself."""
        self._seen_at[lane] = self._now()

    def is_cold(self, lane: str, snapshot: Snapshot, wall: float) -> bool:
        """Whether the lane started within the configured time, by its server or by its pods."""
        seen_at = self._seen_at.get(lane)
        if seen_at is not None and self._now() - seen_at <= self._cold_seconds:
            return self._cold_seconds > 0
        return is_just_ready(lane, snapshot, wall, self._cold_seconds)


def is_just_ready(lane: str, snapshot: Snapshot, wall: float, seconds: float) -> bool:
    """Whether every ready pod of the lane became so within `seconds`; an older one may have answered."""
    pods = snapshot.workloads.pods if snapshot.workloads and lane else ()
    ready = [pod.ready_changed_at for pod in pods if pod.lane == lane and pod.is_ready]
    return bool(ready) and all(at is not None and 0 <= wall - at < seconds for at in ready)
