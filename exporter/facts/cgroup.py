"""Which container and which pod a process belongs to, out of the text of /proc/<pid>/cgroup.

Pure. Knows cgroup v1 and v2, the systemd and the cgroupfs driver, containerd, CRI-O, docker and podman. Refuses to
guess: what is neither a pod's directory nor a container's is the host's. A reader in a cgroup namespace of its own sees
paths that begin with `/../`: so a pod is known by its own directory, never by the `kubepods` above it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_POD: Final = re.compile(  # pod<uid>; `_` for `-` by the systemd driver; 32 digits alone for a static pod
    r"(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$"
)
_CONTAINER: Final = re.compile(r"^(?:[a-z][a-z0-9-]*[-_])?([0-9a-f]{64})(?:\.scope)?$")
_MONITOR: Final = re.compile(r"(?:^|-)conmon-")  # the runtime's own watcher beside a container of CRI-O or podman


@dataclass(frozen=True, slots=True)
class ContainerId:
    """One container as its runtime names it (empty: only the pod is known); `pod_uid` is None outside of Kubernetes."""

    container_id: str
    pod_uid: str | None


def parse_cgroup(text: str) -> ContainerId | None:
    """Return the container that `text` tells of, None for a process of the host."""
    found = [one for line in text.splitlines() if (one := _read_path(_path(line)))]
    return max(found, key=_how_much, default=None)


def _how_much(one: ContainerId) -> tuple[bool, bool]:
    """Rank what the controllers of cgroup v1 say: some may tell of the pod and others not."""
    return one.pod_uid is not None, bool(one.container_id)


def _path(line: str) -> str:
    """Return the path of `12:cpu,cpuacct:/path` or `0::/path`."""
    parts = line.split(":", 2)
    return parts[2] if len(parts) == 3 else ""


def _read_path(path: str) -> ContainerId | None:
    """Return the outermost pod on the path, and the outermost container in it: those that this node's kubelet made."""
    pod_uid: str | None = None
    container_id = ""
    for name in _names(path):
        if pod_uid is None and (pod := _POD.search(name)):
            pod_uid, container_id = pod[1].replace("_", "-"), ""
        elif not container_id and (container := _CONTAINER.match(name)) and not _MONITOR.search(name):
            container_id = container[1]
    return ContainerId(container_id, pod_uid) if pod_uid or container_id else None


def _names(path: str) -> Iterator[str]:
    """Yield the names of a path; containerd without its systemd driver writes `<slice>:cri-containerd:<id>`."""
    for directory in path.split("/"):
        yield from directory.split(":")
