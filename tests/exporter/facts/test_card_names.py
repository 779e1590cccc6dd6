"""Every way in which a device plugin or a claim names a card leads to that card, or to none."""

import pytest

from exporter.cluster import Dra, OfferedDevice
from exporter.facts.card_names import card_names
from exporter.snapshot import ClaimDevice, Device, Gpus, PciBus, PciDevice, Snapshot

UUID = "GPU-00000000-0000-4000-8000-00000000000a"
MIG = "MIG-00000000-0000-4000-8000-00000000000b"
ARC = "01000000-0000-0000-0000-56a000000003"
UNLISTED = "GPU-00000000-0000-4000-8000-0000000000ff"

_FIRST = Device(uuid=UUID, index=0, pci_bus_id="00000000:01:00.0")
_SECOND = Device(uuid="GPU-1", index=1, pci_bus_id="00000000:02:00.0")
_INSTANCE = Device(uuid=MIG, index=1, pci_bus_id="00000000:02:00.0", parent_uuid="GPU-1")
_ARC = Device(uuid=ARC, index=0, pci_bus_id="0000:03:00.0", source="xpum")


def node(*devices: Device, **parts: object) -> Snapshot:
    return Snapshot(node="n", gpus=Gpus(source="nvml", devices=devices), **parts)  # type: ignore[arg-type]  # its fields


ALL = node(_FIRST, _SECOND, _INSTANCE, _ARC)


@pytest.mark.parametrize(
    ("device_id", "expected"),
    [
        pytest.param(UUID, UUID, id="the exact UUID"),
        pytest.param(f"{UUID}::3", UUID, id="a replica of a shared card"),
        pytest.param("1", "GPU-1", id="the index is the card's, never that of an instance with the same number"),
        pytest.param("1::0", "GPU-1", id="a replica of an index"),
        pytest.param("0", UUID, id="the index is of the driver's own list, not of the cards beside"),
        pytest.param("1:0", "GPU-1", id="the index of an instance names its card"),
        pytest.param(f"nvidia.com/gpu={UUID}", UUID, id="a CDI name with a UUID"),
        pytest.param("nvidia.com/gpu=1", "GPU-1", id="a CDI name with an index"),
        pytest.param(MIG, MIG, id="a MIG instance that the driver lists"),
        pytest.param("MIG-GPU-1/3/0", "GPU-1", id="a MIG instance of an old driver names its card"),
        pytest.param("MIG-8", "MIG-8", id="a MIG instance that the driver does not list keeps its name"),
        pytest.param(UNLISTED, UNLISTED, id="a card that the driver does not list keeps its name"),
        pytest.param("0000:03:00.0", ARC, id="the PCI address"),
        pytest.param("card0-0", "", id="a name that no card has means none"),
        pytest.param("7", "", id="an index that no card has means none"),
    ],
)
def test_ids_of_device_plugins(device_id: str, expected: str) -> None:
    assert card_names(ALL).of_plugin(device_id) == expected


def offered(device: str, **fields: str) -> Dra:
    return Dra(version="v1", offered=(OfferedDevice(driver="gpu.test", pool="n", device=device, **fields),))  # type: ignore[arg-type]  # texts only


def claim(device: str, *cdi_names: str, driver: str = "gpu.test") -> ClaimDevice:
    return ClaimDevice(driver=driver, pool="n", device=device, cdi_names=cdi_names)


@pytest.mark.parametrize(
    ("device", "dra", "expected"),
    [
        pytest.param(claim("x", f"nvidia.com/gpu={UUID}"), None, UUID, id="the UUID in a CDI name"),
        pytest.param(claim("x", "nvidia.com/gpu=GPU-1"), None, "GPU-1", id="any UUID that the driver lists"),
        pytest.param(claim(UUID.lower()), None, UUID, id="the UUID in small letters, as names of Kubernetes are"),
        pytest.param(claim("x", f"vendor/gpu={UNLISTED}"), None, UNLISTED, id="the UUID of an unlisted card"),
        pytest.param(claim("x"), offered("x", uuid=UUID), UUID, id="the UUID of its slice"),
        pytest.param(claim("x"), offered("x", pci_address="0000:03:00.0"), ARC, id="the address of its slice"),
        pytest.param(claim("x"), offered("y", uuid=UUID), "", id="the slice of another device says nothing"),
        pytest.param(claim("0000-03-00-0-0x56a0"), None, ARC, id="the address in the name, as Intel's driver does"),
        pytest.param(claim("x", "intel.com/gpu=0000:03:00.0"), None, ARC, id="the address in a CDI name"),
        pytest.param(claim("0000-99-00-0-0x56a0"), None, "", id="an address that no card has"),
        pytest.param(claim("gpu-1", driver="gpu.nvidia.com"), None, "", id="one minor number of two cards is doubtful"),
        pytest.param(
            claim("gpu-0", "k8s.gpu.nvidia.com/claim=00000000-0000-4000-8000-00000000000a-gpu-0"),
            None,
            "",
            id="the UID of the claim is no UUID of a card",
        ),
    ],
)
def test_devices_of_claims(device: ClaimDevice, dra: Dra | None, expected: str) -> None:
    assert card_names(node(_FIRST, _SECOND, _INSTANCE, _ARC, dra=dra)).of_claim(device) == expected


_ONE = PciBus(devices=(PciDevice(bus_id="0000:01:00.0", vendor="nvidia"),))
_TWO = PciBus(devices=(*_ONE.devices, PciDevice(bus_id="0000:02:00.0", vendor="nvidia")))


@pytest.mark.parametrize(
    ("snapshot", "device", "expected"),
    [
        pytest.param(node(_FIRST), "gpu-0", UUID, id="the only card"),
        pytest.param(node(_FIRST, _ARC, pci=_ONE), "gpu-0", UUID, id="the only one of NVIDIA, as the bus says too"),
        pytest.param(node(_FIRST), "gpu-1", "", id="another number than the only card's"),
        pytest.param(node(_FIRST, pci=_TWO), "gpu-0", "", id="the bus has a card that the driver does not list"),
        pytest.param(node(_FIRST, _SECOND), "gpu-0", "", id="the minor is no index: with two cards it may be either's"),
    ],
)
def test_a_minor_number_is_believed_only_where_it_can_mean_one_card(
    snapshot: Snapshot, device: str, expected: str
) -> None:
    assert card_names(snapshot).of_claim(claim(device, driver="gpu.nvidia.com")) == expected
