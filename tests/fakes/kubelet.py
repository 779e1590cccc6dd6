"""A kubelet's PodResources: a real grpc server on a unix socket that answers what it was given, in turn."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc.aio

from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages

Answer = messages.ListPodResourcesResponse
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


def pod(name: str, *device_ids: str, resource: str = "nvidia.com/gpu", padding: int = 0) -> messages.PodResources:
    """Return one pod of one container `server` as the kubelet lists it: one entry for each device."""
    devices = [messages.ContainerDevices(resource_name=resource, device_ids=[one]) for one in device_ids]
    memory = [messages.ContainerMemory(memory_type="x" * padding)] if padding else []
    container = messages.ContainerResources(name="server", devices=devices, memory=memory)
    return messages.PodResources(name=name, namespace="vllm", containers=[container])


def claimed(
    name: str, *devices: messages.ClaimResource, claim: str = "gpu", container: str = "server"
) -> messages.PodResources:
    """Return one pod whose container was given devices by one claim (DRA)."""
    given = messages.DynamicResource(claim_name=claim, claim_namespace="vllm", claim_resources=devices)
    one = messages.ContainerResources(name=container, dynamic_resources=[given])
    return messages.PodResources(name=name, namespace="vllm", containers=[one])


def device(driver: str, pool: str, name: str, *cdi_names: str) -> messages.ClaimResource:
    """Return one device of a claim."""
    names = [messages.CDIDevice(name=one) for one in cdi_names]
    return messages.ClaimResource(driver_name=driver, pool_name=pool, device_name=name, cdi_devices=names)


@asynccontextmanager
async def kubelet(
    socket: Path,
    *answers: Answer | None,
    delay_seconds: float = 0.0,
    services: Sequence[str] = ("v1.PodResourcesLister",),
    asked: list[str] | None = None,
) -> AsyncIterator[None]:
    """Serve `answers` on `socket` in turn, the last one for ever, after a delay; None is a kubelet that fails.

    It knows `services` only; those that it was asked by are in `asked`.
    """
    server = grpc.aio.server()
    script = list(answers)

    async def answer_list(_: messages.ListPodResourcesRequest, context: Context) -> Answer:
        await asyncio.sleep(delay_seconds)
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer is None:
            await context.abort(grpc.StatusCode.INTERNAL, "no list now")
        return answer or Answer()

    handler = grpc.unary_unary_rpc_method_handler(
        answer_list,
        request_deserializer=messages.ListPodResourcesRequest.FromString,
        response_serializer=Answer.SerializeToString,
    )
    for service in services:
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"List": handler}),))
    server.add_generic_rpc_handlers((_Listener(asked if asked is not None else []),))
    server.add_insecure_port(f"unix://{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)
        socket.unlink(missing_ok=True)  # noqa: ASYNC240  # in a temporary folder


class _Listener(grpc.GenericRpcHandler):
    """Notes what nobody serves."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:
        self._asked.append(handler_call_details.method)
