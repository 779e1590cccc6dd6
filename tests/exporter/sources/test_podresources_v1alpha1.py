"""The messages of v1alpha1 are those of v1 without what came later: one set of generated messages reads both."""

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.message import Message

from exporter.sources.podresources_v1 import podresources_v1_pb2 as messages

# message -> field -> number, and the message that it holds; all fields of k8s.io/kubelet/pkg/apis/podresources/v1alpha1
V1ALPHA1 = {
    "ListPodResourcesRequest": {},
    "ListPodResourcesResponse": {"pod_resources": (1, "PodResources")},
    "PodResources": {"name": (1, ""), "namespace": (2, ""), "containers": (3, "ContainerResources")},
    "ContainerResources": {"name": (1, ""), "devices": (2, "ContainerDevices")},
    "ContainerDevices": {"resource_name": (1, ""), "device_ids": (2, "")},
}
REPEATED = {"pod_resources", "containers", "devices", "device_ids"}


def old_messages() -> dict[str, type[Message]]:
    """Return the classes of v1alpha1, made of the table above."""
    file = descriptor_pb2.FileDescriptorProto(name="v1alpha1.proto", package="v1alpha1", syntax="proto3")
    for name, fields in V1ALPHA1.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            message.field.add(
                name=field,
                number=number,
                label=Field.LABEL_REPEATED if field in REPEATED else Field.LABEL_OPTIONAL,
                type=Field.TYPE_MESSAGE if kind else Field.TYPE_STRING,
                type_name=f".v1alpha1.{kind}" if kind else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"v1alpha1.{name}")) for name in V1ALPHA1}


@pytest.mark.parametrize("name", V1ALPHA1)
def test_every_field_of_v1alpha1_is_in_v1_with_its_number_and_type(name: str) -> None:
    """Fields are told apart by number on the wire; nothing else tells the versions apart."""
    old, new = old_messages()[name].DESCRIPTOR, messages.DESCRIPTOR.message_types_by_name[name]

    kept = [new.fields_by_name.get(field.name) for field in old.fields]

    assert [(one.number, one.type, one.is_repeated) for one in kept if one is not None] == [
        (field.number, field.type, field.is_repeated) for field in old.fields
    ]


def test_an_old_answer_is_read_whole() -> None:
    """What a kubelet of v1alpha1 writes reads as what it meant."""
    made = old_messages()
    devices = made["ContainerDevices"](resource_name="nvidia.com/gpu", device_ids=["GPU-a", "GPU-b"])
    container = made["ContainerResources"](name="server", devices=[devices])
    pod = made["PodResources"](name="fast-0", namespace="vllm", containers=[container])
    wire = made["ListPodResourcesResponse"](pod_resources=[pod]).SerializeToString()

    read = messages.ListPodResourcesResponse.FromString(wire).pod_resources[0]

    assert (read.namespace, read.name, read.containers[0].name) == ("vllm", "fast-0", "server")
    assert list(read.containers[0].devices[0].device_ids) == ["GPU-a", "GPU-b"]
