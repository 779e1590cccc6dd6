"""The kubelet's PodResources socket: which container holds which device of this node.

The only importer of grpc. Refuses to keep a channel over a kubelet restart: a channel to a socket that was replaced
needed up to 120 s to notice, a new one 4 ms.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporter.errors import SourceError, SourceErrorKind
from exporter.gpu_resource import is_gpu_resource
from exporter.snapshot import Allocation, Allocations

if TYPE_CHECKING:
    import grpc.aio

    from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages

_DEADLINE_SECONDS: Final = 2.0
_LARGEST_ANSWER: Final = 16 << 20  # bytes; grpc's own 4 MiB are too few for a node of many pods
_FAILURES_BEFORE_NEW_CHANNEL: Final = 2
_LIST: Final = "/v1.PodResourcesLister/List"
_OPTIONS: Final = (("grpc.max_receive_message_length", _LARGEST_ANSWER),)
_KINDS: Final[dict[str, tuple[SourceErrorKind, str]]] = {
    "DEADLINE_EXCEEDED": ("timeout", f"expected an answer within {_DEADLINE_SECONDS:g} s, found none"),
    "PERMISSION_DENIED": ("forbidden", "expected to be let in, found permission denied"),
    "RESOURCE_EXHAUSTED": ("too_large", f"expected at most {_LARGEST_ANSWER} bytes, found more"),
    "UNAVAILABLE": ("refused", "expected a kubelet that accepts, found nobody behind the socket"),
    "UNIMPLEMENTED": ("absent", "expected the service v1.PodResourcesLister (Kubernetes 1.20), found none"),
}


class PodResources:
    """Asks the kubelet over one channel, which it drops after two failures and when the socket is another."""

    def __init__(self, socket: str) -> None:
        self._socket = Path(socket)
        self._identity: tuple[int, ...] = ()
        self._channel: grpc.aio.Channel | None = None
        self._failures = 0

    async def read(self) -> Allocations:
        """Return every container that holds a GPU."""
        await self._drop_stale_channel()
        answer = await self._list()
        return Allocations(containers=tuple(_read_pods(answer)))

    async def close(self) -> None:
        """Close the channel; the next reading opens another."""
        channel, self._channel, self._failures = self._channel, None, 0
        if channel is not None:
            await channel.close()

    async def _drop_stale_channel(self) -> None:
        found = _identify(self._socket)
        if found != self._identity or self._failures >= _FAILURES_BEFORE_NEW_CHANNEL:
            await self.close()
        self._identity = found

    async def _list(self) -> "messages.ListPodResourcesResponse":
        # Imported late: 21 MiB and 70 ms that a machine without a kubelet does not pay.
        import grpc.aio  # noqa: PLC0415

        from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages  # noqa: PLC0415

        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(f"unix://{self._socket.absolute()}", options=_OPTIONS)
        call = self._channel.unary_unary(
            _LIST,
            request_serializer=messages.ListPodResourcesRequest.SerializeToString,
            response_deserializer=messages.ListPodResourcesResponse.FromString,
        )
        try:
            answer = await call(messages.ListPodResourcesRequest(), timeout=_DEADLINE_SECONDS)
        except grpc.aio.AioRpcError as error:
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
            for resource, device_ids in _gather(container).items():
                yield Allocation(
                    namespace=pod.namespace,
                    pod=pod.name,
                    container=container.name,
                    resource=resource,
                    device_ids=tuple(device_ids),
                )


def _gather(container: "messages.ContainerResources") -> dict[str, list[str]]:
    """Return the device ids of a container by resource: the kubelet sends one entry for each NUMA node or device."""
    gathered: dict[str, list[str]] = {}
    for devices in container.devices:
        if is_gpu_resource(devices.resource_name):
            gathered.setdefault(devices.resource_name, []).extend(devices.device_ids)
    return gathered
