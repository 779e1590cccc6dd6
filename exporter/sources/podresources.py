"""The kubelet's PodResources socket: which container holds which device of this node.

The only importer of grpc. Refuses to keep a channel over a kubelet restart: a channel to a socket that was replaced
needed up to 120 s to notice, a new one 4 ms.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.errors import SourceError, SourceErrorKind
from exporter.gpu_resource import is_gpu_driver, is_gpu_resource
from exporter.snapshot import Allocation, Allocations, ClaimDevice

if TYPE_CHECKING:
    import grpc.aio

    from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages

_DEADLINE_SECONDS: Final = 2.0
_LARGEST_ANSWER: Final = 16 << 20  # bytes; grpc's own 4 MiB are too few for a node of many pods
_FAILURES_BEFORE_NEW_CHANNEL: Final = 2
_SERVICES: Final = ("v1.PodResourcesLister", "v1alpha1.PodResourcesLister")
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _LARGEST_ANSWER),
    ("grpc.use_local_subchannel_pool", 1),  # else a new channel may take over the connection of the old one
)
_KINDS: Final[dict[str, tuple[SourceErrorKind, str]]] = {
    "DEADLINE_EXCEEDED": ("timeout", f"expected an answer within {_DEADLINE_SECONDS:g} s, found none"),
    "PERMISSION_DENIED": ("forbidden", "expected to be let in, found permission denied"),
    "RESOURCE_EXHAUSTED": ("too_large", f"expected at most {_LARGEST_ANSWER} bytes, found more"),
    "UNAVAILABLE": ("refused", "expected a kubelet that accepts, found nobody behind the socket"),
}
_NO_SERVICE: Final = (
    "expected the service v1.PodResourcesLister (Kubernetes 1.20) or v1alpha1.PodResourcesLister (1.13), found "
    "neither; asked again when the kubelet has made a new socket"
)


class PodResources:
    """Asks the kubelet over one channel, which it drops after two failures and when the socket is another.

    For a kubelet that fails, or that lists a pod without what it was given, the last word stands for `keep_seconds`:
    it and its device plugins restart now and then, and the cards stay where they are.
    """

    def __init__(self, socket: str, *, keep_seconds: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._socket = Path(socket)
        self._keep_seconds = keep_seconds
        self._now = now
        self._identity: tuple[int, ...] = ()
        self._services: tuple[str, ...] = _SERVICES  # those that this kubelet may know
        self._channel: grpc.aio.Channel | None = None
        self._failures = 0
        self._last: list[tuple[float, Allocation]] = []  # when the kubelet last said so, and what

    async def read(self) -> Allocations:
        """Return every container that holds a GPU."""
        try:
            await self._drop_stale_channel()
            answer = await self._list()
        except SourceError as error:
            raise SourceError(error.kind, str(error), partial=self._last_word()) from error
        return self._compare(answer)

    async def close(self) -> None:
        """Close the channel; the next reading opens another."""
        channel, self._channel, self._failures = self._channel, None, 0
        if channel is not None:
            await channel.close()

    async def _drop_stale_channel(self) -> None:
        found = _identify(self._socket)
        if found != self._identity:
            self._services = _SERVICES
        if found != self._identity or self._failures >= _FAILURES_BEFORE_NEW_CHANNEL:
            await self.close()
        self._identity = found

    async def _list(self) -> "messages.ListPodResourcesResponse":
        """Ask by the newest service that the kubelet may know; what it does not know is not asked again."""
        for service in self._services:
            try:
                answer = await self._call(service)
            except _UnknownServiceError:
                self._services = self._services[1:]
            else:
                return answer
        raise SourceError("absent", f"{self._socket}: {_NO_SERVICE}")

    async def _call(self, service: str) -> "messages.ListPodResourcesResponse":
        # Imported late: 21 MiB and 70 ms that a machine without a kubelet does not pay.
        import grpc.aio  # noqa: PLC0415

        from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages  # noqa: PLC0415

        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(f"unix://{self._socket.absolute()}", options=_OPTIONS)
        call = self._channel.unary_unary(
            f"/{service}/List",
            request_serializer=messages.ListPodResourcesRequest.SerializeToString,
            # the messages of v1alpha1 are those of v1 without the fields that came later
            response_deserializer=messages.ListPodResourcesResponse.FromString,
        )
        try:
            answer = await call(messages.ListPodResourcesRequest(), timeout=_DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise _UnknownServiceError from error
            self._failures += 1
            raise self._explain(error.code().name, error.details() or "") from error
        self._failures = 0
        return answer

    def _explain(self, code: str, details: str) -> SourceError:
        kind, message = _KINDS.get(code, ("failed", f"expected a list of pods, found {code}: {details[:200]}"))
        if code == "RESOURCE_EXHAUSTED" and "rate limit" in details:  # the kubelet's own limit, the same code
            kind, message = "refused", f"expected to be let in, found: {details[:200]}"
        if code == "UNAVAILABLE" and not os.access(self._socket, os.R_OK | os.W_OK):
            kind, message = "forbidden", f"expected a socket that uid {os.getuid()} may open, found one that it may not"
        return SourceError(kind, f"{self._socket}: {message}")

    def _compare(self, answer: "messages.ListPodResourcesResponse") -> Allocations:
        """Return what the kubelet says; raise `SourceError` where a pod has lost what it was given not long ago.

        No container gives a device back while it runs: its device plugin does, for as long as it restarts.
        """
        found = tuple(_read_pods(answer))
        listed = {(pod.namespace, pod.name) for pod in answer.pod_resources}
        holders = {_container(one) for one in found}
        lost = [
            (at, one)
            for at, one in self._recent()
            if (one.namespace, one.pod) in listed and _container(one) not in holders
        ]
        self._last = [(self._now(), one) for one in found] + lost
        if not lost:
            return Allocations(containers=found)
        pods = ", ".join(sorted({f"{one.namespace}/{one.pod}" for _, one in lost}))
        raise SourceError(
            "bad_answer",
            f"{self._socket}: expected pods to have what they were given, found {pods[:200]} without",
            partial=Allocations(containers=(*found, *(one for _, one in lost))),
        )

    def _last_word(self) -> Allocations | None:
        recent = self._recent()
        return Allocations(containers=tuple(one for _, one in recent)) if recent else None

    def _recent(self) -> list[tuple[float, Allocation]]:
        oldest = self._now() - self._keep_seconds
        return [(at, one) for at, one in self._last if at > oldest]


class _UnknownServiceError(Exception):
    """The kubelet does not know the service by this name."""


def _identify(socket: Path) -> tuple[int, ...]:
    """Return what tells this socket from one made later under the same name."""
    try:
        found = socket.stat()
    except FileNotFoundError as error:
        raise SourceError("absent", f"{socket}: expected the kubelet's socket, found no file; {_ADVICE}") from error
    except OSError as error:
        raise SourceError("forbidden", f"{socket}: expected a readable socket, found: {error.strerror}") from error
    return found.st_dev, found.st_ino, found.st_ctime_ns


_ADVICE: Final = (
    "mount the host's directory /var/lib/kubelet/pod-resources (k0s: /var/lib/k0s/kubelet/pod-resources) there, "
    "the directory and not the socket, or set kubelet.socket"
)


def _read_pods(answer: "messages.ListPodResourcesResponse") -> Iterator[Allocation]:
    for pod in answer.pod_resources:
        for container in pod.containers:
            make = partial(Allocation, namespace=pod.namespace, pod=pod.name, container=container.name)
            for resource, device_ids in _gather(container).items():
                yield make(resource=resource, device_ids=tuple(device_ids))
            if claimed := tuple(_claimed(container)):
                yield make(resource="", device_ids=(), claim_devices=claimed)


def _gather(container: "messages.ContainerResources") -> dict[str, list[str]]:
    """Return the device ids of a container by resource: the kubelet sends one entry for each NUMA node or device."""
    gathered: dict[str, list[str]] = {}
    for devices in container.devices:
        if is_gpu_resource(devices.resource_name):
            gathered.setdefault(devices.resource_name, []).extend(devices.device_ids)
    return gathered


def _claimed(container: "messages.ContainerResources") -> Iterator[ClaimDevice]:
    for resource in container.dynamic_resources:
        for one in resource.claim_resources:
            names = tuple(device.name for device in one.cdi_devices)
            # kubelets before 1.34 name no driver: then the kind of the CDI name, `nvidia.com/gpu=...`, must tell
            if is_gpu_driver(one.driver_name) or (not one.driver_name and any(map(_is_gpu_in_cdi, names))):
                yield ClaimDevice(
                    driver=one.driver_name,
                    pool=one.pool_name,
                    device=one.device_name,
                    claim_namespace=resource.claim_namespace,
                    claim=resource.claim_name,
                    cdi_names=names,
                )


def _is_gpu_in_cdi(name: str) -> bool:
    return "gpu" in name.partition("=")[0]


def _container(one: Allocation) -> tuple[str, str, str]:
    return one.namespace, one.pod, one.container
