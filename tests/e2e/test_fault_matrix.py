"""Every fault of the table, made on real parts: its cause is named in time, each time, clears, and shows no key."""

import pytest

from e2e.faults.plans import PLANS
from e2e.faults.scene import KEY, LANE_KEY
from e2e.faults.world import NAMED_WITHIN, ROUNDS, Played, leaks_in, play_all
from probes.fault_matrix import FAULTS, Fault

pytestmark = pytest.mark.real

Matrix = dict[str, list[Played]]


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Return what all selected faults showed; they are made a few at once, because each takes seconds of waiting."""
    wanted = [getattr(item, "callspec", None) for item in request.session.items]
    names = {call.params["fault"].name for call in wanted if call is not None and "fault" in call.params}
    return play_all(sorted(names), tmp_path_factory.mktemp("faults"))


def test_every_fault_of_the_table_is_made() -> None:
    """The page in the docs promises nothing that is not tried."""
    assert [fault.name for fault in FAULTS] == list(PLANS)


@pytest.mark.parametrize("key", [KEY, LANE_KEY])
def test_a_key_that_is_shown_would_be_seen(key: str) -> None:
    """Also one that was cut short."""
    assert list(leaks_in(f"well\nBearer {key[:14]}…\nwell")) == [f"Bearer {key[:14]}…"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_cause_is_named_in_time_and_clears(fault: Fault, matrix: Matrix) -> None:
    """Within two intervals of the probe, every time, and no other cause; and it is gone after the fault."""
    seen = matrix[fault.name]
    print(*seen, sep="\n")
    assert [one.trouble for one in seen] == [""] * ROUNDS
    assert all(one.named_after is not None and one.named_after <= NAMED_WITHIN for one in seen)
    assert {cause for one in seen for cause in one.causes} <= {"none", "unknown", fault.cause, *fault.at_first}
    assert all(one.cleared_after is not None for one in seen)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_no_key_is_shown(fault: Fault, matrix: Matrix) -> None:
    """No page, log at debug level or command shows the gateway's key or the lane's, whatever is echoed."""
    assert [leak for one in matrix[fault.name] for leak in one.leaks] == []
