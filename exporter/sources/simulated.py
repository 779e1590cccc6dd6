"""The reference node as simulated sources, for `lanewatch demo`: no card, no cluster, no network.

One RTX PRO 4000 Blackwell SFF of 24467 MiB and six lanes of which one runs. A scenario is a table of stages; what a
stage does not change goes on. Every snapshot that holds this says that it is simulated.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from exporter.cluster import Controller, Pod, Workloads
from exporter.snapshot import Allocation, Allocations, Device, DeviceProcess, Gpus, XidCount

MIB: Final = 1 << 20
NAMESPACE: Final = "vllm"
NODE: Final = "gpu-worker-1"
LANES: Final = (
    "qwen36-35b-gguf-fast",
    "qwen36-35b-gguf-longctx",
    "qwen36-27b-deep",
    "qwen36-nvfp4-experiment",
    "gpt-oss-agent",
    "vllm",
)
FAST, LONGCTX = LANES[0], LANES[1]
FIRST_PID: Final = 4000  # of the first lane's server
POOL_LABELS: Final = {"platform.example.com/gpu-llm": "true"}
_UUID: Final = "GPU-5a7a1e00-0000-4000-8000-000000000001"
_TOTAL: Final = 24467 * MIB
_RESERVED: Final = 439 * MIB
_USED: Final = 21642 * MIB
_LATER_LANE_MIB: Final = 600  # what a lane holds while it loads beside the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is true from `at_seconds` of a scenario on; `says` is the line for the person who watches."""

    at_seconds: float
    says: str
    desired: tuple[str, ...] = (FAST,)
    running: tuple[str, ...] = (FAST,)
    pending: Mapping[str, str] = field(default_factory=dict)  # lane -> why its pod does not start
    answering: tuple[str, ...] = (FAST,)  # lanes whose server answers
    serves_fast: str = FAST  # lane that the gateway's alias `fast` points at
    is_lost: bool = False
    xids: tuple[int, ...] = ()


_WELL: Final = Stage(at_seconds=0, says="exactly one lane runs, and alias fast answers from it")

SCENARIOS: Final[Mapping[str, tuple[Stage, ...]]] = {
    "healthy": (_WELL,),
    "switch": (
        _WELL,
        Stage(
            at_seconds=20,
            says="a planned switch: the fast lane is parked; the pool is `switching`, which does not page",
            desired=(),
            running=(),
            answering=(),
        ),
        Stage(
            at_seconds=35,
            says="the long-context lane is raised and loads its model",
            desired=(LONGCTX,),
            running=(),
            pending={LONGCTX: "ContainerCreating"},
            answering=(),
            serves_fast=LONGCTX,
        ),
        Stage(
            at_seconds=55,
            says="the long-context lane serves: steady again, and alias fast answers from it",
            desired=(LONGCTX,),
            running=(LONGCTX,),
            answering=(LONGCTX,),
            serves_fast=LONGCTX,
        ),
    ),
    "dead-backend": (
        _WELL,
        Stage(
            at_seconds=20,
            says="the server in the fast lane's pod dies: the gateway is refused, the cause is `backend_process`",
            answering=(),
        ),
        Stage(at_seconds=80, says="the server is back: the cause clears with the next probe"),
    ),
    "xid79": (
        _WELL,
        Stage(
            at_seconds=20,
            says="Xid 79: the card falls off the bus; its values go absent, its name and the reason stay",
            answering=(),
            is_lost=True,
            xids=(79,),
        ),
    ),
    "two-lanes": (
        _WELL,
        Stage(
            at_seconds=20,
            says="a second lane is raised beside the first: it waits for the card, the invariant is broken",
            desired=(FAST, LONGCTX),
            pending={LONGCTX: "Unschedulable: Insufficient nvidia.com/gpu"},
        ),
        Stage(
            at_seconds=50,
            says="the second pod runs too: two GPU LLMs on one card",
            desired=(FAST, LONGCTX),
            running=(FAST, LONGCTX),
            answering=(FAST, LONGCTX),
        ),
        Stage(at_seconds=240, says="the second lane is parked again: all clear"),
    ),
}


