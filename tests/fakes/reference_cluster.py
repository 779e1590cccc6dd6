"""The reference node as the API server describes it: lanes of which one runs, the node, its daemons, pulls, answers.

Numbers of the reference: 10755m of 15 allocatable cores and 43072 MiB of about 54.8 GiB are requested.
"""

from typing import Final

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
    Workloads,
)
from exporter.snapshot import Answers

AT: Final = 1_790_000_000.0
MIB: Final = 1 << 20
GIB: Final = 1 << 30
NODE: Final = "gpu-worker-1"
LANES: Final = ("qwen36-35b-gguf-fast", "qwen36-35b-gguf-longctx", "qwen36-27b-deep")
POOL_LABELS: Final = {"platform.example.com/gpu-llm": "true"}
REQUESTS: Final = {"cpu": 10.0, "memory": float(40 * GIB), "nvidia.com/gpu": 1.0}
IMAGE: Final = "registry.example.com/ai/llama-server:1"
IMAGE_DIGEST: Final = f"sha256:{'1a' * 32}"
_CREATED: Final = AT - 1800
_DAEMONS: Final = (
    ("gpu-operator", "nvidia-device-plugin-daemonset"),
    ("gpu-operator", "nvidia-dcgm-exporter"),
    ("gpu-operator", "gpu-feature-discovery"),
)

POD: Final = Pod(
    namespace="vllm",
    name=f"{LANES[0]}-6d5f9c7b8-x2x7k",
    uid="u1",
    lane=LANES[0],
    kind="Deployment",
    phase="Running",
    node=NODE,
    is_ready=True,
    labels=POOL_LABELS,
    requests=REQUESTS,
    containers=(
        Container(
            name="server",
            asks_gpu=True,
            is_ready=True,
            image=IMAGE,
            image_digest=IMAGE_DIGEST,
            started_at=_CREATED + 16,
        ),
    ),
    address="10.42.1.17",
    created_at=_CREATED,
    scheduled_at=_CREATED + 1,
    sandbox_at=_CREATED + 3,
    ready_changed_at=_CREATED + 78,
)

CONTROLLERS: Final = tuple(
    Controller(
        namespace="vllm",
        name=lane,
        desired_replicas=int(lane == LANES[0]),
        generation=1,
        labels=POOL_LABELS,
        annotations={
            "ai.example.com/model-file-sha256": f"{0xA1B2C3 + number:064x}",
            "ai.example.com/model-file-size-bytes": f"{19_500_000_000 + 1_000_003 * number}",
        },
        strategy="Recreate",
        requests=REQUESTS,
        image=IMAGE,
    )
    for number, lane in enumerate(LANES)
)

WORKLOADS: Final = Workloads(
    pods=(POD,),
    controllers=CONTROLLERS,
    daemon_pods=tuple(
        DaemonPod(namespace=namespace, name=f"{daemon}-{number}k7qd", daemon=daemon, node=NODE, is_ready=True)
        for number, (namespace, daemon) in enumerate(_DAEMONS)
    ),
    loads={
        NODE: {
            "lanes": REQUESTS,
            "daemons": {"cpu": 0.255, "memory": 576.0 * MIB},
            "others": {"cpu": 0.5, "memory": 1536.0 * MIB},
        }
    },
)

NODES: Final = Nodes(
    nodes=(
        NodeInfo(
            name=NODE,
            labels={
                "workload.ai/enabled": "true",
                "workload.ai/gpu-model": "rtx-pro-4000-sff",
                "nvidia.com/gpu.present": "true",
                "nvidia.com/gpu.product": "NVIDIA-RTX-PRO-4000-Blackwell-SFF-Edition",
                "nvidia.com/gpu.family": "blackwell",
                "nvidia.com/gpu.count": "1",
                "nvidia.com/gpu.memory": "24467",
                "nvidia.com/gpu.compute.major": "12",
                "nvidia.com/gpu.compute.minor": "0",
                "nvidia.com/gpu.replicas": "1",
                "nvidia.com/gpu.sharing-strategy": "none",
                "nvidia.com/mig.capable": "false",
                "nvidia.com/cuda.driver-version.full": "610.43.02",
                "nvidia.com/cuda.runtime-version.full": "13.3",
            },
            is_ready=True,
            taints=(Taint(key="workload.ai/dedicated", value="gpu", effect="NoSchedule"),),
            capacity={"cpu": 16.0, "memory": 60817408.0 * 1024, "nvidia.com/gpu": 1.0},
            allocatable={"cpu": 15.0, "memory": 57461965.0 * 1024, "nvidia.com/gpu": 1.0},
            created_at=AT - 90 * 86400,
        ),
    ),
    daemons=tuple(Daemon(namespace=namespace, name=daemon, desired=1, ready=1) for namespace, daemon in _DAEMONS),
)

EVENTS: Final = Events(
    pulls=(ImagePull(namespace="vllm", pod=POD.name, pod_uid=POD.uid, seconds=11.4, at=_CREATED + 15),)
)

ANSWERS: Final = Answers(by_lane={LANES[0]: AT - 12})
