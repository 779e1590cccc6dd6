"""Claims and slices as an API server writes them, in every version that still is served."""

import json
from typing import Any

import pytest

from exporter.cluster import Claim, ClaimedDevice, OfferedDevice
from exporter.sources.claims_json import Slice, read_claim, read_slice
from fakes.k8s_fixtures import objects

_MIB = 1 << 20


def as_json(thing: dict[str, Any]) -> bytes:
    return json.dumps(thing).encode()


def as_v1beta1(found: dict[str, Any]) -> dict[str, Any]:
    """Return a slice as it was before the attributes of its devices moved up."""
    devices = [{"name": one.pop("name"), "basic": one} for one in found["spec"]["devices"]]
    return {**found, "spec": {**found["spec"], "devices": devices}}


def prefixed(found: dict[str, Any]) -> dict[str, Any]:
    """Return a slice whose driver writes its own domain before each name."""
    driver = found["spec"]["driver"]
    for device in found["spec"]["devices"]:
        for part in ("attributes", "capacity"):
            device[part] = {key if "/" in key else f"{driver}/{key}": one for key, one in device[part].items()}
    return found


_NVIDIA = OfferedDevice(
    driver="gpu.nvidia.com",
    pool="gpu-worker-0",
    device="gpu-0",
    node="gpu-worker-0",
    uuid="GPU-00000000-0000-4000-8000-000000000001",
    pci_address="0000:01:00.0",
    model="NVIDIA RTX PRO 4000 Blackwell SFF Edition",
    memory_bytes=24467 * _MIB,
    driver_version="610.43.2",
    cuda_version="13.3.0",
    kind="gpu",
)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(lambda one: one, id="v1 and v1beta2"),
        pytest.param(as_v1beta1, id="v1beta1, with everything below `basic`"),
        pytest.param(prefixed, id="names with the driver's own domain"),
    ],
)
def test_a_slice_of_nvidia(written: Any) -> None:  # noqa: ANN401  # one of the three functions above
    """What it offers is the same, however it is written."""
    raw = as_json(written(objects("dra-nvidia-one-gpu", "ResourceSlice")[0]))

    assert read_slice(raw) == Slice(driver="gpu.nvidia.com", pool="gpu-worker-0", generation=1, devices=(_NVIDIA,))


def test_a_slice_of_intel_has_addresses_and_no_uuid() -> None:
    """Intel's driver names its devices after their PCI addresses."""
    found = read_slice(as_json(objects("dra-intel-one-pod-two-gpus", "ResourceSlice")[0]))

    assert found is not None
    assert [(one.device, one.uuid, one.pci_address, one.model, one.memory_bytes) for one in found.devices] == [
        ("0000-03-00-0-0x56a0", "", "0000:03:00.0", "A770", 15473 * _MIB),
        ("0000-07-00-0-0x56a0", "", "0000:07:00.0", "A770", 15473 * _MIB),
    ]


@pytest.mark.parametrize(
    ("fixture", "expected"),
    [
        pytest.param("dra-nvidia-one-gpu", [(["gpu-0"], False, ["qwen36-dra-0"])], id="one pod, one device"),
        pytest.param(
            "dra-intel-one-pod-two-gpus",
            [
                (["0000-03-00-0-0x56a0", "0000-07-00-0-0x56a0"], False, ["llm-two-gpus-0"]),
                (["0000-03-00-0-0x56a0", "0000-07-00-0-0x56a0"], True, ["xpumd-7g5hq"]),
            ],
            id="one pod with two devices, and a monitor of both",
        ),
        pytest.param(
            "dra-intel-two-pods-one-gpu",
            [
                (["0000-03-00-0-0x56a0"], False, ["chat-0", "embed-0"]),
                (["0000-03-00-0-0x56a0", "0000-07-00-0-0x56a0"], True, ["xpumd-7g5hq"]),
            ],
            id="two pods on one claim, and a monitor of both devices",
        ),
    ],
)
def test_claims(fixture: str, expected: list[tuple[list[str], bool, list[str]]]) -> None:
    """Which devices, with what access, for whom."""
    claims = [one for thing in objects(fixture, "ResourceClaim") if (one := read_claim(as_json(thing)))]

    assert [
        ([one.device for one in claim.devices], claim.devices[0].is_admin, [pod for pod, _ in claim.pods])
        for claim in claims
    ] == expected


def _claim(**status: object) -> bytes:
    return as_json({"metadata": {"namespace": "vllm", "name": "gpu"}, "status": status})


def _given(driver: str) -> dict[str, object]:
    return {"devices": {"results": [{"request": "r", "driver": driver, "pool": "n", "device": "d"}]}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(_claim(), None, id="a claim that was given nothing yet"),
        pytest.param(_claim(allocation=_given("dra.net")), None, id="a claim of something else than a GPU"),
        pytest.param(
            _claim(
                allocation=_given("gpu.amd.com"),
                reservedFor=[{"apiGroup": "x.io", "resource": "jobs", "name": "j", "uid": "1"}],
            ),
            Claim(namespace="vllm", name="gpu", devices=(ClaimedDevice(driver="gpu.amd.com", pool="n", device="d"),)),
            id="a claim that is kept for something else than a pod",
        ),
    ],
)
def test_claims_without_a_pod_or_a_gpu(raw: bytes, expected: Claim | None) -> None:
    assert read_claim(raw) == expected


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"driver": "dra.net", "pool": {"name": "n"}, "devices": []}, id="of something else than GPUs"),
        pytest.param({"driver": "compute-domain.nvidia.com", "pool": {"name": "n"}}, id="of NVIDIA's other driver"),
    ],
)
def test_slices_of_other_drivers_are_dropped(spec: dict[str, object]) -> None:
    assert read_slice(as_json({"spec": spec})) is None


def test_a_device_says_its_node_where_the_slice_does_not() -> None:
    """A slice may speak for several nodes; memory that is not told is absent."""
    spec = {
        "driver": "gpu.test",
        "pool": {"name": "p", "generation": 3},
        "devices": [{"name": "d", "nodeName": "a", "attributes": {"index": {"int": 0}, "uuid": {"string": "u"}}}],
    }
    found = read_slice(as_json({"spec": spec}))

    assert found is not None
    assert [(one.node, one.uuid, one.memory_bytes) for one in found.devices] == [("a", "u", None)]
