"""What the scenarios of `lanewatch demo` are made of: stages, and the lives of pods.

Seconds are those of the scenario; below 0 is before it began. What a stage does not say is as usual.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

MIB: Final = 1 << 20
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
DRIVER: Final = "610.43.02"
EARLIER: Final = -68_400.0  # the fast lane was started the day before
_LANE_BYTES: Final = 21642 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is true from `at_seconds` of a scenario on; `says` is the line for the person who watches."""

    at_seconds: float
    says: str
    desired: tuple[str, ...] = (FAST,)
    answering: tuple[str, ...] = (FAST,)  # lanes whose server answers
    serves_fast: str = FAST  # lane that the gateway's alias `fast` points at
    is_lost: bool = False
    xids: tuple[int, ...] = ()
    strategy: str = "Recreate"  # of the fast lane, and how often its pod template was changed
    revision: int = 1
    is_stuck: bool = False
    replicas: int = 1  # of the card; more: it is shared by time-slicing
    driver: str = DRIVER
    labelled_driver: str = DRIVER  # what feature discovery wrote on the node
    intruder: Literal["", "process", "pod"] = ""  # who uses the card without having been given it


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a server: when its container began, was ready, and ended."""

    began: float
    ready: float
    ended: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One pod: when it was made, got its node and the image, ran and went; `held_bytes` once it is loaded."""

    lane: str = FAST
    template: str = "6d5f9c7b8"  # of its ReplicaSet
    born: float = EARLIER
    bound: float = EARLIER + 0.5
    pulled_seconds: float = 11.4
    runs: tuple[Run, ...] = (Run(began=EARLIER + 15, ready=EARLIER + 77),)
    gone: float = math.inf
    cores: float = 10.0
    memory_bytes: int = 40960 * MIB
    held_bytes: int = _LANE_BYTES

    def run_at(self, elapsed: float) -> Run | None:
        """Return the run that goes on at this time."""
        return next((run for run in reversed(self.runs) if run.began <= elapsed < run.ended), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The stages in their order, and every pod that lives in them."""

    stages: tuple[Stage, ...]
    pods: tuple[Life, ...] = (Life(),)
