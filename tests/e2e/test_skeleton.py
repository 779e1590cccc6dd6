"""The whole product on one reference node, everything real but the card: what breaks is named, and what heals clears.

The steps build on one another: a user's question by PromQL while all is well, then a dead lane, then its return, then
a second lane. The rules are the generated ones, unchanged: their own pace is most of what these tests wait for.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from e2e.cluster import Cluster
from e2e.monitoring import Prometheus, alertmanager, prometheus
from e2e.node import Exporter, exporter, kubelet_beside, serve_command
from e2e.path import KEY, Lane, gateway
from e2e.receiver import Receiver
from e2e.tools import ROOT, tool
from e2e.waiting import eventually
from exporter import catalogue as c
from exporter.rights import RIGHTS
from fakes.kubelet import Answer, pod
from fakes.nvml.build import build
from fakes.nvml.scenario import MIB, Scenario, reference_node, rtx_pro_4000

pytestmark = pytest.mark.real

NODE: Final = "gpu-worker-0"
FAST: Final = "qwen36-35b-gguf-fast"
DEEP: Final = "qwen36-27b-deep"
FAST_POD: Final = f"{FAST}-6c9f7d4b8-x2x4q"
UUID: Final = str(rtx_pro_4000()["uuid"])
OBJECTS: Final = ROOT / "tests/fixtures/k8s"
RULES: Final = ROOT / "chart/files/rules"
RUNTIME_CLASS: Final = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "nvidia"},
    "handler": "nvidia",
}
OWNED_MEMORY: Final = (
    f"{c.GPU_MEMORY_USED} * on (node, gpu_uuid) group_left (owner_namespace, owner_pod, lane) {c.GPU_OWNER_INFO}"
)
HEARTBEAT: Final = {"LanewatchWatchdog": "firing"}
STILL: Final = {"LanewatchGpuEnergyStuck"}  # the counters of the driver here stand still
SOON: Final = 15.0  # seconds for what needs a probe, a watch event or a scrape
EVALUATED: Final = 45.0  # for a rule without `for`: its group is evaluated each 30 s
HELD: Final = 120.0  # `for` of the pool's alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that runs."""

    cluster: Cluster
    token: str
    lane: Lane
    exporter: Exporter
    prometheus: Prometheus
    receiver: Receiver


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return the reference node with its lane and its gateway, and who watches them; all of it ends with the module."""
    directory = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        enter = stack.enter_context
        cluster, token = enter(reference_cluster(directory / "cluster"))
        lane = enter(Lane(FAST, "tiny-stop", directory / "lanes").serving())
        url = enter(gateway({"fast": lane}, directory / "gateway"))
        exporter = enter(watched_node(reach(cluster, token) | path(url, lane), directory / "node"))
        receiver = enter(Receiver().listening())
        alerting = enter(alertmanager(receiver.url, directory / "alertmanager"))
        server = enter(prometheus(exporter.target, sorted(RULES.glob("*.yaml")), alerting, directory / "prometheus"))
        yield World(cluster=cluster, token=token, lane=lane, exporter=exporter, prometheus=server, receiver=receiver)


@contextmanager
def reference_cluster(directory: Path) -> Iterator[tuple[Cluster, str]]:
    """Run an API server with the six reference lanes, of which one runs; gives also the token of who may watch it."""
    directory.mkdir()
    cluster = Cluster(directory)
    try:
        cluster.start()
        cluster.apply([RUNTIME_CLASS, *objects("lanes"), *objects("pod-running-ready")])
        token = cluster.account("vllm", "lanewatch")
        cluster.grant_watcher("vllm", "lanewatch")
        yield cluster, token
    finally:
        cluster.stop()


@contextmanager
def watched_node(config: Mapping[str, Any], directory: Path) -> Iterator[Exporter]:
    """Run the reference node: its driver, its kubelet that gave the card to the lane's pod, and the exporter."""
    directory.mkdir()
    driver = Scenario(directory, reference_node())
    socket = directory / "kubelet.sock"
    local = {
        "node": NODE,
        "nvml": {"interval_seconds": 1, "library": str(build(directory / "driver"))},
        "kubelet": {"interval_seconds": 1, "socket": str(socket)},
        "kernel_log": {"read": "never"},  # this machine's own is not the reference node's
        "processes": {"read": "never"},  # the driver's are invented: here they would be dead, or somebody else
    }
    line = serve_command({**local, **config}, directory)
    environment = {**driver.environment, "LANEWATCH_GATEWAY_KEY": KEY}
    with (
        kubelet_beside(socket, Answer(pod_resources=[pod(FAST_POD, UUID)])),
        exporter(line, directory, environment) as serving,
    ):
        yield serving


