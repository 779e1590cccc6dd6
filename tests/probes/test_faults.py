"""The table of faults itself; that each is named is seen in tests/e2e, where they are made."""

from probes.fault_document import PATH, render
from probes.fault_matrix import FAULTS
from probes.layers import LAYERS


def test_every_layer_can_be_the_cause() -> None:
    """A layer that no fault of the table breaks would be a promise that nobody tries."""
    assert set(LAYERS) - {fault.cause for fault in FAULTS} == set()


def test_names_are_unique_and_many() -> None:
    """The name is the test's id and the row of the page."""
    names = [fault.name for fault in FAULTS]
    assert len(names) == len(set(names)) >= 30


def test_most_faults_are_made_on_real_parts() -> None:
    """What can be made to fail for real is; records are handed in only for the cluster and the card."""
    parts = [fault.part for fault in FAULTS]
    assert parts.count("real") > parts.count("handed in")
    assert {fault.cause for fault in FAULTS if fault.part == "handed in"} >= {"node", "driver", "device", "allocation"}


def test_page_has_a_row_for_each() -> None:
    """A cell that holds a bar would break its row."""
    rows = [line for line in render()[PATH].splitlines() if line.startswith("| ")]
    assert len(rows) == len(FAULTS) + 2
    assert {row.count("|") for row in rows} == {6}
