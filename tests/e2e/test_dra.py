"""Cards that are given by claims (DRA): real objects of `resource.k8s.io/v1`, and who owns what by them.

The driver and the scheduler are played by the fixtures: they write what is offered and what a claim was given.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from e2e.cluster import Cluster
from e2e.stage import load
from e2e.waiting import eventually
from e2e.watcher import Watcher, samples, watching
from exporter import catalogue as c
from exporter.collectors.ownership import OwnershipCollector
from exporter.exposition import Exposition, Page
from exporter.snapshot import Allocations, Device, Gpus

pytestmark = pytest.mark.real

SOON: Final = 15.0
NVIDIA_UUID: Final = "GPU-00000000-0000-4000-8000-000000000001"
INTEL: Final = {"0000:03:00.0": "xpu-a", "0000:07:00.0": "xpu-b"}
FIRST, SECOND = "0000-03-00-0-0x56a0", "0000-07-00-0-0x56a0"  # as Intel's driver names its cards
INTEL_CARDS: Final = tuple(
    Device(uuid=uuid, index=number, pci_bus_id=address) for number, (address, uuid) in enumerate(INTEL.items())
)
NOBODY: Final[set[tuple[str, str, str, str, str]]] = set()
Claim = tuple[str, str, str, str, str]  # gpu_uuid, device, claim, owner_pod, access
Owner = tuple[str, str, str]  # gpu_uuid, owner_pod, lane


@dataclass(frozen=True, slots=True)
class Scene:
    """A fixture in names of the test's own: a node, a namespace of the lanes, and one of the monitors."""

    fixture: str
    node: str
    namespace: str
    monitoring: str
    objects: list[dict[str, Any]]


@pytest.fixture
def enact(cluster: Cluster) -> Iterator[Callable[[str], Scene]]:
    """Return what makes the objects of a fixture; what belongs to no namespace is removed afterwards."""
    made: list[Scene] = []

    def do(fixture: str) -> Scene:
        scene = scene_of(fixture)
        give(cluster, scene.objects)
        made.append(scene)
        return scene

    yield do
    for scene in made:
        for one in scene.objects:
            if one["kind"] in {"ResourceSlice", "ResourceClaim", "Pod"}:
                cluster.delete(one)


def scene_of(fixture: str) -> Scene:
    node, namespace, monitoring = (f"{kind}-{fixture}" for kind in ("node", "lanes", "monitoring"))
    names = {
        "gpu-worker-0": node,
        "gpu-worker-2": node,
        "gpu-worker-0-gpu.nvidia.com-00001": f"{node}-00001",
        "gpu-worker-2-gpu.intel.com-00001": f"{node}-00001",
        "llm-nvidia": namespace,
        "llm-intel": namespace,
        "gpu-monitoring": monitoring,
    }
    return Scene(fixture, node, namespace, monitoring, load(fixture, names))


