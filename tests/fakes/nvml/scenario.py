"""What the fake driver shall answer, written while somebody uses it, and how often it was called.

The keys of the file, one `key=value` a line; a value that is not there is NOT_SUPPORTED:

    devices, driver_version, nvml_version, cuda_version   the machine
    driver_generation                another number: the driver was reloaded, every call is UNINITIALIZED until init
    gpu.<i>.<name>                   see `rtx_pro_4000`
    gpu.<i>.field.<id>               a field value; gpu.<i>.field.<id>.<link> for those of NVLink
    gpu.<i>.samples.<kind>           0 power, 1 utilisation: <first, microseconds>+<period>:<value>,<value>…
    gpu.<i>.gpm.<metric>             thousandths of a percent, where gpu.<i>.gpm_support=1
    gpu.<i>.mig.<n>.<name>           of an instance: uuid, name, memory_…, compute_processes
    gpu.<i>.lost=1                   every call on the card is GPU_IS_LOST
    xid.<n>=<i>:<code>[:<type>]      an event, delivered once; n must rise

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

    def happen(self, gpu: int, xid: int = 0, *, event: int = 8) -> None:
        """Let the driver report one Xid of one card, or an event of another type."""
        number = sum(key.startswith("xid.") for key in self.values) + 1
        self.set({f"xid.{number}": f"{gpu}:{xid}:{event}"})

    def calls(self) -> dict[str, int]:
        """Return how often each function was called so far, by all processes."""
        path = self.directory / "calls"
        raw = path.read_bytes() if path.exists() else b""
        slots = [slot for slot in _SLOT.iter_unpack(raw) if slot[0]]
        return {slot[1].rstrip(b"\0").decode(): sum(slot[2:]) for slot in slots}


def machine(*cards: Mapping[str, Value | None]) -> dict[str, Value]:
    """Return the values of a machine with these cards; None is what a card does not have."""
    values: dict[str, Value] = {
        "driver_version": "610.43.02",
        "nvml_version": "13.610.43.02",
        "cuda_version": 13030,
        "devices": len(cards),
    }
    for index, card in enumerate(cards):
        values |= {f"gpu.{index}.{key}": value for key, value in card.items() if value is not None}
    return values


def rtx_pro_4000(index: int = 0) -> dict[str, Value]:
    """Return the reference card at idle with a model loaded: no ECC, MIG, NVLink, GPM, memory temperature or JPEG.

    Passed through by a hypervisor; PCIe generation 1 while idle.
    """
    return {
        "uuid": f"GPU-5f0c3a1e-9d42-4b7a-8c11-{index:012x}",
        "name": "NVIDIA RTX PRO 4000 Blackwell SFF Edition",
        "pci_bus_id": f"00000000:{index + 1:02X}:00.0",
        "minor_number": index,
        "vbios_version": "9B.06.11.00.01",
        "serial": f"13242240{index:05d}",
        "virtualization_mode": 1,
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
        "power_limit_default_milliwatts": 70000,
        "power_limit_min_milliwatts": 50000,
        "power_limit_max_milliwatts": 70000,
        "energy_millijoules": 123_456_789,
        "temperature.0": 37,
        "temperature_threshold.0": 97,
        "temperature_threshold.1": 92,
        "temperature_margin": 53,
        "fans": 1,
        "fan_percent": 30,
        "fan_percent.0": 30,
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
        "pcie_replays": 2,
        "mps_processes": "",
        "compute_processes": f"4211:{21600 * MIB}",
        "graphics_processes": "",
        "event_types": "0x8",
        "field.74": 1_500_000_000,
        "field.75": 0,
        "field.76": 0,
        "field.77": 0,
        "field.78": 42_000_000_000,
        "field.79": 0,
        "field.185": 9_340,
        "field.186": 9_120,
        "field.187": 50_000,
        "field.188": 70_000,
        "field.189": 70_000,
        "field.191": 123_456_789,
        "field.94": 2,
        "field.173": 4,
        "field.180": 0,
        "field.230": 0,
        "field.269": 0,
        "field.270": 0,
        "field.271": 0,
        "samples.0": "1790000000000000+200000:9120,9340,9200",
        "samples.1": "1790000000000000+200000:0,0,0",
    }


def h100(index: int = 0) -> dict[str, Value | None]:
    """Return a busy card of a data centre: ECC, memory temperature, PCIe at full speed, near its power limit."""
    return {
        **rtx_pro_4000(index),
        "uuid": f"GPU-a1b2c3d4-0000-4000-8000-{index:012x}",
        "name": "NVIDIA H100 80GB HBM3",
        "vbios_version": "96.00.A5.00.01",
        "virtualization_mode": 0,
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
        "event_types": "0xff08",
        "ecc_mode": 1,
        "ecc.0.0": 0,
        "ecc.0.1": 0,
        "ecc.1.0": 0,
        "ecc.1.1": 0,
        "mig_mode": 0,
        "mig_devices": 0,
        "compute_processes": f"{9000 + index}:{74000 * MIB}",
        "jpeg_percent": 0,
        "ofa_percent": 0,
        "fans": None,  # the chassis cools it
        "fan_percent": None,
        "fan_percent.0": None,
        "temperature_threshold.0": 92,
        "temperature_threshold.1": 89,
        "temperature_threshold.2": 95,
        "temperature_margin": 23,
        "power_limit_default_milliwatts": 700_000,
        "power_limit_min_milliwatts": 200_000,
        "power_limit_max_milliwatts": 700_000,
        "clock_max_megahertz.0": 1980,
        "clock_max_megahertz.1": 1980,
        "clock_max_megahertz.2": 2619,
        "clock_max_megahertz.3": 1980,
        "field.5": 3,
        "field.6": 0,
        "field.82": 71,
        "field.142": 1,
        "field.143": 0,
        "field.144": 0,
        "field.145": 0,
        "field.185": 679_800,
        "field.186": 684_250,
        "field.187": 200_000,
        "field.188": 700_000,
        "field.189": 700_000,
        "field.191": 987_654_321_000,
        **{f"field.{number}": 0 for number in range(173, 184)},
        **{f"field.165.{link}": 1 for link in range(18)},
        **{f"field.{number}.{link}": 0 for number in (161, 162, 163) for link in range(18)},
        "samples.0": "1790000000000000+20000:684250,671000",
        "samples.1": "1790000000000000+167000:96,98,97",
        "gpm_support": 1,
        "gpm.1": 97_000,
        "gpm.2": 88_000,
        "gpm.3": 41_000,
        "gpm.5": 35_500,
        "gpm.10": 58_000,
    }


def h100_mig(index: int = 0) -> dict[str, Value | None]:
    """Return a card that is cut into two instances, one of them in use; as a whole it has no utilisation then."""
    return {
        **h100(index),
        "mig_mode": 1,
        "mig_devices": 7,
        "utilization_percent": None,
        "encoder_percent": None,
        "decoder_percent": None,
        "jpeg_percent": None,
        "ofa_percent": None,
        "samples.1": None,
        "gpm_support": 0,
        **_instance(index, 0, "3g.40gb", used=30_000, processes=f"9100:{29_500 * MIB}"),
        **_instance(index, 1, "1g.10gb", used=14, processes=""),
    }


def _instance(index: int, number: int, profile: str, *, used: int, processes: str) -> dict[str, Value]:
    total = {"3g.40gb": 40_448, "1g.10gb": 9_856}[profile]
    values: dict[str, Value] = {
        "uuid": f"MIG-c0ffee00-{number:04x}-5000-8000-{index:012x}",
        "name": f"NVIDIA H100 80GB HBM3 MIG {profile}",
        "memory_total": total * MIB,
        "memory_used": used * MIB,
        "memory_free": (total - used) * MIB,
        "memory_reserved": 0,
        "compute_processes": processes,
        "graphics_processes": "",
    }
    return {f"mig.{number}.{key}": value for key, value in values.items()}


def old_card() -> dict[str, Value]:
    """Return a card of long ago: a driver that counts power, temperature, clocks and little else."""
    return {
        "uuid": "GPU-01d00000-0000-4000-8000-000000000000",
        "name": "Quadro K2200",
        "pci_bus_id": "00000000:03:00.0",
        "vbios_version": "82.07.5A.00.01",
        "memory_total": 4042 * MIB,
        "memory_free": 3900 * MIB,
        "utilization_percent": 4,
        "memory_utilization_percent": 1,
        "temperature.0": 41,
        "temperature_threshold.0": 101,
        "temperature_threshold.1": 96,
        "fan_percent": 42,
        "clock_megahertz.0": 405,
        "clock_megahertz.2": 2505,
        "clock_max_megahertz.0": 1124,
        "clock_events": "0x1",
        "performance_state": 8,
        "pcie_generation": 2,
        "pcie_generation_max": 2,
        "pcie_width": 16,
        "pcie_width_max": 16,
        "pcie_replays": 0,
        "power_milliwatts": 2_310,
        "compute_processes": "812:-1",
        "graphics_processes": "",
    }


OLD_LIBRARY_LACKS = (
    "nvmlGpmQueryDeviceSupport",
    *(
        f"nvmlDeviceGet{name}"
        for name in (
            "MemoryInfo_v2",
            "TemperatureV",
            "MarginTemperature",
            "CurrentClocksEventReasons",
            "ComputeRunningProcesses_v3",
            "GraphicsRunningProcesses_v3",
            "MPSComputeRunningProcesses_v3",
            "FieldValues",
            "Samples",
            "NumFans",
            "FanSpeed_v2",
            "JpgUtilization",
            "OfaUtilization",
            "MigMode",
            "VirtualizationMode",
        )
    ),
)


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