def reach(cluster: Cluster, token: str) -> dict[str, Any]:
    """Return the part of the configuration that says how to reach the API server."""
    return {"kubernetes": {"kubeconfig": str(cluster.kubeconfig_of(token))}}


def path(url: str, lane: Lane) -> dict[str, Any]:
    """Return the part of the configuration that says what users reach, and how it is probed."""
    alias = {"name": "fast", "lane": lane.name, "interval_seconds": 2, "timeout_seconds": 2}
    return {
        "gateway": {"url": url},
        "aliases": [alias],
        "lanes": [{"name": lane.name, "url": lane.url, "model_id": lane.name}],
    }


def objects(name: str, lane: str = FAST) -> list[dict[str, Any]]:
    """Return the objects of a fixture; those of the lane `fast` as if they were another lane's."""
    return list(yaml.safe_load_all((OBJECTS / f"{name}.yaml").read_text().replace(FAST, lane)))


def test_memory_of_the_card_is_joined_to_its_owner(world: World) -> None:
    """One join names namespace, pod and lane of whoever holds the memory of the card."""
    identity = {"node": NODE, "gpu_uuid": UUID, "instance": world.exporter.target, "job": "lanewatch"}
    owner = {"owner_namespace": "vllm", "owner_pod": FAST_POD, "lane": FAST}
    expected = [({**identity, **owner}, 21642.0 * MIB)]
    eventually(lambda: world.prometheus.query(OWNED_MEMORY), expected, within=SOON, what=OWNED_MEMORY)


def test_the_invariant_holds(world: World) -> None:
    """Exactly one GPU LLM runs; the five parked lanes count for nothing."""
    world.prometheus.eventually(str(c.POOL_INVARIANT_OK), [1], within=SOON)
    world.prometheus.eventually(c.POOL_STATE.where(state="steady"), [1], within=SOON)
    world.prometheus.eventually(f"sum by (lane) ({c.LANE_PODS.where(phase='running')}) > 0", [1], within=SOON)
    world.prometheus.eventually(f"sort({c.LANE_DESIRED})", [0, 0, 0, 0, 0, 1], within=SOON)


def test_alias_fast_is_good(world: World) -> None:
    """The probe through the gateway is answered in time by the lane that the alias promises."""
    world.prometheus.eventually(c.PROBE_LAST_OUTCOME.where(alias="fast", outcome="ok"), [1], within=SOON)
    world.prometheus.eventually(c.PROBE_SERVED_INFO.where(alias="fast", lane=FAST, fallback="false"), [1], within=SOON)
    world.prometheus.eventually(c.ALIAS_ROOT_CAUSE.where(alias="fast", cause="none"), [1], within=SOON)


def test_the_rights_of_the_table_are_enough(world: World) -> None:
    """All sources work, with an account to which the API server refuses everything else."""
    for source in ("nvml", "podresources", *{right.source for right in RIGHTS}):
        world.prometheus.eventually(c.SOURCE_UP.where(source=source), [1], within=SOON)
    refused = ("/api/v1/namespaces/vllm/secrets", f"/api/v1/namespaces/vllm/pods/{FAST_POD}")
    statuses = [world.cluster.request("GET", path, token=world.token).status_code for path in refused]
    assert statuses == [403] * len(refused)


