from contextlib import ExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes import simulated_apiserver as faults
from fakes.simulated_reflectors import PATHS, standing

NAMES = st.sampled_from(["old", "kept", "a", "b"])
WHERE = st.sampled_from(PATHS[:2])
FAULTS = st.sampled_from([None, faults.refused, faults.broken, faults.closes_watches, faults.refuses_watches])


class CopyIsTheTruth(RuleBasedStateMachine):
    """Whatever is added, changed, deleted, forgotten, closed or broken, in any order: the copy ends as the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stand = self.stack.enter_context(standing())
        self.revisions = dict.fromkeys(PATHS, 0)
        self.records = {path: frozenset[tuple[str, int]]() for path in PATHS}

    @rule(path=WHERE, name=NAMES)
    def set(self, path: str, name: str) -> None:
        self.stand.world.set(path, name)

    @rule(path=WHERE, name=NAMES)
    def delete(self, path: str, name: str) -> None:
        if name in self.stand.world.things[path].versions:
            self.stand.world.delete(path, name)

    @rule()
    def close(self) -> None:
        self.stand.world.break_watches()

    @rule()
    def forget(self) -> None:
        self.stand.world.compact()
        self.stand.world.break_watches()

    @rule()
    def expire(self) -> None:
        self.stand.world.expire_watches()

    @rule(fault=FAULTS)
    def fall_ill(self, fault: faults.Fault | None) -> None:
        self.stand.world.fault = fault

    @rule(seconds=st.floats(0.1, 90))
    def wait(self, seconds: float) -> None:
        self.stand.time.sleep(seconds)

    @precondition(lambda self: self.stand.world.fault is None)
    @rule()
    def settle(self) -> None:
        self.stand.seconds_until_true(most=180)

    @invariant()
    def revision_tells_of_every_change(self) -> None:
        for path, reflector in self.stand.reflectors.items():
            records = frozenset(reflector.records())
            assert (reflector.revision > self.revisions[path]) >= (records != self.records[path])
            self.revisions[path], self.records[path] = reflector.revision, records

    def teardown(self) -> None:
        self.stand.world.fault = None
        self.settle()
        self.stack.close()


TestCopyIsTheTruth = CopyIsTheTruth.TestCase
TestCopyIsTheTruth.settings = settings(max_examples=40, stateful_step_count=20)
