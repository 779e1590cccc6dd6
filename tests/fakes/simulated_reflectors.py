"""Eight real reflectors behind one gate, in simulated time, against a simulated server."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from exporter.sources.gate import Gate
from exporter.sources.kube_json import Thing
from exporter.sources.reflector import Collection, Reflector
from fakes.simulated_apiserver import Fault, World, pace_in
from fakes.simulated_time import SimulatedTime

_NAMES = ("pods", "deployments", "statefulsets", "nodes", "daemonsets", "resourceclaims", "resourceslices", "events")
PATHS = tuple(f"/api/{name}" for name in _NAMES)


@dataclass
class Stand:
    """Eight collections of one server, each followed by a reflector, all behind one gate."""

    time: SimulatedTime
    world: World
    reflectors: dict[str, Reflector[tuple[str, int]]]

    def is_true(self, path: str) -> bool:
        return dict(self.reflectors[path].records()) == self.world.things[path].versions

    def seconds_until_true(self, paths: Sequence[str] = PATHS, *, most: float = 400.0) -> float:
        started = self.time.now()
        while not all(self.is_true(path) for path in paths):
            assert self.time.now() < started + most, [path for path in paths if not self.is_true(path)]
            self.time.sleep(0.1)
        return self.time.now() - started

    def change_everything(self) -> None:
        for path in PATHS:
            self.world.set(path, "new")
            self.world.set(path, "kept")
            if "old" in self.world.things[path].versions:
                self.world.delete(path, "old")

    def busiest_minute(self, since: float, paths: Sequence[str] = PATHS) -> int:
        times = [at for at, path, _ in self.world.connects if at >= since and path in paths]
        return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)

    def lists(self, since: float, path: str) -> list[float]:
        return [
            at for at, asked, query in self.world.connects if asked == path and at >= since and "watch" not in query
        ]


def keep(raw: msgspec.Raw) -> tuple[str, int]:
    metadata = msgspec.json.decode(raw, type=Thing).metadata
    return metadata.name, int(metadata.resource_version)


@contextmanager
def standing(seed: int = 1, fault: Fault | None = None, *, paths: Sequence[str] = PATHS) -> Iterator[Stand]:
    time = SimulatedTime()
    world = World(time, PATHS)
    world.fault, world.faulty_paths = fault, frozenset(paths)
    for path in PATHS:
        world.set(path, "old")
        world.set(path, "kept")
    pace = pace_in(time, random.Random(seed).random)  # noqa: S311  # a pause is no secret
    gate = Gate(pace)
    reflectors = {path: Reflector(Collection(path=path, keep=keep), lambda: world, pace, gate) for path in PATHS}
    stand = Stand(time, world, reflectors)
    for reflector in reflectors.values():
        time.start(reflector.run)
    try:
        yield stand
    finally:
        for reflector in reflectors.values():
            reflector.stop()
        time.sleep(1000)  # all of them wake, and end
