import pytest

from exporter.facts.xid import XID_ACTIONS, XID_CLASSES, XIDS, XIDS_THAT_ALERT, XidFacts, explain

_KNOWN = [
    pytest.param(79, XidFacts("hardware", "reboot_node"), id="off the bus"),
    pytest.param(48, XidFacts("hardware", "drain_and_reset"), id="double bit"),
    pytest.param(31, XidFacts("application", "restart_app"), id="page fault"),
    pytest.param(119, XidFacts("driver", "reset_gpu"), id="GSP"),
    pytest.param(74, XidFacts("link", "drain_and_inspect"), id="NVLink"),
    pytest.param(45, XidFacts("info", "none"), id="clean-up after something else"),
    pytest.param(4711, XidFacts("unknown", "look_up"), id="newer than this table"),
]


@pytest.mark.parametrize(("code", "expected"), _KNOWN)
def test_what_a_code_says(code: int, expected: XidFacts) -> None:
    assert explain(code) == expected


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
