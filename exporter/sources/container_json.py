"""From what is said of a pod's containers, in its specification and in its status, to their records."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import field

from exporter.cluster import Container, Termination
from exporter.sources.object_json import Json, seconds
from exporter.sources.pod_spec_json import ContainerSpecJson, asks_for_gpu


class WaitingJson(Json, frozen=True):
    """Why a container does not run."""

    reason: str = ""


class RunningJson(Json, frozen=True):
    """Since when a container runs."""

    started_at: datetime | None = None


class TerminatedJson(Json, frozen=True):
    """How a run of a container ended."""

    exit_code: int = 0
    reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class StateJson(Json, frozen=True):
    """One of three; none of them where the kubelet has not said anything yet."""

    waiting: WaitingJson | None = None
    running: RunningJson | None = None
    terminated: TerminatedJson | None = None


class ContainerStatusJson(Json, frozen=True):
    """One container as the kubelet sees it."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = field(default="", name="imageID")
    state: StateJson = StateJson()
    last_state: StateJson = StateJson()


_NO_SPEC = ContainerSpecJson()
_NO_STATUS = ContainerStatusJson()


def containers_of(
    specs: Iterable[ContainerSpecJson] | None, statuses: Iterable[ContainerStatusJson] | None, *, is_init: bool
) -> Iterator[Container]:
    """Yield the containers that were ordered, in their order, whether or not the kubelet has said anything of them."""
    ordered: Mapping[str, ContainerSpecJson] = {one.name: one for one in specs or ()}
    seen: Mapping[str, ContainerStatusJson] = {one.name: one for one in statuses or ()}
    for name in {**ordered, **seen}:
        yield _container(name, ordered.get(name, _NO_SPEC), seen.get(name, _NO_STATUS), is_init=is_init)


def _container(name: str, spec: ContainerSpecJson, status: ContainerStatusJson, *, is_init: bool) -> Container:
    waiting, running = status.state.waiting, status.state.running
    return Container(
        name=name,
        is_init=is_init,
        asks_gpu=asks_for_gpu(spec),
        is_ready=status.ready,
        restarts=status.restart_count,
        image=spec.image or status.image,
        image_digest=_digest(status.image_id),
        waiting=waiting.reason if waiting else "",
        started_at=seconds(running.started_at) if running else None,
        ended=_termination(status.state.terminated),
        last=_termination(status.last_state.terminated),
    )


def _termination(ended: TerminatedJson | None) -> Termination | None:
    if ended is None:
        return None
    return Termination(
        reason=ended.reason,
        exit_code=ended.exit_code,
        started_at=seconds(ended.started_at),
        at=seconds(ended.finished_at),
    )


def _digest(image_id: str) -> str:
    """Return `sha256:...` of `registry/image@sha256:...`; an id without `@` is the node's own and names no image."""
    return image_id.partition("@")[2]