class Stagehand:
    """Knows which stage of a scenario plays now."""

    def __init__(self, scenario: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._stages = SCENARIOS[scenario]
        self._clock = clock
        self._started = clock()
        self.began_at = time.time()

    @property
    def elapsed_seconds(self) -> float:
        """Seconds since the scenario began."""
        return self._clock() - self._started

    @property
    def lanes_that_serve(self) -> frozenset[str]:
        """The lanes that alias `fast` points at in the course of the scenario."""
        return frozenset(stage.serves_fast for stage in self._stages)

    @property
    def stage(self) -> Stage:
        """The stage that plays now."""
        elapsed = self.elapsed_seconds
        return next(stage for stage in reversed(self._stages) if stage.at_seconds <= elapsed)


class SimulatedGpus:
    """The one card of the reference node."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Gpus:
        """Return the card as the stage has it."""
        return Gpus(source="simulated", devices=(self._device(),))

    def _device(self) -> Device:
        stage = self._hand.stage
        xids = tuple(
            XidCount(code=code, count=1, last_at=self._hand.began_at + stage.at_seconds) for code in stage.xids
        )
        return replace(simulated_device(stage, self._hand.elapsed_seconds), xids=xids)


class SimulatedKubelet:
    """What the reference node's kubelet gave to whom."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Allocations:
        """Return one container for each running lane, all of them on the one card."""
        return Allocations(
            containers=tuple(
                Allocation(
                    namespace=NAMESPACE,
                    pod=_pod_name(lane),
                    container="server",
                    resource="nvidia.com/gpu",
                    device_ids=(_UUID,),
                )
                for lane in self._hand.stage.running
            )
        )


class SimulatedCluster:
    """Pods and Deployments of the reference lanes."""

    def __init__(self, hand: Stagehand) -> None:
        self._hand = hand

    async def read(self) -> Workloads:
        """Return six Deployments and the pods of those that are raised."""
        stage = self._hand.stage
        running = tuple(_pod(lane, "Running", "") for lane in stage.running)
        pending = tuple(_pod(lane, "Pending", reason) for lane, reason in stage.pending.items())
        return Workloads(
            pods=running + pending,
            controllers=tuple(
                Controller(
                    namespace=NAMESPACE, name=lane, desired_replicas=int(lane in stage.desired), labels=POOL_LABELS
                )
                for lane in LANES
            ),
        )


def simulated_device(stage: Stage, elapsed: float) -> Device:
    """Return the reference card after `elapsed` seconds: idle with a model loaded, gently moving."""
    identity = Device(
        uuid=_UUID,
        index=0,
        model="NVIDIA RTX PRO 4000 Blackwell SFF Edition (simulated)",
        pci_bus_id="00000000:01:00.0",
        driver_version="610.43.02",
        cuda_version="13.3",
        unavailable="lost" if stage.is_lost else None,
    )
    return identity if stage.is_lost else _with_readings(identity, stage, elapsed)


def _with_readings(device: Device, stage: Stage, elapsed: float) -> Device:
    used = _used_bytes(stage)
    watts = 9.0 + 0.6 * math.sin(elapsed / 7)
    # the closed integral of the power above: the counter agrees with the gauge and never goes back
    joules = 1_500_000 + 9.0 * elapsed + 4.2 * (1 - math.cos(elapsed / 7))
    return replace(
        device,
        memory_total_bytes=_TOTAL,
        memory_used_bytes=used,
        memory_free_bytes=_TOTAL - _RESERVED - used,
        memory_reserved_bytes=_RESERVED,
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
        processes=tuple(
            DeviceProcess(pid=FIRST_PID + LANES.index(lane), memory_bytes=held)
            for lane, held in _held_by_lane(stage).items()
        ),
    )


def _held_by_lane(stage: Stage) -> dict[str, int]:
    return {lane: _USED if number == 0 else _LATER_LANE_MIB * MIB for number, lane in enumerate(stage.running)}


def _used_bytes(stage: Stage) -> int:
    return sum(_held_by_lane(stage).values())


def _pod_name(lane: str) -> str:
    return f"{lane}-6d5f9c7b8-simul"


def _pod(lane: str, phase: str, reason: str) -> Pod:
    return Pod(
        namespace=NAMESPACE,
        name=_pod_name(lane),
        uid=f"00000000-0000-4000-8000-{LANES.index(lane):012d}",
        lane=lane,
        phase=phase,
        node=NODE if phase == "Running" else "",
        is_ready=phase == "Running",
        reason=reason,
        labels=POOL_LABELS,
    )