def give(cluster: Cluster, objects: list[dict[str, Any]]) -> None:
    """Make the objects, pods before the claims that are kept for them: a claim names a pod by its UID."""
    cluster.apply(one for one in objects if one["kind"] != "ResourceClaim")
    names = {one["metadata"]["namespace"] for one in objects if one["kind"] == "Pod"}
    pods = [pod for name in sorted(names) for pod in cluster.objects(f"/api/v1/namespaces/{name}/pods")]
    uids = {(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod["metadata"]["uid"] for pod in pods}
    for claim in (one for one in objects if one["kind"] == "ResourceClaim"):
        claim["metadata"].pop("ownerReferences", None)  # of pods by UIDs that this server did not give
        for user in claim["status"]["reservedFor"]:
            user["uid"] = uids[claim["metadata"]["namespace"], user["name"]]
        cluster.apply([claim])


@pytest.fixture(scope="module")
def watcher(cluster: Cluster) -> Iterator[Watcher]:
    with watching({"kubernetes": {"kubeconfig": str(cluster.kubeconfig)}}) as one:
        yield one


def claims_on(page: Page, node: str) -> set[Claim]:
    names = ("gpu_uuid", "device", "claim", "owner_pod", "access")
    found = [named for named, _ in samples(page, c.GPU_CLAIM_INFO, node=node)]
    return {tuple(named[one] for one in names) for named in found}  # type: ignore[misc]  # five of them


def owners_of(watcher: Watcher, node: str, devices: tuple[Device, ...]) -> set[Owner]:
    """Return the owners of a node's cards, where its kubelet answers and knows nothing of claims."""
    snapshot = replace(
        watcher.look().snapshot, node=node, gpus=Gpus(source="test", devices=devices), allocations=Allocations()
    )
    page = Exposition({"ownership": OwnershipCollector().collect}).prepare(snapshot, 0.0)
    rows = [named for named, _ in samples(page, c.GPU_OWNER_INFO, node=node)]
    assert {row["source"] for row in rows} <= {"dra"}
    return {(row["gpu_uuid"], row["owner_pod"], row["lane"]) for row in rows}


def test_one_card_one_pod(watcher: Watcher, enact: Callable[[str], Scene]) -> None:
    """NVIDIA's driver tells the UUID, so the API server alone says whose card it is."""
    scene = enact("dra-nvidia-one-gpu")

    expected = {(NVIDIA_UUID, "gpu-0", "lane-gpu", "qwen36-dra-0", "use")}
    eventually(lambda: claims_on(watcher.look(), scene.node), expected, within=SOON, what="claims")
    cards = (Device(uuid=NVIDIA_UUID, index=0),)
    assert owners_of(watcher, scene.node, cards) == {(NVIDIA_UUID, "qwen36-dra-0", "qwen36-dra-0")}


def test_one_pod_holds_two_cards(watcher: Watcher, enact: Callable[[str], Scene]) -> None:
    """Intel's driver tells addresses only; the monitor's claim looks at both cards and owns neither."""
    scene = enact("dra-intel-one-pod-two-gpus")

    pod, claim = "llm-two-gpus-0", "llm-two-gpus-0-gpu-4xk2p"
    monitor, look = "xpumd-7g5hq", "xpumd-7g5hq-gpu-4xk2p"
    expected = {("", device, claim, pod, "use") for device in (FIRST, SECOND)} | {
        ("", device, look, monitor, "admin") for device in (FIRST, SECOND)
    }
    eventually(lambda: claims_on(watcher.look(), scene.node), expected, within=SOON, what="claims")
    assert owners_of(watcher, scene.node, INTEL_CARDS) == {("xpu-a", pod, pod), ("xpu-b", pod, pod)}


def test_two_pods_share_one_card(cluster: Cluster, watcher: Watcher, enact: Callable[[str], Scene]) -> None:
    """Both own the first card and nobody the second; one that leaves the claim owns nothing any more."""
    scene = enact("dra-intel-two-pods-one-gpu")

    users = {("", FIRST, "shared-gpu", pod, "use") for pod in ("chat-0", "embed-0")}
    looks = {("", device, "xpumd-7g5hq-gpu-4xk2p", "xpumd-7g5hq", "admin") for device in (FIRST, SECOND)}
    eventually(lambda: claims_on(watcher.look(), scene.node), users | looks, within=SOON, what="claims")
    assert owners_of(watcher, scene.node, INTEL_CARDS) == {("xpu-a", pod, pod) for pod in ("chat-0", "embed-0")}

    (shared,) = (one for one in scene.objects if one["metadata"]["name"] == "shared-gpu")
    shared["status"]["reservedFor"] = shared["status"]["reservedFor"][:1]
    cluster.apply([shared])
    eventually(
        lambda: owners_of(watcher, scene.node, INTEL_CARDS),
        {("xpu-a", "chat-0", "chat-0")},
        within=SOON,
        what="owners after one pod left",
    )


def test_a_claim_made_of_a_template_goes_with_its_pod(controlled: Cluster) -> None:
    """Where the real controller makes the claim and takes it away, its owner comes and goes with the pod."""
    scene = scene_of("dra-intel-one-pod-two-gpus")
    kinds = {"Namespace", "DeviceClass", "ResourceSlice", "ResourceClaimTemplate"}
    (pod,) = (one for one in scene.objects if one["kind"] == "Pod" and one["metadata"]["namespace"] == scene.namespace)
    (old,) = (one for one in scene.objects if one["kind"] == "ResourceClaim" and not is_monitor(one, scene))
    controlled.apply(one for one in scene.objects if one["kind"] in kinds)
    controlled.apply([pod | {"status": {"phase": "Pending"}}])
    path = f"/apis/resource.k8s.io/v1/namespaces/{scene.namespace}/resourceclaims"
    eventually(lambda: len(controlled.objects(path)), expected=1, within=SOON, what="claims of the template")
    (claim,) = controlled.objects(path)
    (made,) = controlled.objects(f"/api/v1/namespaces/{scene.namespace}/pods")
    user = old["status"]["reservedFor"][0] | {"uid": made["metadata"]["uid"]}
    controlled.patch_status(claim, old["status"] | {"reservedFor": [user]})

    name = claim["metadata"]["name"]
    expected = {("", device, name, pod["metadata"]["name"], "use") for device in (FIRST, SECOND)}
    with watching({"kubernetes": {"kubeconfig": str(controlled.kubeconfig)}}) as watcher:
        eventually(lambda: claims_on(watcher.look(), scene.node), expected, within=SOON, what="claims")
        controlled.delete(pod)
        eventually(lambda: claims_on(watcher.look(), scene.node), NOBODY, within=SOON, what="claims without the pod")


def is_monitor(one: dict[str, Any], scene: Scene) -> bool:
    return bool(one["metadata"]["namespace"] == scene.monitoring)
