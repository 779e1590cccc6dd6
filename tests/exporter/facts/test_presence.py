"""How many cards each view counts, and which one the driver does not list."""

from dataclasses import replace

import pytest

from exporter.facts.presence import missing, views
from exporter.snapshot import Device, Gpus, PciBus, PciDevice, Snapshot, SourceState

_UP = {"nvml": SourceState(name="nvml", is_up=True)}
_DOWN = {"nvml": SourceState(name="nvml", is_up=False)}
_BUS = PciBus(
    devices=(PciDevice(bus_id="0000:01:00.0", vendor="nvidia"), PciDevice(bus_id="0000:02:00.0", vendor="nvidia"))
)
_A = Device(uuid="GPU-a", index=0, pci_bus_id="00000000:01:00.0")
_B = Device(uuid="GPU-b", index=1, pci_bus_id="00000000:02:00.0")
_MIG = Device(uuid="MIG-a", index=0, parent_uuid="GPU-a")


def _node(*devices: Device) -> Snapshot:
    return Snapshot(node="n", gpus=Gpus(source="nvml", devices=devices), pci=_BUS, sources=_UP)


_CASES = [
    pytest.param(_node(_A, _B), {"expected": 2, "pci": 2, "nvml": 2, "telemetry": 2}, (), id="all are there"),
    pytest.param(
        _node(_A, replace(_B, unavailable="lost")),
        {"expected": 2, "pci": 2, "nvml": 2, "telemetry": 1},
        (),
        id="one is lost, and still listed",
    ),
    pytest.param(
        _node(_A, replace(_B, unavailable="missing")),
        {"expected": 2, "pci": 2, "nvml": 1, "telemetry": 1},
        ("0000:02:00.0",),
        id="one was there, and is listed no more",
    ),
    pytest.param(
        _node(_A), {"expected": 2, "pci": 2, "nvml": 1, "telemetry": 1}, ("0000:02:00.0",), id="one was never listed"
    ),
    pytest.param(_node(_A, _B, _MIG), {"expected": 2, "pci": 2, "nvml": 2, "telemetry": 2}, (), id="MIG is no card"),
    pytest.param(
        replace(_node(), sources=_DOWN), {"expected": 2, "pci": 2, "telemetry": 0}, (), id="the driver does not answer"
    ),
    pytest.param(Snapshot(node="n"), {"expected": 2}, (), id="nothing was read yet"),
    pytest.param(
        _node(_A, Device(uuid="GPU-b", index=1, unavailable="hung")),
        {"expected": 2, "pci": 2, "nvml": 2, "telemetry": 1},
        (),
        id="a card that was never read has no address",
    ),
]


@pytest.mark.parametrize(("snapshot", "counts", "absent"), _CASES)
def test_what_each_view_counts(snapshot: Snapshot, counts: dict[str, int], absent: tuple[str, ...]) -> None:
    assert views(snapshot, 2) == counts
    assert missing(snapshot) == absent


def test_nothing_is_expected_where_nothing_is_configured() -> None:
    assert "expected" not in views(_node(_A), None)


def test_the_driver_is_asked_even_where_another_source_speaks() -> None:
    """DCGM may still list a card that the driver has lost."""
    snapshot = replace(_node(_A, _B), nvml=Gpus(source="nvml", devices=(_A,)))
    assert views(snapshot, None)["nvml"] == 1
