"""What each pod may do: as Pod Security judges it, and in words where the levels do not look."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.helm import Helm, namespace, of_kind, pod_of, refusal
from exporter.config import parse_config

pytestmark = pytest.mark.real

LEVELS: Final = ("restricted", "baseline", "privileged")
HOST_PATH: Final = "hostPath volumes"
ROOT_USER: Final = "runAsUser=0"
NOT_NON_ROOT: Final = "runAsNonRoot != true"
PRIVILEGED: Final = "privileged"
CAPABILITIES: Final = ("non-default capabilities", "unrestricted capabilities")
VOLUME_TYPES: Final = "restricted volume types"
OPT_INS: Final = [
    pytest.param(["processAttribution.enabled=true"], {"host namespaces"}, id="processes cost hostPID"),
    pytest.param(["kernelLog.enabled=true"], {CAPABILITIES[0]}, id="the kernel log costs SYSLOG"),
    pytest.param(["kernelLog.enabled=true", "kernelLog.path=/var/log/kern.log"], set(), id="a log file costs nothing"),
    pytest.param(
        ["kernelLog.enabled=true", "kernelLog.privileged=true"], {PRIVILEGED}, id="a device may cost everything"
    ),
    pytest.param(["xidStore.type=hostPath"], set(), id="a kept store is one more directory"),
    pytest.param(["gpuAccess.mode=hostDriver"], {PRIVILEGED}, id="the node's driver costs everything"),
    *(
        pytest.param([f"gpuAccess.mode={mode}"], set(), id=f"mode {mode} costs nothing")
        for mode in ("env", "cdi", "volumeMount", "dra")
    ),
]


@pytest.fixture(scope="module")
def levels(helm: Helm) -> dict[str, str]:
    """Return a namespace that enforces each level."""
    label = "pod-security.kubernetes.io/enforce"
    return {one: namespace(helm.cluster, f"level-{one}", **{label: one}) for one in LEVELS}


def reasons(helm: Helm, workload: Any, namespace: str) -> set[str]:  # noqa: ANN401  # a JSON object
    """Return why Pod Security refuses the pod there; nothing else may refuse it."""
    said = refusal(helm.cluster, pod_of(workload, namespace))
    if not said:
        return set()
    assert "violates PodSecurity" in said, said
    listed = said.partition('": ')[2]
    return {re.split(r" [(\"]", one.strip())[0] for one in re.split(r"\), ", listed)}


def pods(helm: Helm, *settings: str) -> list[Any]:
    """Return what would make pods."""
    found = helm.template("--set=dashboards.enabled=false", *(f"--set={one}" for one in settings))
    return of_kind(found, "DaemonSet", "Deployment", "Pod")


@pytest.mark.parametrize("role", ["split", "cluster"])
def test_the_watcher_is_restricted(helm: Helm, levels: dict[str, str], role: str) -> None:
    """It passes the strictest level as it is, and so does the pod of `helm test`."""
    found = [one for one in pods(helm, f"role={role}") if not one["metadata"]["name"].endswith("-node")]
    assert {one["kind"] for one in found} == {"Deployment", "Pod"}
    assert [reasons(helm, one, levels["restricted"]) for one in found] == [set(), set()]


@pytest.mark.parametrize("role", ["node", "all"])
def test_the_agent_breaks_one_rule_of_baseline(helm: Helm, levels: dict[str, str], role: str) -> None:
    """The kubelet's directory, and nothing else, keeps it from baseline; root, and nothing more, from restricted."""
    (agent,) = [one for one in pods(helm, f"role={role}") if one["kind"] != "Pod"]
    assert reasons(helm, agent, levels["privileged"]) == set()
    assert reasons(helm, agent, levels["baseline"]) == {HOST_PATH}
    assert reasons(helm, agent, levels["restricted"]) == {VOLUME_TYPES, NOT_NON_ROOT, ROOT_USER}


def test_an_agent_that_the_kubelet_lets_in_is_not_root(helm: Helm, levels: dict[str, str]) -> None:
    """Where another user may open the directory, the volume is the only thing that restricted refuses."""
    (agent,) = [one for one in pods(helm, "role=node", "kubelet.runAsUser=65532") if one["kind"] != "Pod"]
    assert reasons(helm, agent, levels["restricted"]) == {VOLUME_TYPES}


@pytest.mark.parametrize(("settings", "cost"), OPT_INS)
def test_an_opt_in_costs_what_it_says(helm: Helm, levels: dict[str, str], settings: list[str], cost: set[str]) -> None:
    """What is refused at baseline besides the directory is what the value's comment names."""
    (agent,) = of_kind(helm.template("--set=role=node", *(f"--set={one}" for one in settings)), "DaemonSet")
    assert reasons(helm, agent, levels["privileged"]) == set()
    assert reasons(helm, agent, levels["baseline"]) == {HOST_PATH} | cost


