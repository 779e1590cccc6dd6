"""The one card of the reference node and what its kubelet gave away, simulated: no driver, no kubelet.

One RTX PRO 4000 Blackwell SFF of 24467 MiB. Every snapshot that holds this says that it is simulated.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from exporter.snapshot import Allocation, Allocations, Device, DeviceProcess, Gpus, XidCount
from exporter.sources.simulated_moment import Moment, Stagehand
from exporter.sources.simulated_stage import LANES, MIB, Life

NAMESPACE: Final = "vllm"
CONTAINER: Final = "server"
INTRUDER_PID: Final = 3999
MODEL: Final = "NVIDIA RTX PRO 4000 Blackwell SFF Edition"
TOTAL_BYTES: Final = 24467 * MIB
CUDA: Final = "13.3"
_UUID: Final = "GPU-5a7a1e00-0000-4000-8000-000000000001"
_FIRST_PID: Final = 4000
_RESERVED_BYTES: Final = 439 * MIB
_INTRUDER_BYTES: Final = 2048 * MIB


class SimulatedGpus:
    """The one card of the reference node."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Gpus:
        """Return the card as the moment has it."""
        return Gpus(source="simulated", devices=(simulated_device(self._hand.moment),))


class SimulatedKubelet:
    """What the reference node's kubelet gave to whom."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Allocations:
        """Return the container of each pod that came to the node, all of them on the one card."""
        moment = self._hand.moment
        admitted = [life for life in moment.pods if life.bound <= moment.elapsed]
        return Allocations(
            containers=tuple(
                Allocation(
                    namespace=NAMESPACE,
                    pod=pod_name(life),
                    container=CONTAINER,
                    resource="nvidia.com/gpu",
                    device_ids=(_UUID if moment.stage.replicas == 1 else f"{_UUID}::{number}",),
                )
                for number, life in enumerate(admitted)
            )
        )


def simulated_device(moment: Moment) -> Device:
    """Return the reference card at that moment: idle with a model loaded, gently moving."""
    stage = moment.stage
    identity = Device(
        uuid=_UUID,
        index=0,
        model=f"{MODEL} (simulated)",
        pci_bus_id="00000000:01:00.0",
        driver_version=stage.driver,
        cuda_version=CUDA,
        sharing="none",
        unavailable="lost" if stage.is_lost else None,
        xids=tuple(XidCount(code=code, count=1, last_at=moment.unix(stage.at_seconds)) for code in stage.xids),
    )
    return identity if stage.is_lost else _with_readings(identity, moment)


def servers(moment: Moment) -> Iterator[tuple[Life, DeviceProcess]]:
    """Yield each server that runs, with what it holds: more and more while it loads its model."""
    for life in moment.pods:
        run = life.run_at(moment.elapsed)
        if run is None:
            continue
        loaded = min(1.0, (moment.elapsed - run.began) / (run.ready - run.began))
        pid = _FIRST_PID + 10 * LANES.index(life.lane) + life.runs.index(run) + 100 * (life.born > 0)
        yield life, DeviceProcess(pid=pid, memory_bytes=int(life.held_bytes * loaded))


def pod_name(life: Life) -> str:
    """Return the name of a pod."""
    return f"{life.lane}-{life.template}-simul"


def pod_uid(life: Life) -> str:
    """Return the UID of a pod, another one for each pod of a lane."""
    return f"00000000-0000-4000-8000-{max(0, int(life.born)):08d}{LANES.index(life.lane):04d}"


def _with_readings(device: Device, moment: Moment) -> Device:
    elapsed = moment.elapsed
    watts = 9.0 + 0.6 * math.sin(elapsed / 7)
    # the closed integral of the power above: the counter agrees with the gauge and never goes back
    joules = 1_500_000 + 9.0 * elapsed + 4.2 * (1 - math.cos(elapsed / 7))
    processes = tuple(process for _, process in servers(moment)) + _intruder(moment)
    used = sum(process.memory_bytes or 0 for process in processes)
    return replace(
        device,
        memory_total_bytes=TOTAL_BYTES,
        memory_used_bytes=used,
        memory_free_bytes=TOTAL_BYTES - _RESERVED_BYTES - used,
        memory_reserved_bytes=_RESERVED_BYTES,
        utilization_ratio=0.02 + 0.02 * math.sin(elapsed / 5) ** 2,
        memory_copy_utilization_ratio=0.01,
        power_watts=watts,
        power_limit_watts=70.0,
        energy_joules=joules,
        temperatures_celsius={"gpu": 37.0 + math.sin(elapsed / 30)},
        clocks_hertz={"graphics": 180e6, "sm": 180e6, "memory": 405e6, "video": 600e6},
        clock_events={reason: reason == "idle" for reason in ("idle", "power_cap", "sw_thermal", "hw_thermal")},
        throttle_seconds={"power_cap": 0.0, "thermal": 0.0},
        pcie_generation={"now": 1, "max": 5},
        pcie_width_lanes={"now": 8, "max": 8},
        processes=processes,
    )


def _intruder(moment: Moment) -> tuple[DeviceProcess, ...]:
    return (DeviceProcess(pid=INTRUDER_PID, memory_bytes=_INTRUDER_BYTES),) if moment.stage.intruder else ()