def test_the_page_passes_promtool(world: World) -> None:
    """Prometheus' own linter has nothing to say about names, units and help of everything that we expose."""
    page = world.exporter.page()
    check = [str(tool("promtool")), "check", "metrics"]
    checked = subprocess.run(check, input=page, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_every_rule_is_evaluated_and_only_the_heartbeat_fires(world: World) -> None:
    """While all is well each rule works on what we expose, nothing waits to be told, only the heartbeat is heard."""
    eventually(world.prometheus.rule_health, {"ok"}, within=EVALUATED, what="health of the rules")
    eventually(world.prometheus.alerts, HEARTBEAT, within=EVALUATED, what="alerts")
    assert world.prometheus.raised() - STILL == set()
    world.receiver.wait_for("LanewatchWatchdog", "firing", within=SOON)
    assert {alert["labels"]["alertname"] for alert in world.receiver.alerts} == set(HEARTBEAT)


def test_a_dead_lane_is_named_and_alerted(world: World) -> None:
    """The server is killed: the outcome says that the lane refused, and the alert that arrives says so in words."""
    world.lane.kill()
    world.prometheus.eventually(c.PROBE_LAST_OUTCOME.where(alias="fast", outcome="lane_refused"), [1], within=SOON)
    world.prometheus.eventually(c.ALIAS_ROOT_CAUSE.where(alias="fast", cause="backend_process"), [1], within=SOON)
    alert = world.receiver.wait_for("LanewatchAliasDown", "firing", within=EVALUATED)
    assert alert["labels"]["alias"] == "fast"
    assert "Last outcome: lane_refused. Cause: backend_process." in alert["annotations"]["description"]


def test_the_layers_below_a_dead_server_stay_good(world: World) -> None:
    """Card, ownership and invariant are as before: it was the server that died, and no other alert says otherwise."""
    assert world.prometheus.values(str(c.GPU_UP)) == [1]
    assert world.prometheus.values(str(c.POOL_INVARIANT_OK)) == [1]
    eventually(world.prometheus.alerts, {**HEARTBEAT, "LanewatchAliasDown": "firing"}, within=EVALUATED, what="alerts")


def test_all_clears_when_the_server_is_back(world: World) -> None:
    """It is started again: the alias is good, the alert ends, and the receiver hears that."""
    world.lane.start()
    world.prometheus.eventually(c.PROBE_LAST_OUTCOME.where(alias="fast", outcome="ok"), [1], within=SOON)
    world.prometheus.eventually(c.ALIAS_ROOT_CAUSE.where(alias="fast", cause="none"), [1], within=SOON)
    world.receiver.wait_for("LanewatchAliasDown", "resolved", within=EVALUATED)
    eventually(world.prometheus.alerts, HEARTBEAT, within=EVALUATED, what="alerts")


def test_a_second_lane_breaks_the_invariant(world: World) -> None:
    """Somebody raises a parked lane beside the active one: the count is wrong at once, and the pool's alert arrives."""
    raised = next(one for one in objects("lanes") if one["metadata"]["name"] == DEEP)
    world.cluster.apply([{**raised, "spec": {**raised["spec"], "replicas": 1}}, *objects("pod-running-ready", DEEP)])
    world.prometheus.eventually(str(c.POOL_INVARIANT_OK), [0], within=SOON)
    world.prometheus.eventually(c.POOL_VIOLATION.where(reason="multiple"), [1], within=SOON)
    world.prometheus.eventually(f"sum({c.LANE_PODS.where(phase='running')})", [2], within=SOON)
    alert = world.receiver.wait_for("LanewatchPoolManyLanes", "firing", within=HELD + EVALUATED)
    assert alert["labels"]["pool"] == "gpu-llm"
    assert "Reasons: multiple." in alert["annotations"]["description"]
    eventually(
        world.prometheus.alerts, {**HEARTBEAT, "LanewatchPoolManyLanes": "firing"}, within=EVALUATED, what="alerts"
    )
