"""The PCI bus as sysfs shows it: a tree of real files and links."""

import asyncio
from pathlib import Path

import pytest

from exporter.errors import SourceError
from exporter.snapshot import PciDevice
from exporter.sources.pci import Pci

_BUS = [
    pytest.param("0000:01:00.0", "0x10de", "0x030000", "nvidia", ["nvidia"], id="a graphics card"),
    pytest.param("0000:01:00.0", "0x10de", "0x030200", "nvidia", ["nvidia"], id="a data centre card"),
    pytest.param("0000:01:00.0", "0x10de", "0x030200", "", ["nvidia"], id="a card without a driver"),
    pytest.param("0000:01:00.0", "0x10de", "0x030200", "vfio-pci", [], id="a card that a virtual machine has"),
    pytest.param("0000:01:00.1", "0x10de", "0x040300", "snd_hda_intel", [], id="a card's sound"),
    pytest.param("0000:05:00.0", "0x10de", "0x068000", "nvidia-nvswitch", [], id="an NVSwitch"),
    pytest.param("0000:03:00.0", "0x8086", "0x030000", "xe", ["intel"], id="an Arc card"),
    pytest.param("0000:00:02.0", "0x8086", "0x030000", "i915", [], id="Intel's graphics within the processor"),
    pytest.param("0000:c1:00.0", "0x1002", "0x120000", "amdgpu", ["amd"], id="an Instinct"),
    pytest.param("0000:c4:00.0", "0x1002", "0x030000", "amdgpu", [], id="AMD's graphics, which may be integrated"),
    pytest.param("0000:02:00.0", "0x1a03", "0x030000", "ast", [], id="the board's own display"),
    pytest.param("0000:02:00.0", "", "0x030000", "", [], id="a device that is just going"),
]


def _plug(directory: Path, bus_id: str, vendor: str, kind: str) -> Path:
    device = directory / "devices" / bus_id
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n", encoding="ascii")
    (device / "class").write_text(f"{kind}\n", encoding="ascii")
    return device


@pytest.mark.parametrize(("bus_id", "vendor", "kind", "driver", "expected"), _BUS)
def test_which_devices_are_cards(
    tmp_path: Path, *, bus_id: str, vendor: str, kind: str, driver: str, expected: list[str]
) -> None:
    device = _plug(tmp_path, bus_id, vendor, kind)
    if driver:
        (tmp_path / "drivers" / driver).mkdir(parents=True)
        (device / "driver").symlink_to(tmp_path / "drivers" / driver)
    bus = asyncio.run(Pci(str(tmp_path / "devices")).read())
    assert bus.devices == tuple(PciDevice(bus_id=bus_id, vendor=name) for name in expected)


def test_a_virtual_function_is_no_card(tmp_path: Path) -> None:
    """A card that is cut for virtual machines shows itself many times."""
    device = _plug(tmp_path, "0000:01:00.4", "0x10de", "0x030200")
    (device / "physfn").symlink_to(tmp_path)
    assert asyncio.run(Pci(str(tmp_path / "devices")).read()).devices == ()


def test_a_machine_without_pci_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as refused:
        asyncio.run(Pci(str(tmp_path / "none")).read())
    assert refused.value.kind == "absent"
