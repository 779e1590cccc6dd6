"""The reference node as the API server would describe it, simulated: pods, Deployments, node, daemons and events."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final, Generic, TypeVar

from exporter.cluster import (
    Container,
    Controller,
    Daemon,
    DaemonPod,
    Events,
    ImagePull,
    NodeInfo,
    Nodes,
    Pod,
    Taint,
    Termination,
    Workloads,
)
from exporter.sources.simulated import CONTAINER, CUDA, MODEL, NAMESPACE, TOTAL_BYTES, pod_name, pod_uid
from exporter.sources.simulated_moment import Moment, Stagehand
from exporter.sources.simulated_stage import FAST, LANES, MIB, NODE, Life, Run, Stage

POOL_LABELS: Final = {"platform.example.com/gpu-llm": "true"}
_GPU: Final = "nvidia.com/gpu"
_IMAGE: Final = "registry.example.com/ai/llama-server:{}"
_WAITS_FOR_CARD: Final = "Unschedulable: Insufficient nvidia.com/gpu"
_LABELS: Final = {
    "workload.ai/enabled": "true",
    "workload.ai/gpu": "true",
    "workload.ai/gpu-family": "blackwell",
    "workload.ai/gpu-model": "rtx-pro-4000-sff",
    "workload.ai/gpu-tier": "workstation",
    "workload.ai/gpu-vendor": "nvidia",
    "workload.ai/profile": "llm",
    "workload.ai/vram": "24Gi",
    "nvidia.com/gpu.present": "true",
    "nvidia.com/gpu.family": "blackwell",
    "nvidia.com/gpu.count": "1",
    "nvidia.com/gpu.memory": str(TOTAL_BYTES // MIB),
    "nvidia.com/gpu.compute.major": "12",
    "nvidia.com/gpu.compute.minor": "0",
    "nvidia.com/mig.capable": "false",
    "nvidia.com/mps.capable": "false",
    "nvidia.com/vgpu.present": "false",
    "nvidia.com/cuda.runtime-version.full": CUDA,
}
_DAEMONS: Final = ("nvidia-device-plugin-daemonset", "nvidia-dcgm-exporter", "gpu-feature-discovery")
_DAEMONS_NAMESPACE: Final = "gpu-operator"
# Beside the lane's 10 cores and 40 GiB: together 10755m and 43072 MiB, as the reference node has it.
_DAEMONS_REQUEST: Final = {"cpu": 0.255, "memory": 576.0 * MIB}
_OTHERS_REQUEST: Final = {"cpu": 0.5, "memory": 1536.0 * MIB}
_EVENTS_KEPT: Final = 3600.0  # seconds, as the API server keeps them

_NODE_BORN: Final = -90 * 86400.0

T = TypeVar("T")


class SimulatedCluster(Generic[T]):
    """One of the API server's collections, such as `workloads`; the same object as long as nothing in it changes."""

    def __init__(self, hand: Stagehand, part: Callable[[Moment], T]) -> None:
        self._hand = hand
        self._part = part
        self._last: T | None = None

    async def read(self) -> T:
        """Return the collection as the moment has it."""
        now = self._part(self._hand.moment)
        if self._last is None or now != self._last:
            self._last = now
        return self._last


def workloads(moment: Moment, node: str = NODE) -> Workloads:
    """Return six Deployments, the pods of those that are raised, and what all pods request."""
    lanes = [life for life in moment.pods if life.bound <= moment.elapsed]
    requested = {name: sum(_requests(life)[name] for life in lanes) for name in _requests(Life())}
    return Workloads(
        pods=tuple(_pod(life, moment, node) for life in moment.pods),
        controllers=tuple(_controller(lane, moment.stages) for lane in LANES),
        daemon_pods=tuple(
            DaemonPod(namespace=_DAEMONS_NAMESPACE, name=f"{name}-simul", daemon=name, node=node, is_ready=True)
            for name in _DAEMONS
        ),
        loads={node: {"lanes": requested, "daemons": _DAEMONS_REQUEST, "others": _OTHERS_REQUEST}},
    )


def nodes(moment: Moment, node: str = NODE) -> Nodes:
    """Return the one node, with the labels that feature discovery wrote last, and the daemons of its card."""
    stage = moment.stage
    gpus = 0 if stage.is_lost else stage.replicas  # the device plugin takes a lost card back
    info = NodeInfo(
        name=node,
        labels=_LABELS | _labels_of(stage),
        is_ready=True,
        taints=(Taint(key="workload.ai/dedicated", value="gpu", effect="NoSchedule"),),
        capacity={"cpu": 16.0, "memory": 60817408.0 * 1024, _GPU: float(stage.replicas)},
        allocatable={"cpu": 15.0, "memory": 57461965.0 * 1024, _GPU: float(gpus)},
        created_at=moment.unix(_NODE_BORN),
    )
    daemons = tuple(Daemon(namespace=_DAEMONS_NAMESPACE, name=name, desired=1, ready=1) for name in _DAEMONS)
    return Nodes(nodes=(info,), daemons=daemons)


