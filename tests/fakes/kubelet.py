"""A kubelet's PodResources: a real grpc server on a unix socket that answers what it was given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio

from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages

Answer = messages.ListPodResourcesResponse


def pod(name: str, *device_ids: str, resource: str = "nvidia.com/gpu", padding: int = 0) -> messages.PodResources:
    """Return one pod of one container `server` as the kubelet lists it: one entry for each device."""
    devices = [messages.ContainerDevices(resource_name=resource, device_ids=[one]) for one in device_ids]
    memory = [messages.ContainerMemory(memory_type="x" * padding)] if padding else []
    container = messages.ContainerResources(name="server", devices=devices, memory=memory)
    return messages.PodResources(name=name, namespace="vllm", containers=[container])


@asynccontextmanager
async def kubelet(socket: Path, answer: Answer | None, *, delay_seconds: float = 0.0) -> AsyncIterator[None]:
    """Serve `answer` on `socket`, after a delay; without an answer, a kubelet that does not know the service."""
    server = grpc.aio.server()

    async def answer_list(_: messages.ListPodResourcesRequest, __: object) -> Answer:
        await asyncio.sleep(delay_seconds)
        return answer or Answer()

    handler = grpc.unary_unary_rpc_method_handler(
        answer_list,
        request_deserializer=messages.ListPodResourcesRequest.FromString,
        response_serializer=Answer.SerializeToString,
    )
    if answer is not None:
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("v1.PodResourcesLister", {"List": handler}),)
        )
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)
        socket.unlink(missing_ok=True)  # noqa: ASYNC240  # in a temporary folder
