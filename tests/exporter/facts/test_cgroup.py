"""From the text of /proc/<pid>/cgroup to a container: every runtime, both versions, both drivers."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.facts.cgroup import ContainerId, parse_cgroup

ID: Final = "3f1c9e5a" * 8
NODE_ID: Final = "a0b1c2d3" * 8
UID: Final = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"
SLICE_UID: Final = UID.replace("-", "_")
STATIC_UID: Final = "5f0c1d2e3b4a59687786950413223140"
_IN_POD: Final = ContainerId(ID, UID)
_SLICES: Final = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{SLICE_UID}.slice"
_V1: Final = "\n".join(f"{n}:{name}:{{path}}" for n, name in ((12, "cpu,cpuacct"), (5, "memory"), (1, "name=systemd")))

_CASES: Final = [
    pytest.param(f"0::/{_SLICES}/cri-containerd-{ID}.scope\n", _IN_POD, id="containerd, systemd driver, v2"),
    pytest.param(f"0::/{_SLICES}/crio-{ID}.scope\n", _IN_POD, id="CRI-O, systemd driver, v2"),
    pytest.param(f"0::/{_SLICES}/crio-{ID}.scope/container\n", _IN_POD, id="CRI-O with crun: a directory below"),
    pytest.param(f"0::/{_SLICES}/docker-{ID}.scope\n", _IN_POD, id="docker by cri-dockerd, systemd driver, v2"),
    pytest.param(
        f"0::/kubepods.slice/kubepods-pod{SLICE_UID}.slice/cri-containerd-{ID}.scope\n",
        _IN_POD,
        id="a guaranteed pod has no class in its path, systemd driver",
    ),
    pytest.param(f"0::/kubepods/besteffort/pod{UID}/{ID}\n", _IN_POD, id="cgroupfs driver, v2: k3s, RKE2, EKS"),
    pytest.param(f"0::/kubepods/pod{UID}/{ID}\n", _IN_POD, id="a guaranteed pod, cgroupfs driver"),
    pytest.param(f"0::/k8s.io/kubepods/burstable/pod{UID}/{ID}\n", _IN_POD, id="a prefix above kubepods"),
    pytest.param(_V1.format(path=f"/kubepods/burstable/pod{UID}/{ID}"), _IN_POD, id="cgroupfs driver, v1"),
    pytest.param(_V1.format(path=f"/{_SLICES}/cri-containerd-{ID}.scope"), _IN_POD, id="systemd driver, v1"),
    pytest.param(
        f"4:memory:/\n2:devices:/user.slice\n1:name=systemd:/kubepods/burstable/pod{UID}/{ID}\n0::/\n",
        _IN_POD,
        id="hybrid: one controller tells of the pod, the others do not",
    ),
    pytest.param(
        f"2:cpu:/docker/{NODE_ID}\n1:name=systemd:/kubepods/pod{UID}/{ID}\n", _IN_POD, id="a pod says more than none"
    ),
    pytest.param(
        f"0::/system.slice/containerd.service/kubepods-burstable-pod{SLICE_UID}.slice:cri-containerd:{ID}\n",
        _IN_POD,
        id="containerd without its systemd driver below a kubelet with it",
    ),
    pytest.param(
        f"0::/kubepods/burstable/pod{STATIC_UID}/{ID}\n",
        ContainerId(ID, STATIC_UID),
        id="a static pod: 32 digits, no dashes",
    ),
    pytest.param(
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC_UID}.slice/crio-{ID}.scope\n",
        ContainerId(ID, STATIC_UID),
        id="a static pod, systemd driver",
    ),
    pytest.param(
        f"0::/docker/{NODE_ID}/kubelet/kubepods/besteffort/pod{UID}/{ID}\n", _IN_POD, id="minikube and kind, cgroupfs"
    ),
    pytest.param(
        f"0::/docker/{NODE_ID}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
        f"kubelet-kubepods-besteffort-pod{SLICE_UID}.slice/cri-containerd-{ID}.scope\n",
        _IN_POD,
        id="kind, systemd driver: kubelet.slice in front",
    ),
    pytest.param(
        f"0::/{_SLICES}/cri-containerd-{ID}.scope/system.slice/nginx.service\n", _IN_POD, id="systemd in a container"
    ),
    pytest.param(
        f"0::/kubepods/burstable/pod{UID}/{ID}/kubepods/besteffort/pod{STATIC_UID}/{NODE_ID}\n",
        _IN_POD,
        id="a cluster in a pod: the pod that this node's kubelet made",
    ),
    pytest.param(f"0::/{_SLICES}/docker-{ID}.scope/docker/{NODE_ID}\n", _IN_POD, id="docker in a pod's container"),
    pytest.param(
        f"0::/../../kubepods-burstable-pod{SLICE_UID}.slice/cri-containerd-{ID}.scope\n",
        _IN_POD,
        id="seen from another cgroup namespace, systemd driver",
    ),
    pytest.param(f"0::/../../pod{UID}/{ID}\n", _IN_POD, id="seen from another cgroup namespace, cgroupfs driver"),
    pytest.param(
        f"0::/../cri-containerd-{ID}.scope\n", ContainerId(ID, None), id="a neighbour in our own pod: no pod in sight"
    ),
    pytest.param(f"0::/{_SLICES}\n", ContainerId("", UID), id="a pod's own directory"),
    pytest.param(f"0::/{_SLICES}/crio-conmon-{ID}.scope\n", ContainerId("", UID), id="CRI-O's watcher is no container"),
    pytest.param(f"0::/system.slice/docker-{ID}.scope\n", ContainerId(ID, None), id="docker without Kubernetes"),
    pytest.param(_V1.format(path=f"/docker/{ID}"), ContainerId(ID, None), id="docker without Kubernetes, v1"),
    pytest.param(
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
        ContainerId(ID, None),
        id="podman without root",
    ),
    pytest.param(f"0::/machine.slice/libpod-conmon-{ID}.scope\n", None, id="podman's watcher is the host's"),
    pytest.param("0::/system.slice/gdm.service\n", None, id="a service of the host"),
    pytest.param("0::/user.slice/user-1000.slice/session-3.scope\n", None, id="somebody's shell"),
    pytest.param("0::/\n", None, id="the root"),
    pytest.param("0::/kubepods.slice\n", None, id="the kubelet's slice is no pod"),
    pytest.param("0::/system.slice/podman.service\n", None, id="a name that begins with pod"),
    pytest.param("", None, id="nothing"),
    pytest.param("nonsense\n::::\n", None, id="nonsense"),
]


@pytest.mark.parametrize(("text", "expected"), _CASES)
def test_a_process_has_its_container(text: str, expected: ContainerId | None) -> None:
    """Each way in which a runtime writes a cgroup leads to the container and the pod, or to the host."""
    assert parse_cgroup(text) == expected


@given(st.text() | st.lists(st.sampled_from(["0::", "/", ":", "pod", UID, ID, "-", ".slice", "\n", ".."])).map("".join))
def test_no_text_is_too_odd(text: str) -> None:
    """Whatever stands there, there is an answer, and a pod in it was in the text."""
    found = parse_cgroup(text)
    assert found is None or found.container_id in text
    assert found is None or found.pod_uid is None or found.pod_uid in text.replace("_", "-")