def events(moment: Moment) -> Events:
    """Return the pulls of the pods that were made lately."""
    pulled = [life for life in moment.pods if life.born > -_EVENTS_KEPT and life.runs[0].began <= moment.elapsed]
    return Events(
        pulls=tuple(
            ImagePull(
                namespace=NAMESPACE,
                pod=pod_name(life),
                pod_uid=pod_uid(life),
                seconds=life.pulled_seconds,
                at=moment.unix(life.runs[0].began),
                container=CONTAINER,
            )
            for life in pulled
        )
    )


def _labels_of(stage: Stage) -> dict[str, str]:
    """Return what feature discovery writes anew when the driver or the sharing of the card changes."""
    is_shared = stage.replicas > 1
    return {
        "nvidia.com/gpu.product": MODEL.replace(" ", "-") + ("-simulated-SHARED" if is_shared else "-simulated"),
        "nvidia.com/gpu.replicas": str(stage.replicas),
        "nvidia.com/gpu.sharing-strategy": "time-slicing" if is_shared else "none",
        "nvidia.com/cuda.driver-version.full": stage.labelled_driver,
    }


def _pod(life: Life, moment: Moment, node: str) -> Pod:
    is_bound, is_started = life.bound <= moment.elapsed, life.runs[0].began <= moment.elapsed
    run = life.run_at(moment.elapsed)
    is_ready = run is not None and run.ready <= moment.elapsed
    server = _server(life, moment, run)
    waits = "" if is_started else "ContainerCreating" if is_bound else _WAITS_FOR_CARD
    return Pod(
        namespace=NAMESPACE,
        name=pod_name(life),
        uid=pod_uid(life),
        lane=life.lane,
        kind="Deployment",
        phase="Running" if is_started else "Pending",
        node=node if is_bound else "",
        is_ready=is_ready,
        restarts=server.restarts,
        reason=waits,
        labels=POOL_LABELS,
        requests=_requests(life),
        containers=(server,),
        address="192.0.2.17" if is_started else "",
        created_at=moment.unix(life.born),
        scheduled_at=moment.unix(life.bound) if is_bound else None,
        sandbox_at=moment.unix(life.bound) if is_bound else None,
        ready_changed_at=moment.unix(_readiness_changed(life, moment.elapsed)) if is_bound else None,
    )


def _server(life: Life, moment: Moment, run: Run | None) -> Container:
    """Return the server's container: its present run, and how the one before it ended."""
    ended = [one for one in life.runs if one.ended <= moment.elapsed]
    last = _termination(ended[-1], moment) if ended else None
    return Container(
        name=CONTAINER,
        asks_gpu=True,
        is_ready=run is not None and run.ready <= moment.elapsed,
        restarts=life.runs.index(run) if run else max(0, len(ended) - 1),
        image=_IMAGE.format(_tag(life)),
        image_digest=f"sha256:{_tag(life):064x}" if ended or run else "",
        started_at=moment.unix(run.began) if run else None,
        ended=None if run else last,
        last=last if run else None,
    )


def _termination(run: Run, moment: Moment) -> Termination:
    """Return the end that a node's restart makes of a run."""
    return Termination(reason="Unknown", exit_code=255, started_at=moment.unix(run.began), at=moment.unix(run.ended))


def _readiness_changed(life: Life, elapsed: float) -> float:
    """Return when the pod became ready last, or lost it; before that, when it came to its node."""
    changes = [at for run in life.runs for at in (run.ready, run.ended) if at <= elapsed]
    return max(changes, default=life.bound)


def _tag(life: Life) -> int:
    return 1 if life.template == Life().template else 2


def _requests(life: Life) -> dict[str, float]:
    return {"cpu": life.cores, "memory": float(life.memory_bytes), _GPU: 1.0}


def _controller(lane: str, stages: tuple[Stage, ...]) -> Controller:
    stage, number = stages[-1], LANES.index(lane)
    is_rolling = lane == FAST and stage.strategy == "RollingUpdate"
    return Controller(
        namespace=NAMESPACE,
        name=lane,
        desired_replicas=int(lane in stage.desired),
        generation=_generation(lane, stages),
        labels=POOL_LABELS,
        annotations={
            "ai.example.com/model-file": f"{lane}.gguf",
            "ai.example.com/model-file-sha256": f"{0xA1B2C3 + number:064x}",
            "ai.example.com/model-file-size-bytes": str(19_500_000_000 + 1_000_003 * number),
        },
        strategy="RollingUpdate" if is_rolling else "Recreate",
        max_surge=int(is_rolling),
        max_unavailable=0 if is_rolling else 1,
        requests=_requests(Life()),
        image=_IMAGE.format(stage.revision if lane == FAST else 1),
        is_stuck=stage.is_stuck and lane == FAST,
    )


def _generation(lane: str, stages: tuple[Stage, ...]) -> int:
    """Return how often somebody changed the Deployment, its making included."""
    specs = [(lane in stage.desired, *((stage.strategy, stage.revision) if lane == FAST else ())) for stage in stages]
    return 1 + sum(before != after for before, after in pairwise(specs))