@pytest.mark.parametrize("role", ["split", "all", "node", "cluster"])
def test_every_pod_is_closed(helm: Helm, role: str) -> None:
    """A token only for who watches, no service links, no writable root, no capability, no GPU."""
    for one in pods(helm, f"role={role}"):
        pod = pod_of(one, "any")["spec"]
        (container,) = pod["containers"]
        watches = one["metadata"]["name"].endswith(("-cluster", "-all")) and one["kind"] == "Deployment"
        assert pod["automountServiceAccountToken"] is watches
        assert pod["enableServiceLinks"] is False
        assert "hostNetwork" not in pod
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("mode", ["runtimeClass", "env", "cdi", "volumeMount", "dra", "hostDriver"])
def test_no_mode_takes_a_card(helm: Helm, mode: str) -> None:
    """Nothing asks for a GPU; a claim has admin access, which gives a card to nobody."""
    objects = helm.template(f"--set=gpuAccess.mode={mode}")
    for one in of_kind(objects, "DaemonSet", "Deployment"):
        (container,) = one["spec"]["template"]["spec"]["containers"]
        asked = {name for part in ("requests", "limits") for name in container["resources"].get(part, {})}
        assert asked == {"cpu", "memory"}
    claims = of_kind(objects, "ResourceClaimTemplate")
    assert len(claims) == (mode == "dra")
    for claim in claims:
        assert [one["exactly"]["adminAccess"] for one in claim["spec"]["spec"]["devices"]["requests"]] == [True]


def test_admin_access_needs_the_namespaces_leave(helm: Helm) -> None:
    """Without the label that the notes name, the API server refuses the claim."""
    (claim,) = of_kind(helm.template("--set=gpuAccess.mode=dra"), "ResourceClaimTemplate")
    without = namespace(helm.cluster, "no-admin-access")
    elsewhere = {**claim, "metadata": {**claim["metadata"], "namespace": without}}
    assert refusal(helm.cluster, claim) == ""
    assert "admin access to devices requires the `resource.kubernetes.io/admin-access: true` label" in refusal(
        helm.cluster, elsewhere
    )


EVERYTHING: Final = (
    "--set=role=node",
    "--set=processAttribution.enabled=true",
    "--set=kernelLog.enabled=true",
    "--set=gpuAccess.mode=hostDriver",
    "--set=xidStore.type=hostPath",
    "--set=kubelet.podResources=/var/lib/k0s/kubelet/pod-resources",
)


def test_the_program_looks_where_the_chart_mounts(helm: Helm) -> None:
    """Whatever the node keeps where, its directories are in the container where the configuration has them."""
    objects = helm.template(*EVERYTHING)
    (agent,) = of_kind(objects, "DaemonSet")
    (text,) = [
        one["data"]["lanewatch.yaml"] for one in of_kind(objects, "ConfigMap") if "lanewatch.yaml" in one["data"]
    ]
    config = parse_config(text, "lanewatch.yaml")
    pod = agent["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {one["name"]: one["hostPath"]["path"] for one in pod["volumes"] if "hostPath" in one}
    mounts = {one["mountPath"]: volumes.get(one["name"]) for one in container["volumeMounts"]}
    (state,) = [one["value"] for one in container["env"] if one["name"] == "STATE_DIRECTORY"]
    assert mounts == {
        "/etc/lanewatch": None,
        str(Path(config.kubelet.socket).parent): "/var/lib/k0s/kubelet/pod-resources",
        config.kubelet.pod_logs: "/var/log/pods",
        config.kernel_log.path: "/dev/kmsg",
        str(Path(config.nvml.library).parent): "/usr/lib/x86_64-linux-gnu",
        state: "/var/lib/lanewatch",
    }
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


@pytest.mark.parametrize(
    ("mode", "devices", "runtime"),
    [
        pytest.param("runtimeClass", "all", "nvidia", id="a RuntimeClass, and the variable that it reads"),
        pytest.param("env", "all", None, id="the variable alone"),
        pytest.param("volumeMount", "/var/run/nvidia-container-devices", "nvidia", id="a mount that says all"),
        pytest.param("cdi", "void", None, id="an annotation"),
        pytest.param("dra", "void", None, id="a claim"),
        pytest.param("hostDriver", "void", None, id="the node's library"),
    ],
)
def test_a_mode_asks_for_the_cards_in_its_own_way(helm: Helm, mode: str, devices: str, runtime: str | None) -> None:
    """And in no other: two ways at once would be told apart by nobody when one fails."""
    (agent,) = of_kind(helm.template(f"--set=gpuAccess.mode={mode}"), "DaemonSet")
    pod = agent["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {one["name"]: one.get("value") for one in container["env"]}["NVIDIA_VISIBLE_DEVICES"] == devices
    assert pod.get("runtimeClassName") == runtime
    ways = {
        "cdi": "cdi.k8s.io/lanewatch" in agent["spec"]["template"]["metadata"]["annotations"],
        "dra": "resourceClaims" in pod and container["resources"].get("claims") == [{"name": "cards"}],
        "volumeMount": any(one["name"] == "all-cards" for one in container["volumeMounts"]),
        "hostDriver": any(one["name"] == "driver" for one in container["volumeMounts"]),
    }
    assert {name for name, holds in ways.items() if holds} == {mode} & ways.keys()
