"""What the fake driver shall answer, written while somebody uses it, and how often it was called.

The keys of the file, one `key=value` a line; a value that is not there is NOT_SUPPORTED:

    devices, driver_version, nvml_version, cuda_version   the machine
    driver_generation                another number: the driver was reloaded, every call is UNINITIALIZED until init
    gpu.<i>.<name>                   see `rtx_pro_4000`; gpu.<i>.field.<id> for field values
    gpu.<i>.lost=1                   every call on the card is GPU_IS_LOST
    xid.<n>=<i>:<code>               an event, delivered once; n must rise

and, for each function or `*`, for all cards or after `gpu.<i>.` for one:

    return.<function>=<code>         it fails with this code
    sleep.<function>=<seconds>       it sleeps; `forever` sleeps until the file says otherwise
    delay_us.<function>=<n>          it takes this long, always
    crash.<function>=1               it dies of a segmentation fault
    print.<function>=<text>          it writes to stdout, as some libraries do
    spill.<function>=<n> or <n>:     it writes n bytes, or n empty lines, into every pipe that it finds open
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
_SLOT = struct.Struct("=Q112s17Q")  # one function in the file of counts; see scenario.c

Value = int | str


@dataclass
class Scenario:
    """A fake driver's machine: `environment` goes to whoever loads the library; `set` changes it at once."""

    directory: Path
    values: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.write()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the library finds its scenario and the file of counts."""
        return {
            "LANEWATCH_FAKE_NVML": str(self.directory / "scenario"),
            "LANEWATCH_FAKE_NVML_CALLS": str(self.directory / "calls"),
        }

    def set(self, values: Mapping[str, Value | None]) -> None:
        """Change these keys, all at once; None removes one."""
        for key, value in values.items():
            if value is None:
                self.values.pop(key, None)
                continue
            self.values[key] = value
        self.write()

    def write(self) -> None:
        """Put the file in place by a rename, so that the library never sees half of it."""
        draft = self.directory / "scenario.new"
        draft.write_text("".join(f"{key}={value}\n" for key, value in self.values.items()))
        draft.replace(self.directory / "scenario")

    def happen(self, gpu: int, xid: int) -> None:
        """Let the driver report one Xid of one card."""
        number = sum(key.startswith("xid.") for key in self.values) + 1
        self.set({f"xid.{number}": f"{gpu}:{xid}"})

    def calls(self) -> dict[str, int]:
        """Return how often each function was called so far, by all processes."""
        path = self.directory / "calls"
        raw = path.read_bytes() if path.exists() else b""
        slots = [slot for slot in _SLOT.iter_unpack(raw) if slot[0]]
        return {slot[1].rstrip(b"\0").decode(): sum(slot[2:]) for slot in slots}


def machine(*cards: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values of a machine with these cards."""
    values: dict[str, Value] = {
        "driver_version": "610.43.02",
        "nvml_version": "13.610.43.02",
        "cuda_version": 13030,
        "devices": len(cards),
    }
    for index, card in enumerate(cards):
        values |= {f"gpu.{index}.{key}": value for key, value in card.items()}
    return values


def rtx_pro_4000(index: int = 0) -> dict[str, Value]:
    """Return the reference card at idle with a model loaded: no ECC, no MIG, no memory temperature, no fan reading."""
    return {
        "uuid": f"GPU-5f0c3a1e-9d42-4b7a-8c11-{index:012x}",
        "name": "NVIDIA RTX PRO 4000 Blackwell SFF Edition",
        "pci_bus_id": f"00000000:{index + 1:02X}:00.0",
        "minor_number": index,
        "compute_major": 12,
        "compute_minor": 0,
        "compute_mode": 0,
        "persistence_mode": 0,
        "display_mode": 1,
        "display_active": 1,
        "memory_total": 24467 * MIB,
        "memory_used": 21642 * MIB,
        "memory_free": 2386 * MIB,
        "memory_reserved": (24467 - 21642 - 2386) * MIB,
        "bar1_total": 32768 * MIB,
        "bar1_used": 21700 * MIB,
        "utilization_percent": 0,
        "memory_utilization_percent": 0,
        "encoder_percent": 0,
        "decoder_percent": 0,
        "power_milliwatts": 9120,
        "power_limit_milliwatts": 70000,
        "energy_millijoules": 123_456_789,
        "temperature.0": 37,
        "clock_megahertz.0": 180,
        "clock_megahertz.1": 180,
        "clock_megahertz.2": 405,
        "clock_megahertz.3": 600,
        "clock_max_megahertz.0": 2775,
        "clock_max_megahertz.1": 2775,
        "clock_max_megahertz.2": 14001,
        "clock_max_megahertz.3": 2775,
        "clock_events": "0x1",
        "performance_state": 8,
        "pcie_generation": 1,
        "pcie_generation_max": 5,
        "pcie_width": 8,
        "pcie_width_max": 8,
        "pcie_throughput.0": 0,
        "pcie_throughput.1": 0,
        "compute_processes": f"4211:{21600 * MIB}",
        "graphics_processes": "",
        "event_types": "0x8",
        "field.74": 1_500_000_000,
        "field.75": 0,
        "field.76": 0,
        "field.77": 0,
        "field.78": 42_000_000_000,
        "field.79": 0,
    }


def h100(index: int = 0) -> dict[str, Value]:
    """Return a busy card of a data centre: ECC, memory temperature, PCIe at full speed, near its power limit."""
    return {
        **rtx_pro_4000(index),
        "uuid": f"GPU-a1b2c3d4-0000-4000-8000-{index:012x}",
        "name": "NVIDIA H100 80GB HBM3",
        "serial": f"16513230{index:05d}",
        "pci_bus_id": f"00000000:{0x18 + 0x10 * index:02X}:00.0",
        "compute_major": 9,
        "memory_total": 81559 * MIB,
        "memory_used": 74312 * MIB,
        "memory_free": (81559 - 74312 - 551) * MIB,
        "memory_reserved": 551 * MIB,
        "bar1_total": 131072 * MIB,
        "bar1_used": 800 * MIB,
        "utilization_percent": 97,
        "memory_utilization_percent": 58,
        "power_milliwatts": 684_250,
        "power_limit_milliwatts": 700_000,
        "energy_millijoules": 987_654_321_000,
        "temperature.0": 64,
        "clock_megahertz.0": 1980,
        "clock_megahertz.1": 1980,
        "clock_megahertz.2": 2619,
        "clock_megahertz.3": 1545,
        "clock_events": "0x4",
        "performance_state": 0,
        "pcie_generation": 5,
        "pcie_width": 16,
        "pcie_width_max": 16,
        "pcie_throughput.0": 2_150_000,
        "pcie_throughput.1": 740_000,
        "ecc_mode": 1,
        "ecc.0.0": 0,
        "ecc.0.1": 0,
        "ecc.1.0": 0,
        "ecc.1.1": 0,
        "mig_mode": 0,
        "mig_devices": 0,
        "compute_processes": f"{9000 + index}:{74000 * MIB}",
        "field.82": 71,
    }


def reference_node() -> dict[str, Value]:
    """Return the machine of the domain's reference node: one RTX PRO 4000."""
    return machine(rtx_pro_4000())


def h100_node(count: int = 8) -> dict[str, Value]:
    """Return a machine of `count` H100."""
    return machine(*(h100(index) for index in range(count)))


def preload_environment(library: Path) -> dict[str, str]:
    """Return the variables by which any program that asks for `libnvidia-ml.so.1` finds this library first."""
    others = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": f"{library.parent}:{others}" if others else str(library.parent)}
