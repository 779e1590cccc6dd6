"""Lines of the kernel log as drivers from R390 to R610 print them, and what each of them says."""

import pytest

from exporter.facts.pci_address import normalise
from exporter.facts.xid_line import LineKind, parse_line

_CARD = "0000:01:00.0"
_LINES = [
    pytest.param(
        "NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
        ("xid", _CARD, 79, 0),
        id="79 without a process",
    ),
    pytest.param(
        "NVRM: Xid (PCI:0000:01:00): 31, pid=4711, name=llama-server, Ch 00000008, intr 00000000. MMU Fault: ENGINE "
        "GRAPHICS GPCCLIENT_T1_3 faulted @ 0x7f2a_40000000. Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_READ",
        ("xid", _CARD, 31, 4711),
        id="31 with its process",
    ),
    pytest.param(
        "NVRM: Xid (PCI:0000:c1:00.0): 119, pid='1234', name=python3, Timeout after 6s of waiting for RPC response "
        "from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL) (0x20801702 0x4).",
        ("xid", "0000:c1:00.0", 119, 1234),
        id="119 with a function in the address",
    ),
    pytest.param(
        "NVRM: Xid (PCI:0000:01:00 GPU-I:05): 94, pid=7, name=python, Contained: SM (0x1). RST: No, D-RST: No",
        ("xid", _CARD, 94, 7),
        id="an instance of a MIG card",
    ),
    pytest.param(
        "NVRM: Xid (0000:01:00): 13, Graphics Exception: ESR 0x404490=0x80000001",
        ("xid", _CARD, 13, 0),
        id="R390, without the word PCI",
    ),
    pytest.param(
        "NVRM: Xid (PCI:0002:00:00): 48, pid=1, name=x, An uncorrectable double bit error (DBE) has been detected",
        ("xid", "0002:00:00.0", 48, 1),
        id="a virtual machine's own domain",
    ),
    pytest.param("NVRM: Xid (PCI:0000:01:00): 123456, new", ("xid", _CARD, 999, 0), id="a number that is no code"),
    pytest.param(
        "nvidia-nvswitch3: SXid (PCI:0000:85:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
        ("sxid", "0000:85:00.0", 20034, 0),
        id="an NVSwitch",
    ),
    pytest.param(
        "NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.", ("fell_off", _CARD, 79, 0), id="off the bus, no Xid"
    ),
    pytest.param(
        "NVRM: GPU at 0000:01:00.0 has fallen off the bus.", ("fell_off", _CARD, 79, 0), id="off the bus, old"
    ),
    pytest.param(
        "NVRM: The NVIDIA GPU 0000:01:00.0\nNVRM: (PCI ID: 10de:2331) installed in this system has\n"
        "NVRM: fallen off the bus and is not responding to commands.",
        ("fell_off", _CARD, 79, 0),
        id="off the bus while the driver starts",
    ),
]
_OTHERS = [
    "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  610.43.02",
    "NVRM: Xid (PCI:nowhere): 79",
    "NVRM: Xid (PCI:0000:01:00): none",
    "usb 1-1: new high-speed USB device",
    "",
]


@pytest.mark.parametrize(("text", "expected"), _LINES)
def test_a_line_says_which_card_and_code(text: str, expected: tuple[LineKind, str, int, int]) -> None:
    line = parse_line(text)
    assert line is not None
    assert (line.kind, line.pci_bus_id, line.code, line.pid) == expected


def test_a_line_names_the_uuid_of_a_card() -> None:
    line = parse_line("NVRM: GPU at PCI:0000:01:00: GPU-6f1c2a34-0000-4000-8000-00000000a001")
    assert line is not None
    assert (line.kind, line.pci_bus_id, line.uuid) == ("named", _CARD, "GPU-6f1c2a34-0000-4000-8000-00000000a001")


@pytest.mark.parametrize("text", _OTHERS, ids=[text[:25] or "empty" for text in _OTHERS])
def test_other_lines_say_nothing(text: str) -> None:
    assert parse_line(text) is None


@pytest.mark.parametrize(
    "text", ["00000000:01:00.0", "0000:01:00", "PCI:0000:01:00", "0000:01:00.0", "PCI:00000000:01:00.0"]
)
def test_an_address_has_one_spelling(text: str) -> None:
    """NVML writes eight digits, sysfs four, the kernel log none after the point."""
    assert normalise(text) == _CARD


def test_an_address_is_lower_case_and_keeps_a_long_domain() -> None:
    assert normalise("0001ABCD:C1:00.0") == "1abcd:c1:00.0"
    assert normalise("no address") == ""
