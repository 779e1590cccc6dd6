"""How long each phase of a lane's start took, as far as one look at its pod can tell.

Pure. A new pod starts with four phases; a restart of its server with two, for its node and its image are there. The
clocks of node and API server may disagree: a phase that seems to end before it began took 0 seconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from exporter.cluster import Container, ImagePull, Pod

PHASES: Final = ("scheduling", "image_pull", "model_load", "warm_up")

# Whoever comes an hour after a lane is ready did not wait for it to warm up.
LATEST_FIRST_TOKEN: Final = 3600.0
# A pod that is older than this at the first look, and that the look did not show, joined its pool later.
_CLOCKS_DIFFER: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of a pod's server; run 0 is the pod's first, and `phases` the seconds of those that have ended."""

    run: int
    begun_at: float
    phases: Mapping[str, float] = field(default_factory=dict)


def starts(pod: Pod, pulls: Iterable[ImagePull], answered_at: float | None) -> tuple[Start, ...]:
    """Return the start of the pod and, where its server was restarted, the present run; the latest is last."""
    server = server_of(pod)
    begun, phases = pod.created_at or 0.0, _pod_phases(pod, server, pulls)
    if server is None:
        return (Start(run=0, begun_at=begun, phases=phases),)
    started_at = run_began_at(server)
    run = _run_phases(started_at, _ready_at(pod, server), answered_at)
    if server.restarts == 0:
        return (Start(run=0, begun_at=begun, phases={**phases, **run}),)
    again = Start(run=server.restarts, begun_at=begun if started_at is None else started_at, phases=run)
    return (Start(run=0, begun_at=begun, phases=phases), again)


def server_of(pod: Pod) -> Container | None:
    """Return the container that loads the model: the one that asks for the GPU, else the first."""
    containers = [one for one in pod.containers if not one.is_init]
    return next((one for one in containers if one.asks_gpu), containers[0] if containers else None)


def run_began_at(server: Container) -> float | None:
    """Return when the present run began, also of one that has just ended."""
    return server.ended.started_at if server.started_at is None and server.ended else server.started_at


def is_new(pod: Pod, began_at: float) -> bool:
    """Whether a pod that the first look, at `began_at`, did not show was made since: nothing of it was missed."""
    return pod.created_at is None or pod.created_at >= began_at - _CLOCKS_DIFFER


def _pod_phases(pod: Pod, server: Container | None, pulls: Iterable[ImagePull]) -> dict[str, float]:
    """Return the phases that a pod has once."""
    spans = {
        "scheduling": _span(pod.created_at, pod.scheduled_at),
        "image_pull": _image_pull(pod, server, tuple(pull.seconds for pull in pulls)) if server else None,
    }
    return {phase: seconds for phase, seconds in spans.items() if seconds is not None}


def _image_pull(pod: Pod, server: Container, pulled: tuple[float, ...]) -> float | None:
    """Return what the kubelet measured, all images of the pod together, or else the time that went by."""
    began_at = _first_run_began_at(server)
    if pulled and (server.restarts or began_at is not None):
        return sum(pulled)
    return _span(pod.scheduled_at if pod.sandbox_at is None else pod.sandbox_at, began_at)


def _run_phases(started_at: float | None, ready_at: float | None, answered_at: float | None) -> dict[str, float]:
    """Return the phases that each run of the server has."""
    spans = {"model_load": _span(started_at, ready_at), "warm_up": _warm_up(ready_at, answered_at)}
    return {phase: seconds for phase, seconds in spans.items() if seconds is not None}


def _first_run_began_at(server: Container) -> float | None:
    """Return when the server first began to run, as long as the pod still tells."""
    began_at = run_began_at(server) if server.restarts == 0 else None
    if began_at is not None or server.restarts > 1:
        return began_at
    return server.last.started_at if server.last else None


def _ready_at(pod: Pod, server: Container) -> float | None:
    """Return when the pod became ready in the present run; what is older speaks of the run before."""
    began_at, ready_at = server.started_at, pod.ready_changed_at
    if not pod.is_ready or began_at is None or ready_at is None:
        return None
    return ready_at if server.restarts == 0 or ready_at >= began_at else None


def _warm_up(ready_at: float | None, answered_at: float | None) -> float | None:
    if ready_at is None or answered_at is None or not 0 <= answered_at - ready_at <= LATEST_FIRST_TOKEN:
        return None
    return answered_at - ready_at


def _span(begun: float | None, ended: float | None) -> float | None:
    return None if begun is None or ended is None else max(0.0, ended - begun)
