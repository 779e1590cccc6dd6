import pytest

from exporter.config_xid import XidOverride
from exporter.facts.xid import XID_ACTIONS, XID_CLASSES, XIDS, XIDS_THAT_ALERT, explain, table
from exporter.facts.xid_table import ROWS, SOURCE

_KNOWN = [
    pytest.param(79, ("hardware", "reboot_node"), id="off the bus"),
    pytest.param(48, ("hardware", "drain_and_reset"), id="double bit"),
    pytest.param(31, ("application", "restart_app"), id="page fault"),
    pytest.param(119, ("driver", "reset_gpu"), id="GSP"),
    pytest.param(74, ("link", "drain_and_inspect"), id="NVLink"),
    pytest.param(45, ("info", "none"), id="clean-up after something else"),
    pytest.param(4711, ("unknown", "look_up"), id="newer than this table"),
]


@pytest.mark.parametrize(("code", "expected"), _KNOWN)
def test_what_a_code_says(code: int, expected: tuple[str, str]) -> None:
    facts = explain(code)
    assert (facts.xid_class, facts.action) == expected


def test_each_code_has_one_row_with_a_meaning_and_its_source() -> None:
    """A code that stood twice would have two classes, and the last would win in silence."""
    assert len({row[0] for row in ROWS}) == len(ROWS) == len(XIDS)
    assert all(facts.meaning and facts.source == SOURCE for facts in XIDS.values())


def test_an_operator_s_row_goes_over_ours() -> None:
    """Vendors disagree on some codes, and who runs the node decides."""
    mine = table([XidOverride(code=31, xid_class="hardware", action="reset_gpu")])
    assert (mine.explain(31).xid_class, mine.explain(31).action) == ("hardware", "reset_gpu")
    assert mine.explain(31).meaning == explain(31).meaning
    assert mine.alerting == XIDS_THAT_ALERT | {31}


def test_an_operator_can_name_a_code_that_we_do_not_know() -> None:
    assert table([XidOverride(code=901, xid_class="info", action="none")]).explain(901).xid_class == "info"


def test_classes_and_actions_are_closed_lists() -> None:
    """They are label values: rules select them by name."""
    assert {facts.xid_class for facts in XIDS.values()} | {"unknown"} == set(XID_CLASSES)
    assert {facts.action for facts in XIDS.values()} == set(XID_ACTIONS)


@pytest.mark.parametrize("code", [13, 31, 43, 45, 63, 92, 154])
def test_what_is_nobody_s_call_does_not_alert(code: int) -> None:
    """An application's own fault, records, and planned repairs of the driver page nobody who runs the node."""
    assert code not in XIDS_THAT_ALERT


@pytest.mark.parametrize("code", [48, 62, 64, 74, 79, 94, 95, 119, 120, 140])
def test_what_peers_call_critical_alerts(code: int) -> None:
    assert code in XIDS_THAT_ALERT
