"""What each lane of a pool is and how its pods do. A bare pod is a lane of its own."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.cluster import Container, Controller, Pod, Termination
from exporter.config_cluster import Annotations
from exporter.facts.roll import PHASES, Roll, phase, short_of_gpu
from exporter.facts.sight import PodKey

# Kubernetes' reasons are an open set of words like these; anything else would be a label without an end.
_REASON: Final = re.compile(r"[A-Z][A-Za-z]{0,40}")
_OTHER: Final = "Other"
_SHORT_OF: Final = {"cpu": "InsufficientCpu", "memory": "InsufficientMemory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One lane; `desired` is None where no controller made it, `problems` are pods by phase and reason."""

    namespace: str
    name: str
    kind: str = ""
    strategy: str = ""
    model: str = ""
    model_digest: str = ""
    model_bytes: float | None = None
    image: str = ""
    image_digest: str = ""  # of what really runs; empty: nothing does
    desired: int | None = None
    ready: int = 0
    restarts: int = 0
    phases: Mapping[str, int]
    problems: Mapping[tuple[str, str], int]
    ended: Termination | None = None  # the latest
    pods: tuple[tuple[str, str], ...] = ()  # name and node of each


def lanes_of(roll: Roll, annotations: Annotations) -> tuple[Lane, ...]:
    """Return every lane of the pool, parked ones included, sorted."""
    made = {(one.namespace, one.name): one for one in roll.controllers}
    pods: defaultdict[PodKey, list[Pod]] = defaultdict(list)
    for pod in roll.pods:
        pods[pod.namespace, pod.lane].append(pod)
    return tuple(_lane(key, made.get(key), pods.get(key, ()), annotations) for key in sorted({*made, *pods}))


def _lane(key: PodKey, made: Controller | None, pods: Sequence[Pod], annotations: Annotations) -> Lane:
    phases = Counter(phase(pod) for pod in pods)
    latest = max(pods, key=_rank, default=None)
    served = _server(latest) if latest else None
    notes = {**(latest.annotations if latest else {}), **(made.annotations if made else {})}
    return Lane(
        namespace=key[0],
        name=key[1],
        kind=made.kind if made else max(pod.kind for pod in pods) or "Pod",
        strategy=made.strategy if made else "",
        model=notes.get(annotations.model, ""),
        model_digest=notes.get(annotations.model_digest, ""),
        model_bytes=_bytes(notes.get(annotations.model_bytes, "")),
        image=(served.image if served else "") or (made.image if made else ""),
        image_digest=served.image_digest if served else "",
        desired=made.desired_replicas if made else None,
        ready=sum(pod.is_ready and phase(pod) == "running" for pod in pods),
        restarts=sum(pod.restarts for pod in pods),
        phases={one: phases[one] for one in PHASES},
        problems=Counter((phase(pod), reason) for pod in pods for reason in _problems(pod)),
        ended=max(_ends(pods), key=_end_order, default=None),
        pods=tuple(sorted((pod.name, pod.node) for pod in pods)),
    )


def word_of(reason: str) -> str:
    """Return a reason of Kubernetes as a label: its own word, what the scheduler lacks, or `Other`."""
    unschedulable, separator, missing = reason.partition(": Insufficient ")
    if separator:
        if short_of_gpu(reason):
            return "InsufficientGpu"
        return next((word for name, word in _SHORT_OF.items() if name in missing.split(", ")), unschedulable)
    return reason if _REASON.fullmatch(reason) else _OTHER


def _rank(pod: Pod) -> tuple[bool, float, str]:
    """Order pods so that the newest that runs is the last; names decide where times do not."""
    return phase(pod) == "running", pod.created_at or 0.0, pod.name


def _server(pod: Pod) -> Container | None:
    """Return the container that serves: the one that asks for the GPU, else the first."""
    first = [one for one in pod.containers if not one.is_init]
    return next((one for one in first if one.asks_gpu), first[0] if first else None)


def _problems(pod: Pod) -> Iterator[str]:
    """Yield why the pod does not run as it should; one that runs or goes has `reason` from its past."""
    state = phase(pod)
    if state in {"pending", "failed"}:
        if pod.reason:
            yield word_of(pod.reason)
        return
    if state == "running" and not pod.is_ready:
        waiting = next((one.waiting for one in pod.containers if one.waiting), "")
        reason = waiting if pod.containers else pod.reason
        if reason:
            yield word_of(reason)


def _ends(pods: Iterable[Pod]) -> Iterator[Termination]:
    """Yield how containers ended; that one that prepares a pod is done is no news."""
    for container in (one for pod in pods for one in pod.containers):
        for end in (container.ended, container.last):
            if end is not None and end.at is not None and (end.exit_code or not container.is_init):
                yield end


def _end_order(end: Termination) -> tuple[float, str, int]:
    return end.at or 0.0, end.reason, end.exit_code


def _bytes(text: str) -> float | None:
    return float(text) if text.isdecimal() and len(text) < 20 else None
